"""Quantisation, and products of quantised tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import Value

from ..call import Call, NeedsHost, axis_of, handles
from ..tensors import ir_dtype_of


def _along(c: Call, value: Value, x: Value, axis: int) -> Value:
    """A scale or zero point per tensor or along one axis, shaped to broadcast. Blocked ones are the host's."""
    if value.rank == 0 or c.shape(value) == (1,):
        return c.reshaped(value, ())
    if value.rank != 1 or c.get("block_size", 0):
        raise NeedsHost
    axis = axis_of(axis, x.rank)
    return c.reshaped(value, [-1 if a == axis else 1 for a in range(x.rank)])


def _saturated(c: Call, x: Value, dtype: str) -> Value:
    """A float rounded to an integer dtype, at its bounds where it lies outside. float64 holds all of int32."""
    bounds = np.iinfo(dtype)
    limited = c.b.clip(x, low=float(bounds.min), high=float(bounds.max))
    return c.cast(limited, dtype)


@handles("QuantizeLinear")
def _quantize(c: Call) -> Any:
    x, scale, zero = c.x(0), c.x(1), c.opt(2)
    if c.get("precision", 0) or x.dtype not in ("float32", "float16", "int32"):
        raise NeedsHost
    wanted = ir_dtype_of(int(c.attrs["output_dtype"])) if c.get("output_dtype", 0) else None
    dtype = zero.dtype if zero is not None else wanted or "uint8"
    if (c.get("output_dtype", 0) and wanted is None) or not dtype.startswith(("int", "uint")):
        raise NeedsHost
    axis = int(c.get("axis", 1))
    ratio = c.b.div(c.cast(x, "float32"), c.cast(_along(c, scale, x, axis), "float32"))
    steps = c.cast(c.b.round(ratio), "float64")
    if zero is not None:
        steps = c.b.add(steps, c.cast(_along(c, zero, x, axis), "float64"))
    return _saturated(c, steps, dtype)


@handles("DequantizeLinear")
def _dequantize(c: Call) -> Any:
    x, scale, zero = c.x(0), c.x(1), c.opt(2)
    if c.get("output_dtype", 0) and ir_dtype_of(int(c.attrs["output_dtype"])) != scale.dtype:
        raise NeedsHost
    axis = int(c.get("axis", 1))
    value = c.cast(x, "int32")
    if zero is not None:
        value = c.b.sub(value, c.cast(_along(c, zero, x, axis), "int32"))
    return c.cast(c.b.mul(c.cast(value, "float32"), c.wide(_along(c, scale, x, axis))), scale.dtype)


def _centred(c: Call, x: Value, zero: Value | None, rows: bool) -> Value:
    """int32 without the zero point, which is one, or one per row (of a) or column (of b)."""
    value = c.cast(x, "int32")
    if zero is None:
        return value
    zero = c.cast(zero, "int32")
    if zero.rank == 1 and rows and zero.shape != (1,):
        zero = c.b.expand_dims(zero, axes=(1,))
    return c.b.sub(value, zero)


@handles("MatMulInteger")
def _matmul_integer(c: Call) -> Any:
    return c.b.matmul(_centred(c, c.x(0), c.opt(2), True), _centred(c, c.x(1), c.opt(3), False))


@handles("QLinearMatMul")
def _qlinear_matmul(c: Call) -> Any:
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = (c.x(i) for i in range(8))
    if a_scale.rank > 1 or b_scale.rank > 1:
        raise NeedsHost
    product = c.b.matmul(_centred(c, a, a_zero, True), _centred(c, b, b_zero, False))
    a_scale = c.b.expand_dims(a_scale, axes=(1,)) if a_scale.rank == 1 and a_scale.shape != (1,) else a_scale
    factor = c.b.div(c.b.mul(*(c.cast(s, "float64") for s in (a_scale, b_scale))), c.cast(scale, "float64"))
    steps = c.b.round(c.b.mul(c.cast(product, "float64"), factor))
    return _saturated(c, c.b.add(steps, c.cast(zero, "float64")), zero.dtype)
