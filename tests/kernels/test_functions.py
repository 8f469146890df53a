"""Pointwise functions of float32 as kernels compute them: how far they are from float64, and what they make of
infinity and NaN."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from kcompat.executor import Executor
from kcompat.ir import TensorType
from kcompat.layers.emitter import Emitter

X = np.concatenate([np.linspace(-120, 120, 4001), np.linspace(-6, 6, 4001), 10.0 ** np.arange(-30, 38)])
ODD = np.array([np.inf, -np.inf, np.nan, 0.0])

ERF = np.vectorize(math.erf)


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, list[float]]] = {
    "sigmoid": (logistic, 2e-7, [1, 0, np.nan, 0.5]),
    "silu": (lambda x: x * logistic(x), 2e-6, [np.inf, np.nan, np.nan, 0]),
    "tanh": (np.tanh, 2e-7, [1, -1, np.nan, 0]),
    "erf": (ERF, 5e-7, [1, -1, np.nan, 0]),
    "gelu": (lambda x: 0.5 * x * (1 + ERF(x / np.sqrt(2))), 2e-6, [np.inf, np.nan, np.nan, 0]),
    "softplus": (lambda x: np.logaddexp(0, x), 2e-6, [np.inf, 0, np.nan, np.log(2)]),
}
"""What each is in float64, its largest error (relative above 10, where results are as large as x), and its values at
infinity, minus infinity, NaN and zero."""


def computed(name: str, x: np.ndarray) -> np.ndarray:
    b = Emitter()
    graph = b.build([getattr(b, name)(b.input(TensorType("float32", x.shape)))])
    return Executor(graph)([x.astype(np.float32)])[0]


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore:overflow")
def test_errors(name: str) -> None:
    function, error, _ = FUNCTIONS[name]
    exact = function(X.astype(np.float32).astype(np.float64))
    assert (np.abs(computed(name, X) - exact) / np.maximum(1, np.abs(exact) / 10)).max() < error


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_at_infinity_and_nan(name: str) -> None:
    np.testing.assert_allclose(computed(name, ODD), FUNCTIONS[name][2], 1e-6)


def test_softmax_of_what_overflows() -> None:
    b = Emitter()
    graph = b.build([b.softmax(b.input(TensorType("float32", (4, 3))), axes=(1,))])
    x = np.array([[1e30, 1e30, 0], [-np.inf, 0, 0], [np.nan, 0, 0], [-200, 0, -88]], np.float32)
    expected = [[0.5, 0.5, 0], [0, 0.5, 0.5], [np.nan] * 3, [0, 1, np.exp(-88.0)]]
    np.testing.assert_allclose(Executor(graph)([x])[0], expected, 1e-5, 1e-30)
