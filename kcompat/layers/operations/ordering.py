"""Positions of extremes, sorting, and running sums along an axis."""

from __future__ import annotations

from typing import Any

from ...config import Bool, Field, Int
from ...ir import Value
from ..emitter import Emitter
from .operands import as_value, cast
from .operation import Operation, OptionalDType, OptionalInt, operation


def _along(b: Emitter, x: Value, axis: int | None) -> tuple[Value, int]:
    """x and an axis of it: x as one row for None."""
    return (b.reshape(x, shape=(-1,)), 0) if axis is None else (x, axis)


class _Argument(Operation):
    axis = Field(OptionalInt, None)
    keepdims = Field(Bool, False)
    card: str

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        row, axis = _along(b, x, self.axis)
        found: Value = getattr(b, self.card)(row, axis=axis, keepdims=self.keepdims and self.axis is not None)
        return b.reshape(found, shape=(1,) * x.rank) if self.keepdims and self.axis is None else found


@operation("numpy")
class Argmax(_Argument):
    """The position of the largest element, as int32; in the flattened x without axis. Source: keras.ops.argmax."""

    card = "argmax"


@operation("numpy")
class Argmin(_Argument):
    """The position of the smallest element, as int32; in the flattened x without axis. Source: keras.ops.argmin."""

    card = "argmin"


@operation("numpy")
class Argsort(Operation):
    """The positions that put an axis in ascending order, as int32. Source: keras.ops.argsort."""

    axis = Field(OptionalInt, -1)

    def emit(self, b: Emitter, x: Any) -> Value:
        row, axis = _along(b, as_value(b, x), self.axis)
        return b.argsort(row, axis=axis)


@operation("numpy")
class Sort(Operation):
    """The elements of an axis in ascending order. Source: keras.ops.sort."""

    axis = Field(OptionalInt, -1)

    def emit(self, b: Emitter, x: Any) -> Value:
        row, axis = _along(b, as_value(b, x), self.axis)
        return b.gather_elements(row, b.argsort(row, axis=axis), axis=axis)


@operation("math")
class TopK(Operation):
    """The k largest elements of the last axis and their positions as int32, largest first.

    sorted: whether the order matters to the caller; it is kept anyway. Source: keras.ops.top_k.
    """

    k = Field(Int)
    sorted = Field(Bool, True)

    def emit(self, b: Emitter, x: Any) -> tuple[Value, Value]:
        values, positions = b.top_k(as_value(b, x), k=self.k)
        return values, positions


class _Scan(Operation):
    axis = Field(OptionalInt, None)
    result_dtype = Field(OptionalDType, None)
    card: str

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x, self.result_dtype)
        x, axis = _along(b, cast(b, x, "int32") if x.dtype == "bool" else x, self.axis)
        value: Value = getattr(b, self.card)(x, axis=axis)
        return value


@operation("numpy")
class Cumsum(_Scan):
    """The sum of the elements up to each; of the flattened x without axis. Source: keras.ops.cumsum."""

    card = "cumsum"


@operation("numpy")
class Cumprod(_Scan):
    """The product of the elements up to each; of the flattened x without axis. Source: keras.ops.cumprod."""

    card = "cumprod"
