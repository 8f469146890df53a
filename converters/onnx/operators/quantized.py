"""Quantisation, and products of quantised tensors. ONNX's operators and, in `contrib`, those of onnxruntime."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import Value
from kcompat.operators.quantized import BYTES, LEVELS

from ..call import Call, NeedsHost, axis_of, handles
from ..tensors import ir_dtype_of
from .windows import Window, kernel_shape


def along(c: Call, value: Value, rank: int, axis: int) -> Value:
    """A scale or zero point per tensor or along one axis, shaped to broadcast. Blocked ones are the host's."""
    if value.rank == 0 or c.shape(value) == (1,):
        return c.reshaped(value, ())
    if value.rank != 1 or c.get("block_size", 0):
        raise NeedsHost
    axis = axis_of(axis, rank)
    return c.reshaped(value, [-1 if a == axis else 1 for a in range(rank)])


def zero_of(c: Call, zero: Value | None, dtype: str) -> Value:
    """A zero point, 0 if there is none."""
    return c.constant(np.zeros(()), dtype) if zero is None else zero


def quantized(c: Call, x: Value, scale: Value, zero: Value, axis: int = 1) -> Value:
    """A float in steps of a scale."""
    if zero.dtype not in LEVELS:
        raise NeedsHost
    scale = along(c, c.cast(scale, "float32"), x.rank, axis)
    return c.b.quantize(c.cast(x, "float32"), scale, along(c, zero, x.rank, axis))


def dequantized(c: Call, x: Value, scale: Value, zero: Value | None, axis: int = 1) -> Value:
    """What steps of a scale stand for, in the scale's dtype."""
    if x.dtype not in (*LEVELS, "int32"):
        raise NeedsHost
    step = along(c, c.wide(scale), x.rank, axis)
    zero = along(c, zero_of(c, zero, x.dtype), x.rank, axis)
    return c.cast(c.b.dequantize(x, step, zero), scale.dtype)


@handles("QuantizeLinear")
def _quantize(c: Call) -> Any:
    x, scale, zero = c.x(0), c.x(1), c.opt(2)
    if c.get("precision", 0) or x.dtype not in ("float32", "float16", "int32"):
        raise NeedsHost
    wanted = ir_dtype_of(int(c.attrs["output_dtype"])) if c.get("output_dtype", 0) else "uint8"
    if zero is None and wanted is None:
        raise NeedsHost
    return quantized(c, x, scale, zero_of(c, zero, wanted or ""), int(c.get("axis", 1)))


@handles("DequantizeLinear")
def _dequantize(c: Call) -> Any:
    x, scale, zero = c.x(0), c.x(1), c.opt(2)
    if c.get("output_dtype", 0) and ir_dtype_of(int(c.attrs["output_dtype"])) != scale.dtype:
        raise NeedsHost
    if scale.dtype not in ("float32", "float16"):
        raise NeedsHost
    return dequantized(c, x, scale, zero, int(c.get("axis", 1)))


# --- products ----------------------------------------------------------------------


def integer_matmul(c: Call, x: Value, y: Value, x_zero: Value | None, y_zero: Value | None) -> Value:
    """Sums of products of bytes. Zero points are one, or one per row of x or column of y."""
    if x.dtype not in BYTES or y.dtype not in BYTES:
        raise NeedsHost
    x_zero = None if x_zero is None else along(c, x_zero, x.rank, -2)
    y_zero = None if y_zero is None else along(c, y_zero, y.rank, -1)
    result: Value = c.b.integer_matmul(x, y, x_zero, y_zero)
    return result


def _zero_of_filters(c: Call, zero: Value | None) -> Value | None:
    return None if zero is None else c.reshaped(zero, () if c.shape(zero) == (1,) else c.shape(zero))


def integer_conv(c: Call, x: Value, w: Value, x_zero: Value | None, w_zero: Value | None) -> Value:
    """Sums of products of bytes, channels first; x_zero is one, w_zero one or one per filter."""
    if x.dtype not in BYTES or w.dtype not in BYTES:
        raise NeedsHost
    window = Window(c, kernel_shape(c, w))
    x_zero = None if x_zero is None else c.reshaped(x_zero, ())
    kernel = c.b.transpose(w, perm=(*range(2, w.rank), 1, 0))
    groups = int(c.get("group", 1))
    result: Value = c.b.integer_conv(x, kernel, x_zero, _zero_of_filters(c, w_zero), groups=groups, **window.options)
    return result


def requantized(c: Call, sums: Value, scales: tuple[Value, Value, Value], zero: Value, axes: tuple[int, int]) -> Value:
    """Sums of products of steps of two scales, the first along axes[0], the second along axes[1], as steps of a
    third."""
    first, second, third = (c.cast(scale, "float32") for scale in scales)
    factors = along(c, first, sums.rank, axes[0]), along(c, second, sums.rank, axes[1])
    factor = c.b.div(c.b.mul(*factors), along(c, third, sums.rank, axes[0]))
    return c.b.requantize(sums, factor, along(c, zero, sums.rank, axes[0]))


@handles("MatMulInteger")
def _matmul_integer(c: Call) -> Any:
    return integer_matmul(c, c.x(0), c.x(1), c.opt(2), c.opt(3))


@handles("QLinearMatMul")
def _qlinear_matmul(c: Call) -> Any:
    a, a_scale, a_zero, b, b_scale, b_zero, scale, zero = (c.x(i) for i in range(8))
    if zero.dtype not in BYTES:
        raise NeedsHost
    return requantized(c, integer_matmul(c, a, b, a_zero, b_zero), (a_scale, b_scale, scale), zero, (-2, -1))


@handles("ConvInteger")
def _conv_integer(c: Call) -> Any:
    return integer_conv(c, c.x(0), c.x(1), c.opt(2), c.opt(3))


@handles("QLinearConv")
def _qlinear_conv(c: Call) -> Any:
    x, x_scale, x_zero, w, w_scale, w_zero, scale, zero = (c.x(i) for i in range(8))
    sums, bias = integer_conv(c, x, w, x_zero, w_zero), c.opt(8)
    if bias is not None:
        sums = c.b.add(sums, along(c, bias, sums.rank, 1))
    return requantized(c, sums, (x_scale, w_scale, scale), zero, (1, 1))
