"""Gradients of every function of kcompat.ops against TensorFlow's, of sum(output * cotangent)."""

from __future__ import annotations

from operator import attrgetter
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from operation_cases import OperationCase, all_cases

import kcompat
from kcompat import ops
from kcompat.ir import TensorType, verify
from kcompat.ir.types import ir_dtype
from kcompat.layers.emitter import Emitter
from kcompat.models import Functional
from kcompat.passes.differentiate import differentiate
from kcompat.reference import evaluate
from kcompat.tree import flatten

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

CASES = [
    case
    for case in all_cases()
    if all(any(array.dtype == np.float32 for array in arrays) for arrays in (case.inputs, case.outputs))
]


def cotangents(case: OperationCase) -> dict[int, np.ndarray]:
    """By the place of the floating output."""
    rng = np.random.default_rng(1)
    floats = [(place, y) for place, y in enumerate(case.outputs) if y.dtype == np.float32]
    return {place: rng.normal(size=y.shape).astype(np.float32) for place, y in floats}


def floats_of(case: OperationCase) -> list[int]:
    return [place for place, x in enumerate(case.inputs) if x.dtype == np.float32]


def theirs(keras: ModuleType, case: OperationCase) -> list[np.ndarray]:
    import tensorflow as tf

    tensors = [tf.constant(x) for x in case.inputs]
    sources = [tensors[place] for place in floats_of(case)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        args, kwargs = case.arguments(tensors)
        outputs = tf.nest.flatten(attrgetter(case.function)(keras.ops)(*args, **kwargs))
        parts = [tf.reduce_sum(outputs[place] * tangent) for place, tangent in cotangents(case).items()]
        total = tf.add_n(parts)
    found = tape.gradient(total, sources, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return [tf.convert_to_tensor(gradient).numpy() for gradient in found]


def ours(case: OperationCase) -> list[np.ndarray]:
    shapes = [(None, *x.shape[1:]) if case.open_batch else x.shape for x in case.inputs]
    symbols = [
        kcompat.Input(batch_shape=shape, dtype=x.dtype.name) for x, shape in zip(case.inputs, shapes, strict=True)
    ]
    args, kwargs = case.arguments(symbols)
    model = Functional(symbols, flatten(attrgetter(case.function)(ops)(*args, **kwargs)))
    b = Emitter()
    inputs = [b.input(TensorType(ir_dtype(x), shape)) for x, shape in zip(case.inputs, shapes, strict=True)]
    outputs = flatten(b.call(model, inputs if len(inputs) > 1 else inputs[0]))
    total: Any = None
    for place, tangent in cotangents(case).items():
        part = b.reduce_sum(b.mul(outputs[place], tangent), axes=range(tangent.ndim))
        total = part if total is None else b.add(total, part)
    made = differentiate(b, total, [inputs[place] for place in floats_of(case)])
    zero = b.constant(0, "float32")
    return evaluate(verify(b.build([zero if gradient is None else gradient for gradient in made])), case.inputs)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients(keras: ModuleType, case: OperationCase) -> None:
    for actual, expected in zip(ours(case), theirs(keras, case), strict=True):
        assert actual.shape == expected.shape or not expected.any()
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
