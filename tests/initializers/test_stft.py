"""Window functions against scipy.signal.get_window, STFT against keras.initializers 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat.errors import ArgumentError
from kcompat.initializers import STFT
from kcompat.windows import WINDOWS, get_window

SYMMETRIC_5 = {
    "boxcar": [1.0, 1.0, 1.0, 1.0, 1.0],
    "bartlett": [0.0, 0.5, 1.0, 0.5, 0.0],
    "triang": [1 / 3, 2 / 3, 1.0, 2 / 3, 1 / 3],
    "cosine": [0.309017, 0.809017, 1.0, 0.809017, 0.309017],
    "hann": [0.0, 0.5, 1.0, 0.5, 0.0],
    "hamming": [0.08, 0.54, 1.0, 0.54, 0.08],
    "blackman": [0.0, 0.34, 1.0, 0.34, 0.0],
    "nuttall": [0.0003628, 0.2269824, 1.0, 0.2269824, 0.0003628],
    "blackmanharris": [6e-05, 0.21747, 1.0, 0.21747, 6e-05],
    "barthann": [0.0, 0.5, 1.0, 0.5, 0.0],
    "bohman": [0.0, 0.3183099, 1.0, 0.3183099, 0.0],
    "exponential": [0.1353353, 0.3678794, 1.0, 0.3678794, 0.1353353],
    "lanczos": [0.0, 0.6366198, 1.0, 0.6366198, 0.0],
    "parzen": [0.016, 0.424, 1.0, 0.424, 0.016],
    "tukey": [0.0, 1.0, 1.0, 1.0, 0.0],
    "flattop": [-0.0004211, -0.0547368, 1.0, -0.0547368, -0.0004211],
}
TRIANGLE_4 = [0.25, 0.75, 0.75, 0.25]
PERIODIC_6 = {
    "barthann": [0.0, 0.27, 0.73, 1.0, 0.73, 0.27],
    "bohman": [0.0, 0.1089978, 0.6089978, 1.0, 0.6089978, 0.1089978],
    "exponential": [0.0497871, 0.1353353, 0.3678794, 1.0, 0.3678794, 0.1353353],
    "lanczos": [0.0, 0.4134967, 0.8269933, 1.0, 0.8269933, 0.4134967],
    "parzen": [0.0058309, 0.1574344, 0.6501458, 1.0, 0.6501458, 0.1574344],
    "tukey": [0.0, 0.75, 1.0, 1.0, 1.0, 0.75],
}


def test_all_windows_are_checked() -> None:
    assert set(SYMMETRIC_5) == set(WINDOWS)


@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name: str) -> None:
    np.testing.assert_allclose(get_window(name, 5, periodic=False), SYMMETRIC_5[name], atol=1e-7)
    np.testing.assert_allclose(get_window(name, 4, periodic=True), SYMMETRIC_5[name][:4], atol=1e-7)
    np.testing.assert_array_equal(get_window(name, 1, periodic=False), [1.0])


@pytest.mark.parametrize("name", PERIODIC_6)
def test_periodic_windows(name: str) -> None:
    np.testing.assert_allclose(get_window(name, 6, periodic=True), PERIODIC_6[name], atol=1e-7)


def test_even_triangle() -> None:
    np.testing.assert_allclose(get_window("triang", 4, periodic=False), TRIANGLE_4)


def test_unknown_window_is_refused() -> None:
    with pytest.raises(ArgumentError, match="unknown window 'kaiser'; known: boxcar"):
        get_window("kaiser", 4, periodic=False)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, [[0, 0, 0], [0.7071068, 0, -0.7071068], [0.7071068, -0.7071068, 0.7071068], [0, 0, 0]]),
        (
            {"side": "imag", "window": "hamming", "scaling": "spectrum", "periodic": True},
            [[0, 0, 0], [0, -0.25, 0], [0, 0, 0], [0, 0.25, 0]],
        ),
        ({"side": "imag", "window": None}, [[0, 0, 0], [0, -1, 0], [0, 0, 0], [0, 1, 0]]),
        ({"window": [1, 2, 3, 1], "scaling": None}, [[1, 1, 1], [2, 0, -2], [3, -3, 3], [1, 0, -1]]),
    ],
)
def test_stft(arguments: dict[str, Any], expected: list[list[float]]) -> None:
    np.testing.assert_allclose(STFT(**arguments)((4, 1, 3))[:, 0], expected, rtol=1e-4, atol=1e-6)
