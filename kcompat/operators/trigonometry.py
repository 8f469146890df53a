"""Trigonometric and hyperbolic functions, and exp and log around zero and one."""

from __future__ import annotations

import numpy as np

from ..ir.operator import operator, same_dtype
from ..ir.types import TensorType, broadcast
from .floating import function, require_float

sin = function("sin", np.sin, onnx="Sin")
cos = function("cos", np.cos, onnx="Cos")
tan = function("tan", np.tan, onnx="Tan")
asin = function("asin", np.arcsin, onnx="Asin")
acos = function("acos", np.arccos, onnx="Acos")
atan = function("atan", np.arctan, onnx="Atan")
sinh = function("sinh", np.sinh, onnx="Sinh")
cosh = function("cosh", np.cosh, onnx="Cosh")
asinh = function("asinh", np.arcsinh, onnx="Asinh")
acosh = function("acosh", np.arccosh, onnx="Acosh")
atanh = function("atanh", np.arctanh, onnx="Atanh")
expm1 = function("expm1", np.expm1)
log1p = function("log1p", np.log1p)


def _atan2_type(y: TensorType, x: TensorType) -> TensorType:
    require_float("atan2", y)
    return TensorType(same_dtype("atan2", y, x), broadcast(y.shape, x.shape))


atan2 = operator("atan2", "y x", infer=_atan2_type, meaning=np.arctan2, pointwise=True)
"""The angle of the point (x, y), in [-pi, pi]."""
