"""Functions of pairs of elements, with broadcasting; and choices, limits and casts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...config import Bool, Field, Float, Int, optional
from ...errors import ArgumentError
from ...ir import Value
from ...ir.types import is_float, numpy_name
from ..emitter import Emitter
from .functions import absolute, numeric
from .operands import as_floating, as_value, cast, meet, meet_strong
from .operation import DType, Emit, Number, Operation, OptionalDType, function_of, operation

_ARITHMETIC = {
    "Add": "add",
    "FloorDivide": "floor_div",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Multiply": "mul",
    "Power": "pow",
    "Subtract": "sub",
}
_COMPARISONS = {
    "Equal": "equal",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Less": "less",
    "LessEqual": "less_equal",
    "NotEqual": "not_equal",
}
_LOGIC = {"LogicalAnd": "logical_and", "LogicalOr": "logical_or", "LogicalXor": "not_equal"}


def _arithmetic(card: str) -> Emit:
    def emit(b: Emitter, x1: Any, x2: Any) -> Value:
        value: Value = getattr(b, card)(*(numeric(card, x) for x in meet(b, x1, x2)))
        return value

    emit.__doc__ = f"{card} of each pair of elements."
    return emit


def _comparison(card: str) -> Emit:
    def emit(b: Emitter, x1: Any, x2: Any) -> Value:
        value: Value = getattr(b, card)(*meet_strong(b, x1, x2))
        return value

    emit.__doc__ = f"Whether {card}, of each pair of elements."
    return emit


def _logic(card: str) -> Emit:
    def emit(b: Emitter, x1: Any, x2: Any) -> Value:
        value: Value = getattr(b, card)(as_value(b, x1, "bool"), as_value(b, x2, "bool"))
        return value

    emit.__doc__ = f"{card} of each pair of elements, true where not zero."
    return emit


for _make, _table in ((_arithmetic, _ARITHMETIC), (_comparison, _COMPARISONS), (_logic, _LOGIC)):
    for _name, _card in _table.items():
        function_of("numpy", _name)(_make(_card))


@function_of("numpy", "Divide")
def divide(b: Emitter, x1: Any, x2: Any) -> Value:
    """x1 / x2, in a floating dtype."""
    return b.div(*meet(b, x1, x2, floating=True))


function_of("numpy", "TrueDivide")(divide)


@function_of("numpy", "DivideNoNan")
def divide_no_nan(b: Emitter, x1: Any, x2: Any) -> Value:
    """x1 / x2, and 0 where x2 is 0, in a floating dtype."""
    x, y = meet(b, x1, x2, floating=True)
    nothing = b.equal(y, 0)
    quotient = b.div(x, b.where(nothing, as_value(b, 1.0, y.dtype), y))
    return b.where(nothing, as_value(b, 0.0, y.dtype), quotient)


def _with_numbers(b: Emitter, x1: Any, x2: Any) -> list[Value]:
    return [cast(b, x, "int32") if x.dtype == "bool" else x for x in meet_strong(b, x1, x2)]


@function_of("numpy", "Mod")
def mod(b: Emitter, x1: Any, x2: Any) -> Value:
    """What remains of x1 divided by x2, with the sign of x2."""
    return b.mod(*_with_numbers(b, x1, x2))


@function_of("numpy", "Fmod")
def fmod(b: Emitter, x1: Any, x2: Any) -> Value:
    """What remains of x1 divided by x2, with the sign of x1."""
    x, y = _with_numbers(b, x1, x2)
    return b.mul(b.sign(x), b.mod(absolute(b, x), absolute(b, y)))


@function_of("numpy", "Arctan2")
def arctan2(b: Emitter, x1: Any, x2: Any) -> Value:
    """The angle of the point (x2, x1), in a floating dtype."""
    return b.atan2(*meet_strong(b, x1, x2, floating=True))


@function_of("numpy", "Hypot")
def hypot(b: Emitter, x1: Any, x2: Any) -> Value:
    """sqrt(x1^2 + x2^2) without overflow, in a floating dtype."""
    x, y = (b.abs(x) for x in meet_strong(b, x1, x2, floating=True))
    longer, shorter = b.maximum(x, y), b.minimum(x, y)
    ratio = divide_no_nan(b, shorter, longer)
    return b.mul(longer, b.sqrt(b.add(b.square(ratio), 1.0)))


@function_of("numpy", "Logaddexp")
def logaddexp(b: Emitter, x1: Any, x2: Any) -> Value:
    """log(exp(x1) + exp(x2)) without overflow, in a floating dtype."""
    x, y = meet_strong(b, x1, x2, floating=True)
    difference = b.sub(x, y)
    apart = b.add(b.maximum(x, y), b.log1p(b.exp(b.neg(b.abs(difference)))))
    return b.where(b.not_equal(difference, difference), b.add(x, y), apart)


@function_of("numpy", "Heaviside")
def heaviside(b: Emitter, x1: Any, x2: Any) -> Value:
    """0 below zero, 1 above it, x2 at it, in a floating dtype."""
    x, y = meet_strong(b, x1, x2, floating=True)
    zero, one = as_value(b, 0.0, x.dtype), as_value(b, 1.0, x.dtype)
    return b.where(b.less(x, 0), zero, b.where(b.greater(x, 0), one, y))


@operation("numpy")
class Isclose(Operation):
    """Whether |x1 - x2| <= atol + rtol * |x2|, of each pair of elements. Source: keras.ops.isclose."""

    equal_nan = Field(Bool, False)
    parameters = ("x1", "x2", "rtol", "atol", "equal_nan")

    def emit(self, b: Emitter, x1: Any, x2: Any, rtol: float = 1e-5, atol: float = 1e-8) -> Value:
        x, y = meet_strong(b, x1, x2)
        if not is_float(x.dtype):
            return b.equal(x, y)
        close = b.less_equal(b.abs(b.sub(x, y)), b.add(b.mul(b.abs(y), rtol), atol))
        both = b.logical_and(b.not_equal(x, x), b.not_equal(y, y))
        return b.logical_or(close, both) if self.equal_nan else close


@function_of("numpy", "Where")
def where(b: Emitter, condition: Any, x1: Any = None, x2: Any = None) -> Value:
    """x1 where the condition is not zero, x2 elsewhere."""
    if x1 is None or x2 is None:
        raise ArgumentError("where(condition) alone has an output of unknown size, which is not supported")
    return b.where(as_value(b, condition, "bool"), *meet(b, x1, x2))


@operation("numpy")
class Clip(Operation):
    """x, not below x_min nor above x_max; int32 for booleans. Source: keras.ops.clip."""

    x_min = Field(optional(Number))
    x_max = Field(optional(Number))

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        x = cast(b, x, "int32") if x.dtype == "bool" else x
        return b.clip(x, low=self.x_min, high=self.x_max)


@operation("numpy")
class Round(Operation):
    """x to so many decimals, halves to the even one. Source: keras.ops.round."""

    decimals = Field(Int, 0)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        if not is_float(x.dtype) and self.decimals >= 0:
            return x
        factor = math.pow(10, self.decimals)
        return cast(b, b.div(b.round(b.mul(as_floating(b, x), factor)), factor), x.dtype)


@operation("numpy")
class NanToNum(Operation):
    """x with other numbers for nan and the infinities, by default 0 and the largest. Source: keras.ops.nan_to_num."""

    nan = Field(Float, 0.0)
    posinf = Field(optional(Number), None)
    neginf = Field(optional(Number), None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        if not is_float(x.dtype):
            return x
        limits = np.finfo(numpy_name(x.dtype))
        high = float(limits.max) if self.posinf is None else self.posinf
        low = float(limits.min) if self.neginf is None else self.neginf
        x = b.where(b.not_equal(x, x), as_value(b, self.nan, x.dtype), x)
        x = b.where(b.equal(x, math.inf), as_value(b, float(high), x.dtype), x)
        return b.where(b.equal(x, -math.inf), as_value(b, float(low), x.dtype), x)


@operation("core")
class Cast(Operation):
    """x in another dtype; floats lose their fraction on the way to integers. Source: keras.ops.cast."""

    result_dtype = Field(DType)

    def emit(self, b: Emitter, x: Any) -> Value:
        return as_value(b, x, self.result_dtype)


@operation("core")
class SaturateCast(Operation):
    """x in another dtype, limited to what that can hold. Source: keras.ops.saturate_cast."""

    result_dtype = Field(DType)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        target = np.dtype(numpy_name(self.result_dtype))
        if target.kind in "iu" and x.dtype != "bool":
            source = np.dtype(numpy_name(x.dtype))
            limits, own = np.iinfo(target), np.finfo(source) if source.kind == "f" else np.iinfo(source)
            x = b.clip(x, low=max(int(limits.min), int(own.min)), high=min(int(limits.max), int(own.max)))
        return cast(b, x, self.result_dtype)


@operation("core", "convert_to_tensor")
class ConvertToTensor(Operation):
    """x as a tensor, in another dtype if one is given. Source: keras.ops.convert_to_tensor."""

    result_dtype = Field(OptionalDType, None)
    sparse = Field(optional(Bool), None)
    ragged = Field(optional(Bool), None)

    def emit(self, b: Emitter, x: Any) -> Value:
        if self.sparse or self.ragged:
            raise ArgumentError(f"{self}: sparse and ragged tensors are not supported")
        return as_value(b, x, self.result_dtype)


@operation("numpy")
class Array(Operation):
    """x as a tensor, in another dtype if one is given. Source: keras.ops.array."""

    result_dtype = Field(OptionalDType, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        return as_value(b, x, self.result_dtype)
