"""The gradients of every layer against TensorFlow's, of sum(output * cotangent) by inputs and weights.

In inference, and in training where that is another function.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from cases import LayerCase, all_cases

from kcompat.converters.keras.build import build_layer
from kcompat.converters.keras.spec import LayerSpec, Writer
from kcompat.ir import Graph, TensorType, Value, Variable, verify
from kcompat.ir.types import ir_dtype
from kcompat.layers import Layer
from kcompat.layers.emitter import Emitter
from kcompat.models import model_from_config
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate
from kcompat.tree import flatten

RECORDED = [case for case in all_cases() if case.gradient_names]
REPLACED = "multiheadattention_nothing_seen"
"""Keras 2 lowers scores that are masked, Keras 3 replaces them. Where that does not show in outputs, a
layer of Keras 2 is read as one of Keras 3, and has its gradients by queries that see nothing: none.
"""
CASES = [case for case in RECORDED if case.name != REPLACED]
WRITERS = {"keras": Writer(3, "3.15.1"), "tf_keras": Writer(2, "2.21.0-tf")}


def make_layer(case: LayerCase) -> Layer:
    """The layer, or the model around it, as the reader of model files makes it."""
    if case.model_config is not None:
        return model_from_config({"class_name": "Functional", "config": case.model_config})
    spec = LayerSpec(case.class_name, case.config["name"], case.config, module="keras.layers")
    return build_layer(spec, WRITERS[case.era], {})


def open_type(array: np.ndarray, shape: tuple[Any, ...]) -> TensorType:
    sizes = ("batch" if not axis and size is None else size for axis, size in enumerate(shape))
    return TensorType(ir_dtype(array), tuple(sizes))


def open_inner(shape: tuple[Any, ...], config: dict[str, Any]) -> tuple[Any, ...]:
    """The shape with every size open but that of the channels."""
    channels = 1 if config.get("data_format") == "channels_first" else len(shape) - 1
    return tuple(size if axis == channels else None for axis, size in enumerate(shape))


class Subject:
    """A layer's graph, with the cotangents as further inputs, and what it is differentiated by."""

    def __init__(self, case: LayerCase, shapes: Sequence[tuple[Any, ...]]) -> None:
        self.case = case
        self.layer = make_layer(case)
        self.emit(case.input_shapes)
        self.emit(shapes)
        self.layer.set_weights(case.weights)
        self.cotangents = case.arrays("cotangent", len(self.outputs))

    def emit(self, shapes: Sequence[tuple[Any, ...]]) -> None:
        """Begin the graph. The first call builds the layer, which needs to know some sizes."""
        self.b = Emitter(training=self.case.training)
        pairs = zip(self.case.inputs, shapes, strict=True)
        self.inputs = [self.b.input(open_type(array, shape)) for array, shape in pairs]
        outputs = self.b.call(self.layer, *self.case.arguments(self.inputs), **self.case.call_kwargs)
        self.outputs = flatten(outputs)

    def wrt(self) -> dict[str, Value]:
        """By the names of what Keras recorded."""
        floats = [place for place, value in enumerate(self.inputs) if value.dtype == "float32"]
        trained = {id(weight) for weight in self.layer.trainable_weights}
        named: dict[str, Value] = {f"grad_input_{place}": self.inputs[place] for place in floats}
        weights: list[Variable] = self.layer.weights
        for place, weight in enumerate(weights):
            if id(weight) in trained:
                named[f"grad_weight_{place}"] = self.b.parameter(weight)
        return named

    def graph(self, wrt: list[Value]) -> Graph:
        total = None
        for output, tangent in zip(self.outputs, self.cotangents, strict=True):
            seed = self.b.input(TensorType("float32", output.shape))
            product = self.b.reduce_sum(self.b.mul(output, seed), axes=range(tangent.ndim))
            total = product if total is None else self.b.add(total, product)
        made = differentiate(self.b, total, wrt)
        zero = self.b.constant(0, "float32")
        return verify(self.b.build([zero if gradient is None else gradient for gradient in made]))


def gradients(case: LayerCase, shapes: Sequence[tuple[Any, ...]]) -> dict[str, np.ndarray]:
    subject = Subject(case, shapes)
    wrt = subject.wrt()
    made = evaluate(subject.graph(list(wrt.values())), [*case.inputs, *subject.cotangents])
    return dict(zip(wrt, made, strict=True))


def check(case: LayerCase, shapes: Sequence[tuple[Any, ...]]) -> None:
    made = gradients(case, shapes)
    assert set(made) == case.gradient_names
    for name, gradient in made.items():
        expected = case.array(name)
        assert gradient.shape == expected.shape or not np.any(expected)
        np.testing.assert_allclose(gradient, expected, rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients(case: LayerCase) -> None:
    check(case, case.input_shapes)


@pytest.mark.parametrize("case", [case for case in CASES if case.model_config is None], ids=str)
def test_gradients_with_open_sizes(case: LayerCase) -> None:
    check(case, [open_inner(shape, case.config) for shape in case.input_shapes])


def test_a_query_that_sees_nothing_has_no_gradient_as_in_keras_3() -> None:
    (case,) = (case for case in RECORDED if case.name == REPLACED)
    made = gradients(case, case.input_shapes)["grad_input_0"]
    sees = case.inputs[2].any(axis=-1)
    assert not sees.all()
    assert sees.any()
    np.testing.assert_array_equal(made[~sees], 0)
    np.testing.assert_allclose(made[sees], case.array("grad_input_0")[sees], rtol=1e-4, atol=1e-5)
