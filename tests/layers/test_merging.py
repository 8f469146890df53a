"""Merging layers beyond the recorded cases: functions, dtypes, ranks, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import layers, models
from kcompat.errors import KcompatError, ShapeError

RNG = np.random.default_rng(3)
A, B = (RNG.standard_normal((2, 3)).astype(np.float32) for _ in range(2))

FUNCTIONS: list[tuple[str, dict[str, Any], np.ndarray]] = [
    ("add", {}, A + B),
    ("subtract", {}, A - B),
    ("multiply", {}, A * B),
    ("average", {}, (A + B) / 2),
    ("maximum", {}, np.maximum(A, B)),
    ("minimum", {}, np.minimum(A, B)),
    ("concatenate", {}, np.concatenate([A, B], -1)),
    ("concatenate", {"axis": 0}, np.concatenate([A, B], 0)),
    ("dot", {}, np.sum(A * B, -1, keepdims=True)),
    ("dot", {"axes": 1}, np.sum(A * B, -1, keepdims=True)),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), FUNCTIONS)
def test_functions(name: str, arguments: dict[str, Any], expected: np.ndarray) -> None:
    np.testing.assert_allclose(getattr(layers, name)([A, B], **arguments), expected, rtol=1e-6)


def test_functions_make_layers_of_a_model() -> None:
    x, y = layers.Input((3,)), layers.Input((3,))
    model = models.Model([x, y], layers.multiply([x, layers.add([x, y], name="sum")]))
    assert [type(layer).__name__ for layer in model.layers[2:]] == ["Add", "Multiply"]
    assert model.layers[2].name == "sum"
    np.testing.assert_allclose(model.predict([A, B], verbose=0), A * (A + B), rtol=1e-6)


def test_lower_ranks_grow_behind_the_batch() -> None:
    x = RNG.standard_normal((2, 3, 4)).astype(np.float32)
    y = RNG.standard_normal((2, 4)).astype(np.float32)
    np.testing.assert_allclose(layers.Add()([x, y]), x + y[:, None], rtol=1e-6)
    np.testing.assert_allclose(layers.Subtract()([y, x]), y[:, None] - x, rtol=1e-6)


def test_mixed_dtypes_meet() -> None:
    counts = np.array([[1, 2, 3]], np.int32)
    assert layers.Add()([counts, counts]).dtype == np.int32
    np.testing.assert_allclose(layers.Add()([counts, A[:1]]), counts + A[:1], rtol=1e-6)
    assert layers.Add()([counts, counts.astype(np.int64)]).dtype == np.int64
    assert layers.Concatenate()([counts, A[:1]]).dtype == np.float32
    np.testing.assert_array_equal(layers.Average()([counts, counts + 1]), [[1.5, 2.5, 3.5]])


def test_a_single_input_is_enough() -> None:
    np.testing.assert_array_equal(layers.Add()([A]), A)
    np.testing.assert_array_equal(layers.Concatenate()([A]), A)


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (layers.Add(name="m"), A, r"layer 'm' \(Add\): needs a list of one or more tensors"),
        (layers.Add(name="m"), [], r"layer 'm' \(Add\): needs a list of one or more tensors, received 0"),
        (layers.Subtract(name="m"), [A], r"layer 'm' \(Subtract\): needs a list of 2 tensors, received 1"),
        (layers.Dot(1, name="m"), [A, B, A], r"layer 'm' \(Dot\): needs a list of 2 tensors, received 3"),
        (layers.Add(name="m"), [A, B[:, :2]], r"layer 'm' \(Add\): shapes do not broadcast: \[2,3\] with \[2,2\]"),
        (layers.Add(name="m"), [A, B[:1]], r"layer 'm' \(Add\): batch sizes must be equal.*\[2,3\], \[1,3\]"),
        (layers.Concatenate(name="m"), [A, B[:1]], r"layer 'm' \(Concatenate\): concat along 1"),
        (layers.Concatenate(2, name="m"), [A, B], r"layer 'm' \(Concatenate\): axis=2 is out of range"),
        (layers.Dot(0, name="m"), [A, B], r"layer 'm' \(Dot\): axes=0 .*batch axis"),
        (layers.Dot(1, name="m"), [A, B[:, :2]], r"layer 'm' \(Dot\): einsum .* received 3 and 2"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer: Any, inputs: Any, message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        layer(inputs)


def test_shapes_are_checked_on_every_call_of_a_layer() -> None:
    layer = layers.Multiply()
    layer([A, B])
    with pytest.raises(ShapeError, match="do not broadcast"):
        layer([A, B[:, :2]])
