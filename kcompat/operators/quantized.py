"""Numbers as whole steps of a scale, and products of such numbers. Source: ONNX's QuantizeLinear and its kin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Int, Ints, Layout, Pads, not_differentiable, operator
from ..ir.types import TensorType, broadcast, fits, shape_text
from .conv import conv
from .gradients import Gradients, constant, unbroadcast
from .linear import matmul

LEVELS = ("int8", "uint8", "int16", "uint16")
"""Dtypes of steps."""

BYTES = ("int8", "uint8")


def require_dtypes(name: str, operand: str, type: TensorType | None, allowed: Sequence[str]) -> None:
    """Raises DtypeError for an operand that is of none of these dtypes."""
    if type is not None and type.dtype not in allowed:
        raise DtypeError(f"{name}: {operand} must be of {' or '.join(allowed)}, received {type.dtype}")


def saturated(steps: np.ndarray, dtype: str) -> np.ndarray:
    """Whole floats as integers, at the bounds of the dtype where they lie outside."""
    bounds = np.iinfo(dtype)
    return np.clip(steps, bounds.min, bounds.max).astype(dtype)


def _levels_type(name: str, source: str) -> Any:
    def infer(x: TensorType, factor: TensorType, zero: TensorType) -> TensorType:
        require_dtypes(name, "x", x, (source,))
        require_dtypes(name, "its factor", factor, ("float32",))
        require_dtypes(name, "its zero", zero, LEVELS)
        return TensorType(zero.dtype, broadcast(x.shape, factor.shape, zero.shape))

    return infer


quantize = operator(
    "quantize",
    "x scale zero",
    infer=_levels_type("quantize", "float32"),
    meaning=lambda x, scale, zero: saturated(np.rint(x / scale) + zero.astype(np.float32), zero.dtype.name),
    gradient=constant,
    pointwise=True,
)
"""x in steps of `scale` from `zero`, in the dtype of zero: rounded to the nearest, halves to the even one."""

requantize = operator(
    "requantize",
    "x factor zero",
    infer=_levels_type("requantize", "int32"),
    meaning=lambda x, factor, zero: saturated(
        np.rint(x.astype(np.float32) * factor) + zero.astype(np.float32), zero.dtype.name
    ),
    gradient=constant,
    pointwise=True,
)
"""Sums of steps, times `factor` in float32, as steps from `zero`, in its dtype."""


def _dequantize_type(x: TensorType, scale: TensorType, zero: TensorType) -> TensorType:
    require_dtypes("dequantize", "x", x, (*LEVELS, "int32"))
    require_dtypes("dequantize", "its zero", zero, (x.dtype,))
    require_dtypes("dequantize", "its scale", scale, ("float32", "float64"))
    return TensorType(scale.dtype, broadcast(x.shape, scale.shape, zero.shape))


def _dequantize_gradient(b: Builder, gradients: Sequence[Value], inputs: Sequence[Value], _: Any) -> Gradients:
    (dy,), (x, scale, zero) = gradients, inputs
    steps = b.sub(b.cast(x, dtype=scale.dtype), b.cast(zero, dtype=scale.dtype))
    return [None, unbroadcast(b, b.mul(dy, steps), scale, x), None]


dequantize = operator(
    "dequantize",
    "x scale zero",
    infer=_dequantize_type,
    meaning=lambda x, scale, zero: (x.astype(np.int32) - zero.astype(np.int32)).astype(scale.dtype) * scale,
    gradient=_dequantize_gradient,
    pointwise=True,
)
"""The numbers that steps of `scale` from `zero` stand for."""


def _dynamic_type(x: TensorType) -> tuple[TensorType, TensorType, TensorType]:
    require_dtypes("dynamic_quantize", "x", x, ("float32",))
    return x.with_dtype("uint8"), TensorType("float32", ()), TensorType("uint8", ())


def _dynamic(x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    low, high = np.minimum(x.min(), np.float32(0)), np.maximum(x.max(), np.float32(0))
    scale = np.asarray((high - low) / np.float32(255) if high > low else 1, np.float32)
    zero = np.asarray(np.rint(np.clip(-low / scale, 0, 255)), np.uint8)
    return quantize.meaning(x, scale, zero), scale, zero


dynamic_quantize = operator(
    "dynamic_quantize", "x", infer=_dynamic_type, meaning=_dynamic, gradient=constant, onnx="DynamicQuantizeLinear"
)
"""x as uint8 that cover its own range, which is taken to reach zero: the steps, their scale, the zero. Zeros alone have
scale 1, as in onnxruntime."""


def require_levels(
    name: str, x: TensorType, w: TensorType, x_zero: TensorType | None, w_zero: TensorType | None
) -> None:
    """Raises DtypeError unless factors are bytes, and their zeros, which there need not be, likewise."""
    require_dtypes(name, "x", x, BYTES)
    require_dtypes(name, "y", w, BYTES)
    require_dtypes(name, "the zero of x", x_zero, (x.dtype,))
    require_dtypes(name, "the zero of y", w_zero, (w.dtype,))


def centred(x: np.ndarray, zero: np.ndarray | None) -> np.ndarray:
    """Steps from zero, as int32."""
    return x.astype(np.int32) if zero is None else x.astype(np.int32) - zero.astype(np.int32)


def _integer_matmul_type(
    x: TensorType, y: TensorType, x_zero: TensorType | None, y_zero: TensorType | None
) -> TensorType:
    require_levels("integer_matmul", x, y, x_zero, y_zero)
    for value, zero in ((x, x_zero), (y, y_zero)):
        if zero is not None and not fits(broadcast(value.shape, zero.shape), value.shape):
            raise ShapeError(f"integer_matmul: a zero {shape_text(zero.shape)} of {shape_text(value.shape)}")
    wide = x.with_dtype("int32"), y.with_dtype("int32")
    result = matmul.infer(*wide, transpose_a=False, transpose_b=False)
    assert isinstance(result, TensorType)
    return result


integer_matmul = operator(
    "integer_matmul",
    "x y x_zero? y_zero?",
    infer=_integer_matmul_type,
    meaning=lambda x, y, x_zero, y_zero: np.matmul(centred(x, x_zero), centred(y, y_zero)),
    gradient=not_differentiable,
)
"""NumPy's matmul of steps from their zeros, which broadcast to x and y, in int32."""


