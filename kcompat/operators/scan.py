"""Sums and products of everything up to each position of an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir.operator import Bool, Int, Operator, operator
from ..ir.types import TensorType, normalize_axis


def _scan_type(x: TensorType, *, axis: int, **_: Any) -> TensorType:
    normalize_axis(axis, x.rank)
    return x


def _shifted(x: np.ndarray, axis: int, start: int) -> np.ndarray:
    """x moved by one position along an axis, with `start` in front."""
    moved = np.moveaxis(x, axis, 0)
    first = np.full_like(moved[:1], start)
    return np.moveaxis(np.concatenate([first, moved[:-1]]), 0, axis)


def _scan(name: str, function: np.ufunc, start: int) -> Operator:
    def meaning(x: np.ndarray, *, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
        x = np.flip(x, axis) if reverse else x
        total = function.accumulate(x, axis=axis, dtype=x.dtype)
        total = _shifted(total, axis, start) if exclusive else total
        return np.flip(total, axis) if reverse else total

    attrs = {"axis": Int, "exclusive": Bool(False), "reverse": Bool(False)}
    return operator(name, "x", attrs=attrs, infer=_scan_type, meaning=meaning)


cumsum = _scan("cumsum", np.add, 0)
"""The sum of the elements up to each position; exclusive: before it; reverse: from the end."""

cumprod = _scan("cumprod", np.multiply, 1)
"""The product of the elements up to each position; exclusive: before it; reverse: from the end."""
