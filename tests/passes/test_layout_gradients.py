"""The layout pass on backward graphs: the same gradients, images turned at the edges alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from kcompat import Sequential, layers
from kcompat.ir import Builder, Graph, TensorType, Value, verify
from kcompat.layers import Input
from kcompat.layers.emitter import Emitter
from kcompat.passes.differentiate import differentiate
from kcompat.passes.layout import with_layout
from kcompat.reference import evaluate


def transposed(graph: Graph) -> int:
    """Images that are turned, among the nodes that are needed."""
    needed, count = {*graph.outputs, *graph.updates.values()}, 0
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.outputs):
            needed.update(value for value in node.inputs if value is not None)
            count += node.op.name == "transpose" and node.outputs[0].shape[0] in ("batch", None, 2)
    return count


def check(graph: Graph, target: str, most: int) -> None:
    rng = np.random.default_rng(2)
    arrays = [
        rng.normal(size=[2 if d in ("batch", None) else d for d in v.shape]).astype(v.dtype) for v in graph.inputs
    ]
    result = verify(with_layout(graph, target))
    for array, reference in zip(evaluate(result, arrays), evaluate(graph, arrays), strict=True):
        np.testing.assert_allclose(array, reference, rtol=1e-4, atol=1e-5)
    assert transposed(result) <= most


def backward(model: Any, batch: int | None) -> Graph:
    """Gradients of the sum of a model's outputs by its weights, in training."""
    b = Emitter(training=True)
    y = b.call(model, b.input(TensorType("float32", (batch or "batch", *model.input_shape[1:]))))
    loss = b.reduce_sum(b.square(y), axes=range(y.rank))
    made = differentiate(b, loss, [b.parameter(weight) for weight in model.trainable_weights])
    return verify(b.build([gradient for gradient in made if gradient is not None]))


@pytest.mark.parametrize("batch", [None, 2])
def test_a_network_of_the_other_layout(batch: int | None) -> None:
    first: dict[str, Any] = {"data_format": "channels_first"}
    model = Sequential(
        [
            Input((3, 9, 8)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu", **first),
            layers.BatchNormalization(axis=1),
            layers.MaxPooling2D(2, **first),
            layers.SpatialDropout2D(0.0, **first),
            layers.AveragePooling2D(2, padding="same", **first),
            layers.Conv2D(6, 1, activation="elu", **first),
            layers.GlobalAveragePooling2D(**first),
            layers.Dense(2),
        ]
    )
    check(backward(model, batch), "channels_last", most=1)


def along_all(operators: Callable[[Builder, Value], Sequence[Value]], layout: str) -> Graph:
    """Gradients through operators on an image that a pooling of the layout gives, and one takes."""
    b = Builder()
    x = b.input(TensorType("float32", ("batch", 4, 5, 3)), "x")
    options = {"window": (1, 1), "strides": (1, 1), "layout": layout}
    made = operators(b, b.max_pool(x, **options))
    loss: Value = b.constant(0, "float32")
    for y in made:
        loss = b.add(loss, b.reduce_sum(b.square(y), axes=range(y.rank)))
    return b.build([gradient for gradient in differentiate(b, loss, [x]) if gradient is not None])


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
def test_axes_are_renamed(target: str) -> None:
    layout = "channels_last" if target == "channels_first" else "channels_first"
    whole = {"starts": (1,), "stops": (None,), "axes": (1,)}

    def operators(b: Builder, y: Value) -> Sequence[Value]:
        return [
            b.slice(y, steps=(2,), **whole),
            b.slice(y, steps=(1,), **whole),
            b.resize(y, axes=(1, 2), sizes=(7, 3), method="bilinear"),
            b.crop_to_ratio(y, axes=(1, 2), height=1, width=2),
            b.pad(y, pads=((0, 0), (1, 2), (0, 1), (0, 0)), mode="reflect"),
            b.sparsemax(y, axis=1),
            b.concat(y, b.slice(y, steps=(1,), **whole), axis=1),
            *b.moments(y, axes=(1, 2)),
            b.stop_gradient(y),
            b.adaptive_avg_pool(y, output_size=(2, 2), layout=layout),
            b.adaptive_max_pool(y, output_size=(2, 2), layout=layout),
            b.conv(y, np.ones((2, 2, y.shape[3 if layout == "channels_last" else 1], 2), np.float32), strides=(2, 2),
                   dilations=(1, 1), layout=layout),
        ]  # fmt: skip

    check(along_all(operators, layout), target, most=2)


def test_open_sizes() -> None:
    b = Builder()
    x = b.input(TensorType("float32", ("batch", None, None, 3)), "x")
    y = b.conv(x, np.ones((2, 2, 3, 2), np.float32), strides=(2, 2), dilations=(1, 1), layout="channels_last")
    scale = b.input(TensorType("float32", (None, None, None, 2)), "scale")
    loss = b.reduce_sum(b.square(b.mul(y, scale)), axes=range(4))
    graph = verify(b.build([g for g in differentiate(b, loss, [x, scale]) if g is not None]))
    assert {"conv_input_gradient", "sum_like"} <= {node.op.name for node in graph.nodes}
    rng = np.random.default_rng(4)
    arrays = [rng.normal(size=shape).astype(np.float32) for shape in ((2, 6, 5, 3), (1, 3, 1, 2))]
    for array, reference in zip(
        evaluate(verify(with_layout(graph, "channels_first")), arrays), evaluate(graph, arrays), strict=True
    ):
        np.testing.assert_allclose(array, reference, rtol=1e-4, atol=1e-5)
