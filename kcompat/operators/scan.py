"""Sums and products of everything up to each position of an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, Int, Operator, operator
from ..ir.types import TensorType, normalize_axis
from .gradients import keep_where, unary


def _scan_type(x: TensorType, *, axis: int, **_: Any) -> TensorType:
    normalize_axis(axis, x.rank)
    return x


def _shifted(x: np.ndarray, axis: int, start: int) -> np.ndarray:
    """x moved by one position along an axis, with `start` in front."""
    moved = np.moveaxis(x, axis, 0)
    first = np.full_like(moved[:1], start)
    return np.moveaxis(np.concatenate([first, moved[:-1]]), 0, axis)


def _scan(name: str, function: np.ufunc, start: int, derive: Callable[..., Value]) -> Operator:
    def meaning(x: np.ndarray, *, axis: int, exclusive: bool, reverse: bool) -> np.ndarray:
        x = np.flip(x, axis) if reverse else x
        total = function.accumulate(x, axis=axis, dtype=x.dtype)
        total = _shifted(total, axis, start) if exclusive else total
        return np.flip(total, axis) if reverse else total

    attrs = {"axis": Int, "exclusive": Bool(False), "reverse": Bool(False)}
    return operator(name, "x", attrs=attrs, infer=_scan_type, meaning=meaning, gradient=unary(derive))


def _sum_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axis: int, exclusive: bool, reverse: bool) -> Value:
    return b.cumsum(dy, axis=axis, exclusive=exclusive, reverse=not reverse)


def _product_gradient(b: Builder, dy: Value, x: Value, y: Value, **attrs: Any) -> Value:
    """As TensorFlow's, which is zero by elements that are zero."""
    total = _sum_gradient(b, b.mul(dy, y), x, y, **attrs)
    return keep_where(b, b.not_equal(x, 0.0), b.div(total, x))


cumsum = _scan("cumsum", np.add, 0, _sum_gradient)
"""The sum of the elements up to each position; exclusive: before it; reverse: from the end."""

cumprod = _scan("cumprod", np.multiply, 1, _product_gradient)
"""The product of the elements up to each position; exclusive: before it; reverse: from the end."""
