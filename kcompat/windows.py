"""Window functions of spectral analysis, by the names of scipy.signal.get_window.

Cosine sums: Harris 1978, Nuttall 1981; flattop: D'Antona & Ferrero 2006.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .errors import ArgumentError


def _cosine_sum(*coefficients: float) -> Callable[[int], np.ndarray]:
    def window(length: int) -> np.ndarray:
        angles = 2 * np.pi * np.arange(length) / max(length - 1, 1)
        terms = [(-1) ** k * a * np.cos(k * angles) for k, a in enumerate(coefficients)]
        return np.sum(terms, axis=0)

    return window


def _bartlett(length: int) -> np.ndarray:
    return 1 - np.abs(2 * np.arange(length) / max(length - 1, 1) - 1)


def _triangle(length: int) -> np.ndarray:
    return 1 - np.abs(2 * np.arange(length) - (length - 1)) / (length + length % 2)


def _ends(length: int) -> np.ndarray:
    """From -1 to 1."""
    return np.linspace(-1, 1, length)


def _barthann(length: int) -> np.ndarray:
    x = _ends(length) / 2
    return 0.62 - 0.48 * np.abs(x) + 0.38 * np.cos(2 * np.pi * x)


def _bohman(length: int) -> np.ndarray:
    x = np.abs(_ends(length))
    return np.where(x < 1, (1 - x) * np.cos(np.pi * x) + np.sin(np.pi * x) / np.pi, 0)


def _parzen(length: int) -> np.ndarray:
    x = np.abs(2 * np.arange(length) - (length - 1)) / length
    return np.where(x <= 0.5, 1 - 6 * x**2 * (1 - x), 2 * (1 - x) ** 3)


def _tukey(length: int) -> np.ndarray:
    """Flat in the half between two cosine lobes."""
    return (1 - np.cos(2 * np.pi * np.minimum(1 - np.abs(_ends(length)), 0.5))) / 2


WINDOWS: dict[str, Callable[[int], np.ndarray]] = {
    "boxcar": np.ones,
    "bartlett": _bartlett,
    "triang": _triangle,
    "cosine": lambda length: np.sin(np.pi * (np.arange(length) + 0.5) / length),
    "hann": _cosine_sum(0.5, 0.5),
    "hamming": _cosine_sum(0.54, 0.46),
    "blackman": _cosine_sum(0.42, 0.5, 0.08),
    "nuttall": _cosine_sum(0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": _cosine_sum(0.35875, 0.48829, 0.14128, 0.01168),
    "barthann": _barthann,
    "bohman": _bohman,
    "exponential": lambda length: np.exp(-np.abs(np.arange(length) - (length - 1) / 2)),
    "lanczos": lambda length: np.sinc(_ends(length)),
    "parzen": _parzen,
    "tukey": _tukey,
    "flattop": _cosine_sum(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
"""Symmetric windows as functions of their length."""


def get_window(name: str, length: int, periodic: bool) -> np.ndarray:
    """A window in float64; a periodic one is the beginning of the next longer symmetric one.

    Raises ArgumentError for a name that is not in `WINDOWS`.
    """
    if name not in WINDOWS:
        raise ArgumentError(f"unknown window {name!r}; known: {', '.join(WINDOWS)}")
    if length == 1:
        return np.ones(1)
    return WINDOWS[name](length + 1)[:-1] if periodic else WINDOWS[name](length)
