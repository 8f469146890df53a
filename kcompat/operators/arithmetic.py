"""Arithmetic, comparison and logic on each element, with NumPy broadcasting."""

from __future__ import annotations

import numpy as np

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import DType, Operator, OptionalFloat, elementwise, not_differentiable, operator, same_dtype
from ..ir.types import TensorType, broadcast, numpy_name
from .floating import function
from .gradients import Gradients, binary, constant, keep_where, unary, unbroadcast

Pair = tuple[Value, Value]


def _chosen(b: Builder, dy: Value, first: Value) -> Pair:
    """The gradients of two operands one of which was chosen."""
    zero = b.constant(0, dy.dtype)
    return b.where(first, dy, zero), b.where(first, zero, dy)


def _mul_gradient(b: Builder, dy: Value, x: Value, y: Value) -> Pair:
    return b.mul(dy, y), b.mul(dy, x)


def _pow_gradient(b: Builder, gradients: list[Value], inputs: list[Value], outputs: list[Value]) -> Gradients:
    """By y, zero where x is not positive and has no logarithm, as TensorFlow's."""
    (dy,), (x, y), (z,) = gradients, inputs, outputs
    by_x = b.mul(dy, b.mul(y, b.pow(x, b.sub(y, 1.0))))
    positive = b.greater(x, 0.0)
    log = b.log(b.where(positive, x, b.constant(1, x.dtype)))
    by_y = b.mul(dy, b.mul(z, log))
    return [unbroadcast(b, by_x, x, y), unbroadcast(b, by_y, y, x)]


def _div_gradient(b: Builder, dy: Value, x: Value, y: Value) -> Pair:
    by_x = b.div(dy, y)
    return by_x, b.neg(b.mul(by_x, b.div(x, y)))


add = elementwise("add", np.add, operands="x y", gradient=binary(lambda b, dy, x, y: (dy, dy)), onnx="Add")
sub = elementwise("sub", np.subtract, operands="x y", gradient=binary(lambda b, dy, x, y: (dy, b.neg(dy))), onnx="Sub")
mul = elementwise("mul", np.multiply, operands="x y", gradient=binary(_mul_gradient), onnx="Mul")
maximum = elementwise(
    "maximum",
    np.maximum,
    operands="x y",
    gradient=binary(lambda b, dy, x, y: _chosen(b, dy, b.greater_equal(x, y))),
    onnx="Max",
)
minimum = elementwise(
    "minimum",
    np.minimum,
    operands="x y",
    gradient=binary(lambda b, dy, x, y: _chosen(b, dy, b.less_equal(x, y))),
    onnx="Min",
)
pow = elementwise("pow", np.power, operands="x y", gradient=_pow_gradient, onnx="Pow")


def _div(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """True division of floats; integers truncate toward zero, as in ONNX."""
    if x.dtype.kind not in "iu":
        return np.divide(x, y)
    floor = x // y
    return floor + ((floor * y != x) & ((x < 0) != (y < 0))).astype(x.dtype)


div = elementwise("div", _div, operands="x y", gradient=binary(_div_gradient), onnx="Div")

neg = elementwise("neg", np.negative, gradient=unary(lambda b, dy, x, y: b.neg(dy)), onnx="Neg")
abs = elementwise("abs", np.abs, gradient=unary(lambda b, dy, x, y: b.mul(dy, b.sign(x))), onnx="Abs")
sqrt = function("sqrt", np.sqrt, gradient=unary(lambda b, dy, x, y: b.div(b.mul(dy, 0.5), y)), onnx="Sqrt")
rsqrt = function(
    "rsqrt",
    lambda x: (1 / np.sqrt(x)).astype(x.dtype),
    gradient=unary(lambda b, dy, x, y: b.mul(b.mul(dy, -0.5), b.mul(b.square(y), y))),
)
square = elementwise("square", np.square, gradient=unary(lambda b, dy, x, y: b.mul(dy, b.mul(x, 2.0))))
round = function("round", np.rint, gradient=constant, onnx="Round")
"""To the nearest whole number, halves to the even one."""
reciprocal = function(
    "reciprocal",
    np.reciprocal,
    gradient=unary(lambda b, dy, x, y: b.neg(b.mul(dy, b.square(y)))),
    onnx="Reciprocal",
)
exp = function("exp", np.exp, gradient=unary(lambda b, dy, x, y: b.mul(dy, y)), onnx="Exp")
log = function("log", np.log, gradient=unary(lambda b, dy, x, y: b.div(dy, x)), onnx="Log")


def _truth(name: str, meaning: np.ufunc, operands: str, onnx: str | None) -> Operator:
    """A card with a boolean output."""
    return elementwise(name, meaning, operands=operands, result="bool", gradient=not_differentiable, onnx=onnx)


equal = _truth("equal", np.equal, "x y", "Equal")
not_equal = _truth("not_equal", np.not_equal, "x y", None)
less = _truth("less", np.less, "x y", "Less")
less_equal = _truth("less_equal", np.less_equal, "x y", "LessOrEqual")
greater = _truth("greater", np.greater, "x y", "Greater")
greater_equal = _truth("greater_equal", np.greater_equal, "x y", "GreaterOrEqual")
logical_and = _truth("logical_and", np.logical_and, "x y", "And")
logical_or = _truth("logical_or", np.logical_or, "x y", "Or")
logical_not = _truth("logical_not", np.logical_not, "x", "Not")


def _clip(x: np.ndarray, *, low: float | None, high: float | None) -> np.ndarray:
    return x if low is None and high is None else np.clip(x, low, high).astype(x.dtype, copy=False)


def _clip_gradient(b: Builder, dy: Value, x: Value, y: Value, *, low: float | None, high: float | None) -> Value:
    """Passes at the bounds themselves."""
    if low is None and high is None:
        return dy
    return keep_where(b, b.equal(x, y), dy)


clip = elementwise(
    "clip",
    _clip,
    attrs={"low": OptionalFloat(None), "high": OptionalFloat(None)},
    gradient=unary(_clip_gradient),
)


def _where_type(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    return TensorType(same_dtype("where", x, y), broadcast(condition.shape, x.shape, y.shape))


def _where_gradient(b: Builder, gradients: list[Value], inputs: list[Value], _: object) -> Gradients:
    condition, x, y = inputs
    by_x, by_y = _chosen(b, gradients[0], condition)
    return [None, unbroadcast(b, by_x, x, condition, y), unbroadcast(b, by_y, y, condition, x)]


where = operator(
    "where",
    "condition x y",
    infer=_where_type,
    meaning=np.where,
    gradient=_where_gradient,
    onnx="Where",
    pointwise=True,
)

cast = operator(
    "cast",
    "x",
    attrs={"dtype": DType},
    infer=lambda x, *, dtype: x.with_dtype(dtype),
    meaning=lambda x, *, dtype: x.astype(numpy_name(dtype)),
    gradient=unary(lambda b, dy, x, y, *, dtype: b.cast(dy, dtype=x.dtype)),
    pointwise=True,
)
