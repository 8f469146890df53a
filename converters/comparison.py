"""How far two arrays are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ATOL = 1e-5
RTOL = 1e-4


@dataclass(frozen=True)
class Comparison:
    """Whether two arrays agree, the largest differences, and both in words.

    absolute, relative: NaN where one side alone is NaN, None where there is no distance to speak of.
    """

    same: bool
    text: str
    absolute: float | None = None
    relative: float | None = None


def compare(actual: np.ndarray, expected: np.ndarray, rtol: float = RTOL, atol: float = ATOL) -> Comparison:
    """|actual - expected| <= atol + rtol * |expected| for each element, NaN with NaN; other elements must be equal."""
    if actual.shape != expected.shape:
        return Comparison(False, f"DIFFERS, shape {actual.shape}, expected {expected.shape}")
    if expected.dtype.kind not in "biufc" or actual.dtype.kind not in "biufc":
        return _compare_equal(actual, expected)
    wide = np.complex128 if "c" in actual.dtype.kind + expected.dtype.kind else np.float64
    a, b = actual.astype(wide), expected.astype(wide)
    same = np.isclose(a, b, rtol, atol, equal_nan=True)
    with np.errstate(all="ignore"):
        differences = np.where((a == b) | (np.isnan(a) & np.isnan(b)), 0.0, np.abs(a - b))
        relatives = np.where(differences == 0, 0.0, differences / np.abs(b))
    absolute, relative = _largest(differences), _largest(relatives)
    text = f"largest difference {absolute:.3g} absolute, {relative:.3g} relative"
    if same.all():
        return Comparison(True, f"ok, {text}", absolute, relative)
    return Comparison(False, f"DIFFERS, {text}, {_first(actual, expected, same)}", absolute, relative)


def _compare_equal(actual: np.ndarray, expected: np.ndarray) -> Comparison:
    same = np.asarray(_texts(actual) == _texts(expected))
    return (
        Comparison(True, "ok, equal") if same.all() else Comparison(False, f"DIFFERS, {_first(actual, expected, same)}")
    )


def _texts(array: np.ndarray) -> np.ndarray:
    """Strings as text, whether they are held as text or as bytes."""
    decoded = [item.decode("utf-8", "surrogateescape") if isinstance(item, bytes) else str(item) for item in array.flat]
    return np.array(decoded, dtype=object).reshape(array.shape)


def _first(actual: np.ndarray, expected: np.ndarray, same: np.ndarray) -> str:
    place, count = tuple(map(int, np.argwhere(~same)[0])), np.count_nonzero(~same)
    return f"{count} of {same.size} values, first at {place}: {actual[place]}, expected {expected[place]}"


def _largest(differences: np.ndarray) -> float:
    """NaN, which stands for a NaN on one side only, is the largest of all."""
    return float(differences.max(initial=0.0))
