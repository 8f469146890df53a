"""Arithmetic, comparison and logic on each element, with NumPy broadcasting."""

from __future__ import annotations

import numpy as np

from ..ir.operator import DType, OptionalFloat, elementwise, operator, same_dtype
from ..ir.types import TensorType, broadcast, numpy_name
from .floating import function

add = elementwise("add", np.add, operands="x y", onnx="Add")
sub = elementwise("sub", np.subtract, operands="x y", onnx="Sub")
mul = elementwise("mul", np.multiply, operands="x y", onnx="Mul")
maximum = elementwise("maximum", np.maximum, operands="x y", onnx="Max")
minimum = elementwise("minimum", np.minimum, operands="x y", onnx="Min")
pow = elementwise("pow", np.power, operands="x y", onnx="Pow")


def _div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """True division of floats; integers truncate toward zero, as in ONNX."""
    if x.dtype.kind not in "iu":
        return np.divide(x, y)
    floor = x // y
    return floor + ((floor * y != x) & ((x < 0) != (y < 0))).astype(x.dtype)


div = elementwise("div", _div, operands="x y", onnx="Div")

neg = elementwise("neg", np.negative, onnx="Neg")
abs = elementwise("abs", np.abs, onnx="Abs")
sqrt = function("sqrt", np.sqrt, onnx="Sqrt")
rsqrt = function("rsqrt", lambda x: (1 / np.sqrt(x)).astype(x.dtype))
square = elementwise("square", np.square)
round = function("round", np.rint, onnx="Round")
"""To the nearest whole number, halves to the even one."""
reciprocal = function("reciprocal", np.reciprocal, onnx="Reciprocal")
exp = function("exp", np.exp, onnx="Exp")
log = function("log", np.log, onnx="Log")

equal = elementwise("equal", np.equal, operands="x y", result="bool", onnx="Equal")
not_equal = elementwise("not_equal", np.not_equal, operands="x y", result="bool")
less = elementwise("less", np.less, operands="x y", result="bool", onnx="Less")
less_equal = elementwise("less_equal", np.less_equal, operands="x y", result="bool", onnx="LessOrEqual")
greater = elementwise("greater", np.greater, operands="x y", result="bool", onnx="Greater")
greater_equal = elementwise("greater_equal", np.greater_equal, operands="x y", result="bool", onnx="GreaterOrEqual")
logical_and = elementwise("logical_and", np.logical_and, operands="x y", result="bool", onnx="And")
logical_or = elementwise("logical_or", np.logical_or, operands="x y", result="bool", onnx="Or")
logical_not = elementwise("logical_not", np.logical_not, result="bool", onnx="Not")


def _clip(x: np.ndarray, *, low: float | None, high: float | None) -> np.ndarray:
    return x if low is None and high is None else np.clip(x, low, high).astype(x.dtype, copy=False)


clip = elementwise("clip", _clip, attrs={"low": OptionalFloat(None), "high": OptionalFloat(None)})


def _where_type(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    return TensorType(same_dtype("where", x, y), broadcast(condition.shape, x.shape, y.shape))


where = operator("where", "condition x y", infer=_where_type, meaning=np.where, onnx="Where", pointwise=True)

cast = operator(
    "cast",
    "x",
    attrs={"dtype": DType},
    infer=lambda x, *, dtype: x.with_dtype(dtype),
    meaning=lambda x, *, dtype: x.astype(numpy_name(dtype)),
    pointwise=True,
)
