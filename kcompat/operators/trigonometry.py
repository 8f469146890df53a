"""Trigonometric and hyperbolic functions, and exp and log around zero and one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Gradient, operator, same_dtype
from ..ir.types import TensorType, broadcast
from .floating import function, require_float
from .gradients import binary, unary


def _times(factor: Callable[[Builder, Value, Value], Value]) -> Gradient:
    """The gradient of a function with the derivative `factor(b, x, y)`."""
    return unary(lambda b, dy, x, y: b.mul(dy, factor(b, x, y)))


def _over(divisor: Callable[[Builder, Value], Value]) -> Gradient:
    """The gradient of a function with the derivative 1 / `divisor(b, x)`."""
    return unary(lambda b, dy, x, y: b.div(dy, divisor(b, x)))


sin = function("sin", np.sin, gradient=_times(lambda b, x, y: b.cos(x)), onnx="Sin")
cos = function("cos", np.cos, gradient=_times(lambda b, x, y: b.neg(b.sin(x))), onnx="Cos")
tan = function("tan", np.tan, gradient=_times(lambda b, x, y: b.add(b.square(y), 1.0)), onnx="Tan")
asin = function("asin", np.arcsin, gradient=_over(lambda b, x: b.sqrt(b.sub(1.0, b.square(x)))), onnx="Asin")
acos = function("acos", np.arccos, gradient=_over(lambda b, x: b.neg(b.sqrt(b.sub(1.0, b.square(x))))), onnx="Acos")
atan = function("atan", np.arctan, gradient=_over(lambda b, x: b.add(b.square(x), 1.0)), onnx="Atan")
sinh = function("sinh", np.sinh, gradient=_times(lambda b, x, y: b.cosh(x)), onnx="Sinh")
cosh = function("cosh", np.cosh, gradient=_times(lambda b, x, y: b.sinh(x)), onnx="Cosh")
asinh = function("asinh", np.arcsinh, gradient=_over(lambda b, x: b.sqrt(b.add(b.square(x), 1.0))), onnx="Asinh")
acosh = function("acosh", np.arccosh, gradient=_over(lambda b, x: b.sqrt(b.sub(b.square(x), 1.0))), onnx="Acosh")
atanh = function("atanh", np.arctanh, gradient=_over(lambda b, x: b.sub(1.0, b.square(x))), onnx="Atanh")
expm1 = function("expm1", np.expm1, gradient=_times(lambda b, x, y: b.exp(x)))
log1p = function("log1p", np.log1p, gradient=_over(lambda b, x: b.add(x, 1.0)))


def _atan2_type(y: TensorType, x: TensorType) -> TensorType:
    require_float("atan2", y)
    return TensorType(same_dtype("atan2", y, x), broadcast(y.shape, x.shape))


def _atan2_gradient(b: Builder, gradient: Value, y: Value, x: Value) -> tuple[Value, Value]:
    share = b.div(gradient, b.add(b.square(x), b.square(y)))
    return b.mul(share, x), b.neg(b.mul(share, y))


atan2 = operator(
    "atan2", "y x", infer=_atan2_type, meaning=np.arctan2, gradient=binary(_atan2_gradient), pointwise=True
)
"""The angle of the point (x, y), in [-pi, pi]."""
