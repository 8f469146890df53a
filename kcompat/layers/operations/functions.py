"""Functions of each element of one tensor."""

from __future__ import annotations

import math
from typing import Any

from ...errors import DtypeError
from ...ir import Value
from ...ir.types import is_float
from ..emitter import Emitter
from .operands import as_floating, as_value, cast
from .operation import Emit, function_of

_FLOATING = {
    "Arccos": "acos",
    "Arccosh": "acosh",
    "Arcsin": "asin",
    "Arcsinh": "asinh",
    "Arctan": "atan",
    "Arctanh": "atanh",
    "Ceil": "ceil",
    "Cos": "cos",
    "Cosh": "cosh",
    "Exp": "exp",
    "Expm1": "expm1",
    "Floor": "floor",
    "Log": "log",
    "Log1p": "log1p",
    "Reciprocal": "reciprocal",
    "Sin": "sin",
    "Sinh": "sinh",
    "Sqrt": "sqrt",
    "Tan": "tan",
    "Tanh": "tanh",
}
"""Class of keras.ops.numpy -> the operator that it is on floating tensors, which integers become."""


def _floating(card: str) -> Emit:
    def emit(b: Emitter, x: Any) -> Value:
        value: Value = getattr(b, card)(as_floating(b, x))
        return value

    emit.__doc__ = f"{card} of each element, in a floating dtype."
    return emit


for _name, _card in _FLOATING.items():
    function_of("numpy", _name)(_floating(_card))
function_of("math", "Rsqrt")(_floating("rsqrt"))
function_of("math", "Erf")(_floating("erf"))


def numeric(what: str, x: Value) -> Value:
    """x. Raises DtypeError for booleans."""
    if x.dtype == "bool":
        raise DtypeError(f"{what} of booleans is not defined; cast them first")
    return x


@function_of("numpy", "Absolute", "absolute", "abs")
@function_of("numpy", "Abs", "")
def absolute(b: Emitter, x: Any) -> Value:
    """|x|, in x's dtype."""
    x = as_value(b, x)
    return x if x.dtype == "bool" or x.dtype.startswith("uint") else b.abs(x)


@function_of("numpy", "Negative")
def negative(b: Emitter, x: Any) -> Value:
    """-x."""
    return b.neg(numeric("negative", as_value(b, x)))


@function_of("numpy", "Square")
def square(b: Emitter, x: Any) -> Value:
    """x * x; int32 for booleans."""
    x = as_value(b, x)
    return b.square(cast(b, x, "int32") if x.dtype == "bool" else x)


@function_of("numpy", "Sign")
def sign(b: Emitter, x: Any) -> Value:
    """-1, 0 or 1."""
    return b.sign(numeric("sign", as_value(b, x)))


@function_of("numpy", "Exp2")
def exp2(b: Emitter, x: Any) -> Value:
    """2 to the power x, in a floating dtype."""
    x = as_floating(b, x)
    return b.pow(as_value(b, 2.0, x.dtype), x)


@function_of("numpy", "Log2")
def log2(b: Emitter, x: Any) -> Value:
    """The logarithm to base 2, in a floating dtype."""
    return b.div(b.log(as_floating(b, x)), math.log(2))


@function_of("numpy", "Log10")
def log10(b: Emitter, x: Any) -> Value:
    """The logarithm to base 10, in a floating dtype."""
    return b.div(b.log(as_floating(b, x)), math.log(10))


@function_of("numpy", "Cbrt")
def cbrt(b: Emitter, x: Any) -> Value:
    """The cube root, in a floating dtype."""
    x = as_floating(b, x)
    return b.mul(b.sign(x), b.pow(b.abs(x), 1 / 3))


@function_of("numpy", "Deg2rad")
def deg2rad(b: Emitter, x: Any) -> Value:
    """Degrees as radians, in a floating dtype."""
    return b.mul(as_floating(b, x), math.pi / 180)


@function_of("numpy", "Rad2deg")
def rad2deg(b: Emitter, x: Any) -> Value:
    """Radians as degrees, in a floating dtype."""
    return b.mul(as_floating(b, x), 180 / math.pi)


@function_of("numpy", "Trunc")
def trunc(b: Emitter, x: Any) -> Value:
    """Rounded towards zero."""
    x = as_value(b, x)
    return b.where(b.less(x, 0), b.ceil(x), b.floor(x)) if is_float(x.dtype) else x


@function_of("math", "Erfc")
def erfc(b: Emitter, x: Any) -> Value:
    """1 - erf(x), in a floating dtype."""
    x = as_floating(b, x)
    return b.sub(as_value(b, 1.0, x.dtype), b.erf(x))


def _never(b: Emitter, x: Value) -> Value:
    return b.not_equal(x, x)


@function_of("numpy", "Isnan")
def isnan(b: Emitter, x: Any) -> Value:
    """Whether not a number."""
    x = as_value(b, x)
    return b.not_equal(x, x)


@function_of("numpy", "Isinf")
def isinf(b: Emitter, x: Any) -> Value:
    """Whether infinite."""
    x = as_value(b, x)
    return b.equal(b.abs(x), math.inf) if is_float(x.dtype) else _never(b, x)


@function_of("numpy", "Isposinf")
def isposinf(b: Emitter, x: Any) -> Value:
    """Whether infinity."""
    x = as_value(b, x)
    return b.equal(x, math.inf) if is_float(x.dtype) else _never(b, x)


@function_of("numpy", "Isneginf")
def isneginf(b: Emitter, x: Any) -> Value:
    """Whether minus infinity."""
    x = as_value(b, x)
    return b.equal(x, -math.inf) if is_float(x.dtype) else _never(b, x)


@function_of("numpy", "Isfinite")
def isfinite(b: Emitter, x: Any) -> Value:
    """Whether neither infinite nor not a number."""
    x = as_value(b, x)
    return b.less(b.abs(x), math.inf) if is_float(x.dtype) else b.equal(x, x)


@function_of("numpy", "LogicalNot")
def logical_not(b: Emitter, x: Any) -> Value:
    """Whether zero."""
    return b.logical_not(as_value(b, x, "bool"))


@function_of("numpy", "Copy")
@function_of("numpy", "Conjugate", "conjugate", "conj")
@function_of("numpy", "Conj", "")
@function_of("numpy", "Real")
def identity(b: Emitter, x: Any) -> Value:
    """x, which is real; of numbers, a tensor."""
    return as_value(b, x)


@function_of("core", "StopGradient")
def stop_gradient(b: Emitter, variable: Any) -> Value:
    """The tensor as it is, through which no gradient passes."""
    return b.stop_gradient(as_value(b, variable))
