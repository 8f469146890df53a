"""Products of bytes with all that follows them, which passes make of several operators for one kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Float, Int, Ints, Pads, not_differentiable, operator
from ..ir.types import TensorType, broadcast, fits, same_dim
from .quantized import (
    BYTES,
    centred,
    integer_conv_meaning,
    integer_conv_type,
    require_dtypes,
    require_levels,
    saturated,
)

_OPERANDS = "x w x_zero? w_zero? bias? factor? offset? y_zero?"
_CLAMP = {"low": Float(-np.inf), "high": Float(np.inf)}


def _finished_type(
    name: str,
    sums: TensorType,
    bias: TensorType | None,
    factor: TensorType | None,
    offset: TensorType | None,
    y_zero: TensorType | None,
) -> TensorType:
    require_dtypes(name, "its bias", bias, ("int32",))
    require_dtypes(name, "its factor", factor, ("float32",))
    require_dtypes(name, "its offset", offset, ("float32",))
    require_dtypes(name, "its zero", y_zero, BYTES)
    for vector in (bias, factor, offset):
        if vector is not None and not fits(broadcast(vector.shape, sums.shape[-1:]), sums.shape[-1:]):
            raise ShapeError(f"{name}: {vector} for the columns of {sums}")
    if factor is None and (offset is not None or y_zero is not None):
        raise ShapeError(f"{name}: an offset or a zero without a factor")
    return sums.with_dtype("int32" if factor is None else "float32" if y_zero is None else y_zero.dtype)


def _finished(
    sums: np.ndarray,
    bias: np.ndarray | None,
    factor: np.ndarray | None,
    offset: np.ndarray | None,
    y_zero: np.ndarray | None,
    *,
    low: float,
    high: float,
) -> np.ndarray:
    sums = sums if bias is None else sums + bias
    if factor is None:
        return sums
    y = sums.astype(np.float32) * factor
    y = y if offset is None else y + offset
    y = np.clip(y, np.float32(low), np.float32(high))
    return y if y_zero is None else saturated(np.rint(y) + y_zero.astype(np.float32), y_zero.dtype.name)


def _dense_type(
    x: TensorType, w: TensorType, x_zero: TensorType | None, w_zero: TensorType | None, *others: Any, **_: Any
) -> TensorType:
    name = "fused_integer_dense"
    require_levels(name, x, w, x_zero, w_zero)
    if x.rank < 1 or w.rank != 2:
        raise ShapeError(f"{name}: x {x} must have axes and w {w} two")
    same_dim(x.shape[-1], w.shape[0], f"{name}: last axis of {x} and rows of {w}")
    return _finished_type(name, TensorType("int32", (*x.shape[:-1], w.shape[1])), *others)


fused_integer_dense = operator(
    "fused_integer_dense",
    _OPERANDS,
    attrs=_CLAMP,
    infer=_dense_type,
    meaning=lambda x, w, x_zero, w_zero, *others, low, high: _finished(
        centred(x, x_zero) @ centred(w, w_zero), *others, low=low, high=high
    ),
    gradient=not_differentiable,
)
"""(x - x_zero) (..., K) times (w - w_zero) (K, N) plus bias, in int32; with a factor, that as float32 times it, plus
offset, clamped; with a zero, that rounded and counted from it, in its dtype. Vectors are numbers or (N,)."""


fused_integer_conv = operator(
    "fused_integer_conv",
    _OPERANDS,
    attrs={"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "groups": Int(1), **_CLAMP},
    infer=lambda x, w, x_zero, w_zero, *others, low, high, **attrs: _finished_type(
        "fused_integer_conv",
        integer_conv_type("fused_integer_conv", x, w, x_zero, w_zero, layout="channels_last", **attrs),
        *others,
    ),
    meaning=lambda x, w, x_zero, w_zero, *others, low, high, **attrs: _finished(
        integer_conv_meaning(x, w, x_zero, w_zero, layout="channels_last", **attrs), *others, low=low, high=high
    ),
    gradient=not_differentiable,
)
"""integer_conv, channels last, finished as in fused_integer_dense."""
