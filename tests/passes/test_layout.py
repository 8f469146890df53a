"""The layout pass: the same function, images in the other layout, elements moved only at the edges."""

from typing import Any

import numpy as np
import pytest

from kcompat import Sequential, layers
from kcompat.errors import ArgumentError
from kcompat.ir import Builder, Graph, TensorType, Value, verify
from kcompat.layers import Input
from kcompat.models import Model
from kcompat.passes.layout import with_layout
from kcompat.reference import evaluate


def moving(graph: Graph) -> int:
    """The transpositions of what depends on the inputs, among the nodes that are needed."""
    depends: set[Value] = set(graph.inputs)
    for node in graph.nodes:
        if any(value in depends for value in node.inputs):
            depends.update(node.outputs)
    needed, count = set(graph.outputs), 0
    for node in reversed(graph.nodes):
        if any(value in needed for value in node.outputs):
            needed.update(value for value in node.inputs if value is not None)
            count += node.op.name == "transpose" and node.inputs[0] in depends
    return count


def check(graph: Graph, target: str, most: int, seed: int = 0) -> Graph:
    rng = np.random.default_rng(seed)
    arrays = [
        rng.normal(size=[2 if d in ("batch", None) else d for d in v.shape]).astype(v.dtype) for v in graph.inputs
    ]
    result = verify(with_layout(graph, target))
    for array, reference in zip(evaluate(result, arrays), evaluate(graph, arrays), strict=True):
        assert array.shape == reference.shape
        np.testing.assert_allclose(array, reference, rtol=1e-4, atol=1e-5)
    assert moving(result) <= most
    return result


def test_a_classifier_is_turned_once() -> None:
    """Rows of the Dense after Flatten follow, vectors and paddings too."""
    model = Sequential(
        [
            Input((9, 8, 3)),
            layers.Rescaling(2.0),
            layers.ZeroPadding2D(((1, 0), (2, 1))),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.BatchNormalization(),
            layers.Activation("tanh"),
            layers.Dense(5, activation="softmax"),
        ]
    )
    graph = check(model.graph(), "channels_first", most=1)
    assert all(node.attrs.get("layout", "channels_first") == "channels_first" for node in graph.nodes)


def test_branches_share_one_transposition() -> None:
    x = Input((8, 8, 4))
    a = layers.Conv2D(4, 3, padding="same")(x)
    squeezed = layers.Reshape((1, 1, 4))(layers.GlobalAveragePooling2D()(a))
    gate = layers.Conv2D(4, 1, activation="sigmoid")(squeezed)
    joined = layers.Concatenate()([layers.Add()([layers.Multiply()([a, gate]), x]), x])
    check(Model(x, layers.Dense(3)(layers.LayerNormalization()(joined))).graph(), "channels_first", most=2)


def test_an_image_of_the_other_layout() -> None:
    x = Input((3, 8, 8))
    y = layers.Conv2D(4, 3, data_format="channels_first")(x)
    y = layers.BatchNormalization(axis=1)(layers.PReLU(shared_axes=[2, 3])(y))
    y = layers.AveragePooling2D(2, data_format="channels_first")(y)
    check(Model(x, y).graph(), "channels_last", most=2)


def test_the_interface_can_be_turned_too() -> None:
    x = Input((8, 6, 3))
    graph = Model(x, layers.Conv2D(2, 3)(layers.UpSampling2D()(x))).graph()
    turned = verify(with_layout(graph, "channels_first", inputs=graph.inputs, outputs=[0]))
    assert turned.inputs[0].shape == ("batch", 3, 8, 6)
    assert moving(turned) == 0
    image = np.random.default_rng(1).normal(size=(1, 8, 6, 3)).astype("float32")
    (expected,), (received,) = evaluate(graph, [image]), evaluate(turned, [np.moveaxis(image, -1, 1)])
    np.testing.assert_allclose(np.moveaxis(received, 1, -1), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
@pytest.mark.parametrize(
    "shape",
    [
        (-2, 20, 3),
        (-2, 4, 15),
        (-2, 2, 2, 5, 3),
        (-2, 60),
        (-2, 5, 4, 3),
        (-1, 3),
        (-2, 4, 1, 5, 3),
    ],
)
def test_reshapes_keep_the_order_of_elements(target: str, shape: tuple[int, ...]) -> None:
    b = Builder()
    x = b.input(TensorType("float32", ("batch", 4, 5, 3)), "x")
    layout = "channels_last" if target == "channels_first" else "channels_first"
    y = b.max_pool(x, window=(1, 1), strides=(1, 1), layout=layout)
    check(b.build([b.mul(b.reshape(y, shape=shape), 2.0)]), target, most=2)


def test_channels_that_are_shuffled_or_put_into_space_stay_last() -> None:
    b = Builder()
    x = b.input(TensorType("float32", (2, 12, 4, 5)), "x")
    window: dict[str, Any] = {"window": (1, 1), "strides": (1, 1), "layout": "channels_first"}
    y = b.max_pool(x, **window)
    y = b.transpose(b.reshape(y, shape=(2, 3, 4, 4, 5)), perm=(0, 2, 1, 3, 4))
    y = b.max_pool(b.reshape(y, shape=(2, 12, 4, 5)), **window)
    y = b.transpose(b.reshape(y, shape=(2, 3, 2, 2, 4, 5)), perm=(0, 1, 4, 2, 5, 3))
    y = b.max_pool(b.reshape(y, shape=(2, 3, 8, 10)), **window)
    check(b.build([y]), "channels_last", most=4)


@pytest.mark.parametrize("target", ["channels_first", "channels_last"])
def test_axes_are_renamed(target: str) -> None:
    b = Builder()
    x = b.input(TensorType("float32", ("batch", 4, 5, 3)), "x")
    layout = "channels_last" if target == "channels_first" else "channels_first"
    y = b.max_pool(x, window=(2, 2), strides=(1, 1), pads="same", layout=layout)
    vector = np.arange(3, dtype="float32")
    results = [
        b.softmax(y, axes=(1, 3)),
        b.layer_norm(y, vector, None, axes=(-1,)),
        b.reduce_sum(y, axes=(2,)),
        b.argmax(y, axis=1),
        b.slice(y, starts=(None,), stops=(None,), steps=(-2,), axes=(2,)),
        b.tile(y, repeats=(1, 2, 1, 3)),
        b.repeat(y, axis=1, count=2),
        b.cumsum(y, axis=2),
        b.gather(y, np.array([2, 0]), axis=3),
        b.squeeze(b.expand_dims(y, axes=(1, 4)), axes=(4,)),
        b.transpose(y, perm=(0, 2, 3, 1)),
        b.resize(y, axes=(1, 2), sizes=(7, 3), method="bilinear"),
        b.einsum(y, vector, equation="bhwc,c->bhw"),
        b.where(b.greater(y, vector), y, b.mul(y, 2.0)),
        b.unfold_time(b.fold_time(y), y),
        b.group_norm(b.concat(y, y, axis=3), None, None, groups=2),
    ]
    check(b.build(results), target, most=len(results))


def test_an_unknown_layout_is_refused() -> None:
    with pytest.raises(ArgumentError, match="NCHW"):
        with_layout(Builder().build([]), "NCHW")
