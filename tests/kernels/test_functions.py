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
    "sin": (np.sin, 2e-7, [np.nan, np.nan, np.nan, 0]),
    "cos": (np.cos, 2e-7, [np.nan, np.nan, np.nan, 1]),
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


def powers(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    b = Emitter()
    types = [TensorType("float32", value.shape) for value in (x, y)]
    graph = b.build([b.pow(*map(b.input, types))])
    return Executor(graph)([x, y])[0]


def test_powers() -> None:
    rng = np.random.default_rng(0)
    x, y = np.exp(rng.normal(size=5000) * 9).astype(np.float32), (rng.normal(size=5000) * 3).astype(np.float32)
    with np.errstate(over="ignore"):
        exact = np.power(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    np.testing.assert_allclose(powers(x, y), exact, 1.2e-7, 1e-37)


def test_powers_of_what_is_odd() -> None:
    """C99, F.9.4.4."""
    odd = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan, 2.0, -2.0, 3.0, -3.0, 0.5, -0.5, 2.5, -2.5, 1e30, 1e-40]
    x, y = (np.ravel(axis).astype(np.float32) for axis in np.meshgrid(odd, odd))
    with np.errstate(all="ignore"):
        expected = np.power(x.astype(np.float64), y.astype(np.float64)).astype(np.float32)
    made = powers(x, y)
    np.testing.assert_allclose(made, expected, 1e-6, 1e-44)
    known = ~np.isnan(expected)
    assert (np.signbit(made) == np.signbit(expected))[known].all()


def test_exponentials() -> None:
    x = np.linspace(-87, 88, 9001).astype(np.float32)
    np.testing.assert_allclose(computed("exp", x), np.exp(x.astype(np.float64)), 3e-7)
    beyond = np.array([89, 200, np.inf, -104, -200, -np.inf, np.nan, 0], np.float32)
    np.testing.assert_array_equal(computed("exp", beyond), [np.inf] * 3 + [0] * 3 + [np.nan, 1])


@pytest.mark.parametrize("name", ["sin", "cos"])
def test_sines_of_large_numbers(name: str) -> None:
    for x in (np.linspace(-1e6, 1e6, 5001), 10.0 ** np.arange(0, 12), 10.0 ** np.arange(0, 38)):
        x = x.astype(np.float32)
        np.testing.assert_allclose(computed(name, x), getattr(np, name)(x.astype(np.float64)), 0, 2e-7)


def test_softmax_of_what_overflows() -> None:
    b = Emitter()
    graph = b.build([b.softmax(b.input(TensorType("float32", (4, 3))), axes=(1,))])
    x = np.array([[1e30, 1e30, 0], [-np.inf, 0, 0], [np.nan, 0, 0], [-200, 0, -88]], np.float32)
    expected = [[0.5, 0.5, 0], [0, 0.5, 0.5], [np.nan] * 3, [0, 1, np.exp(-88.0)]]
    np.testing.assert_allclose(Executor(graph)([x])[0], expected, 1e-5, 1e-30)
