"""Activation functions with arguments other than their defaults, against keras.activations 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import activations
from kcompat.errors import DtypeError, KcompatError
from kcompat.ir import Builder, TensorType

X = np.array([-7.0, -2.5, -0.6, 0.0, 0.4, 1.2, 4.0], np.float32)
ROWS = X[:6].reshape(2, 3)

OF_ELEMENTS: list[tuple[str, dict[str, Any], list[float]]] = [
    (
        "relu",
        {"negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
        [-0.75, -0.3, -0.11, -0.05, -0.01, 1.2, 3.0],
    ),
    ("relu", {"max_value": 2}, [0.0, 0.0, 0.0, 0.0, 0.4, 1.2, 2.0]),
    ("leaky_relu", {"negative_slope": 0.3}, [-2.1, -0.75, -0.18, 0.0, 0.4, 1.2, 4.0]),
    ("elu", {"alpha": 0.7}, [-0.6993617, -0.6425405, -0.3158319, 0.0, 0.4, 1.2, 4.0]),
    ("celu", {"alpha": 0.7}, [-0.6999682, -0.6803191, -0.4029391, 0.0, 0.4, 1.2, 4.0]),
    ("gelu", {"approximate": True}, [0.0, -0.0150842, -0.1645848, 0.0, 0.2621612, 1.0617028, 3.9999299]),
    ("squareplus", {"b": 1}, [0.0355339, 0.0962912, 0.2830952, 0.5, 0.7385164, 1.3810251, 4.061553]),
    ("soft_shrink", {"threshold": 1.0}, [-6.0, -1.5, 0.0, 0.0, 0.0, 0.2, 3.0]),
    ("hard_shrink", {"threshold": 1.0}, [-7.0, -2.5, 0.0, 0.0, 0.0, 1.2, 4.0]),
    ("threshold", {"threshold": 0.3, "default_value": -1.5}, [-1.5, -1.5, -1.5, -1.5, 0.4, 1.2, 4.0]),
]

ALONG_AXIS_0: list[tuple[str, float, list[list[float]]]] = [
    ("softmax", 1.0, [[0.0009111, 0.0521536, 0.1418511], [0.999089, 0.9478465, 0.8581489]]),
    ("log_softmax", 1.0, [[-7.0009112, -2.9535627, -1.9529778], [-0.0009114, -0.0535627, -0.1529777]]),
    ("sparsemax", 0.2, [[0.0, 0.17, 0.2], [1.0, 0.75, 0.56]]),
    ("glu", 1.0, [[-3.5, -1.4967192, -0.4611149]]),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), OF_ELEMENTS)
def test_arguments(name: str, arguments: dict[str, Any], expected: list[float]) -> None:
    result = getattr(activations, name)(X, **arguments)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("name", "scale", "expected"), ALONG_AXIS_0)
def test_axis(name: str, scale: float, expected: list[list[float]]) -> None:
    result = getattr(activations, name)(ROWS * np.float32(scale), axis=0)
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


def test_hard_sigmoid_of_both_generations() -> None:
    np.testing.assert_allclose(activations.hard_sigmoid(X), np.clip(X / 6 + 0.5, 0, 1), rtol=1e-6)
    np.testing.assert_allclose(activations.hard_sigmoid_keras2(X), np.clip(0.2 * X + 0.5, 0, 1), rtol=1e-6)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", sorted(set(activations.ACTIVATIONS) - {"threshold"}))
def test_dtype_is_kept(name: str, dtype: str) -> None:
    x = np.linspace(-2, 2, 8).astype(dtype)
    assert getattr(activations, name)(x).dtype == dtype


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu", "softmax", "sparsemax", "glu", "leaky_relu", "elu"])
def test_integers_are_refused_inside_graphs(name: str) -> None:
    builder = Builder()
    x = builder.input(TensorType("int32", ("batch", 4)))
    with pytest.raises(DtypeError, match="int32"):
        activations.ACTIVATIONS[name].emit(builder, x)


def test_plain_relu_takes_integers() -> None:
    builder = Builder()
    assert activations.relu.emit(builder, builder.input(TensorType("int32", (4,)))).dtype == "int32"


def test_odd_glu_is_refused() -> None:
    with pytest.raises(KcompatError, match="odd"):
        activations.glu(np.zeros((2, 3), np.float32))