def integer_conv_type(
    name: str, x: TensorType, w: TensorType, x_zero: TensorType | None, w_zero: TensorType | None, **attrs: Any
) -> TensorType:
    """The type of a convolution of bytes; zeros are numbers, that of w may be one for each filter."""
    require_levels(name, x, w, x_zero, w_zero)
    if x_zero is not None and x_zero.rank:
        raise ShapeError(f"{name}: the zero of x is one number, received shape {shape_text(x_zero.shape)}")
    if w_zero is not None and not fits(broadcast(w_zero.shape, w.shape[-1:]), w.shape[-1:]):
        raise ShapeError(f"{name}: a zero {shape_text(w_zero.shape)} of filters {shape_text(w.shape)}")
    result = conv.infer(x.with_dtype("int32"), w.with_dtype("int32"), None, **attrs)
    assert isinstance(result, TensorType)
    return result


def integer_conv_meaning(
    x: np.ndarray, w: np.ndarray, x_zero: np.ndarray | None, w_zero: np.ndarray | None, **attrs: Any
) -> np.ndarray:
    """conv of steps from their zeros, in int32: what pads is a zero."""
    result: np.ndarray = conv.meaning(centred(x, x_zero), centred(w, w_zero), None, **attrs)
    return result


integer_conv = operator(
    "integer_conv",
    "x w x_zero? w_zero?",
    attrs={"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "groups": Int(1), "layout": Layout},
    infer=lambda *types, **attrs: integer_conv_type("integer_conv", *types, **attrs),
    meaning=integer_conv_meaning,
    gradient=not_differentiable,
)
"""conv of steps from their zeros, in int32; x_zero () and w_zero () or (O,) default to 0."""
