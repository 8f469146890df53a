"""Sums, means, extremes and norms over axes."""

from __future__ import annotations

import math
from typing import Any

from ...config import Bool, Field, Kind, optional
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import normalize_axis
from ..emitter import Emitter
from .operands import as_floating, as_value, cast, meet_strong
from .operation import Axes, Number, Operation, OptionalDType, axes_of, operation

_WIDER = {"bool": "int32", "int8": "int32", "int16": "int32", "uint8": "uint32", "uint16": "uint32"}
"""In what Keras adds up small integers, after JAX."""


class Reduction(Operation):
    """Something of the elements along `axis`: an axis, several, or all for None. keepdims: leave axes of size one."""

    axis = Field(Axes, None)
    keepdims = Field(Bool, False)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        return self.reduce(b, x, axes_of(self.axis, x))

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        raise NotImplementedError


@operation("numpy")
class Sum(Reduction):
    """The sum; of small integers as int32 or uint32. Source: keras.ops.sum."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_sum(cast(b, x, _WIDER.get(x.dtype, x.dtype)), axes=axes, keepdims=self.keepdims)


@operation("numpy")
class Prod(Reduction):
    """The product; of small integers as int32 or uint32. Source: keras.ops.prod."""

    result_dtype = Field(OptionalDType, None)

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        x = cast(b, x, self.result_dtype or _WIDER.get(x.dtype, x.dtype))
        return b.reduce_prod(x, axes=axes, keepdims=self.keepdims)


@operation("numpy")
class Mean(Reduction):
    """The mean, in a floating dtype. Source: keras.ops.mean."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_mean(as_floating(b, x), axes=axes, keepdims=self.keepdims)


class _Extreme(Reduction):
    initial = Field(optional(Number), None)

    def _with_initial(self, b: Emitter, card: str, extreme: Value) -> Value:
        if self.initial is None:
            return extreme
        start = as_value(b, self.initial, extreme.dtype)
        value: Value = getattr(b, card)(extreme, start)
        return value


@operation("numpy")
class Max(_Extreme):
    """The largest element, not below `initial`. Source: keras.ops.max."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return self._with_initial(b, "maximum", b.reduce_max(x, axes=axes, keepdims=self.keepdims))


@operation("numpy")
class Min(_Extreme):
    """The smallest element, not above `initial`. Source: keras.ops.min."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return self._with_initial(b, "minimum", b.reduce_min(x, axes=axes, keepdims=self.keepdims))


@operation("numpy")
class Amax(Reduction):
    """The largest element. Source: keras.ops.amax."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_max(x, axes=axes, keepdims=self.keepdims)


@operation("numpy")
class Amin(Reduction):
    """The smallest element. Source: keras.ops.amin."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_min(x, axes=axes, keepdims=self.keepdims)


@operation("numpy")
class Ptp(Reduction):
    """The largest element minus the smallest. Source: keras.ops.ptp."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        high = b.reduce_max(x, axes=axes, keepdims=self.keepdims)
        return b.sub(high, b.reduce_min(x, axes=axes, keepdims=self.keepdims))


@operation("numpy")
class Var(Reduction):
    """The mean square of the distance to the mean, in a floating dtype. Source: keras.ops.var."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return variance(b, as_floating(b, x), axes, self.keepdims)


@operation("numpy")
class Std(Reduction):
    """The square root of the variance, in a floating dtype. Source: keras.ops.std."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.sqrt(variance(b, as_floating(b, x), axes, self.keepdims))


def variance(b: Emitter, x: Value, axes: tuple[int, ...], keepdims: bool) -> Value:
    """Of a floating tensor."""
    centred = b.sub(x, b.reduce_mean(x, axes=axes, keepdims=True))
    return b.reduce_mean(b.square(centred), axes=axes, keepdims=keepdims)


@operation("numpy")
class CountNonzero(Operation):
    """How many elements are not zero, as int32. Source: keras.ops.count_nonzero."""

    axis = Field(Axes, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x, "bool")
        return b.reduce_sum(cast(b, x, "int32"), axes=axes_of(self.axis, x))


@operation("numpy")
class Average(Operation):
    """The mean, in which elements count by weights of x's shape, or of the axis's. Source: keras.ops.average."""

    axis = Field(Axes, None)
    named = ("weights",)

    def emit(self, b: Emitter, x: Any, weights: Any = None) -> Value:
        if weights is None:
            x = as_floating(b, x)
            return b.reduce_mean(x, axes=axes_of(self.axis, x))
        x, w = meet_strong(b, x, weights, floating=True)
        axes = axes_of(self.axis, x)
        if w.rank != x.rank:
            w = self._along_axis(b, x, w)
        total = b.reduce_sum(b.mul(x, w), axes=axes)
        return b.div(total, b.reduce_sum(b.mul(w, b.broadcast_like(as_value(b, 1.0, x.dtype), x)), axes=axes))

    def _along_axis(self, b: Emitter, x: Value, weights: Value) -> Value:
        if weights.rank != 1 or not isinstance(self.axis, int):
            raise ShapeError(f"{self}: weights of another rank than x are a vector along one axis")
        axis = normalize_axis(self.axis, x.rank)
        return b.expand_dims(weights, axes=[place for place in range(x.rank) if place != axis])


@operation("math")
class Logsumexp(Reduction):
    """log(sum(exp(x))) without overflow, in a floating dtype. Source: keras.ops.logsumexp."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        x = as_floating(b, x)
        high = b.reduce_max(x, axes=axes, keepdims=True)
        high = b.where(b.less(b.abs(high), math.inf), high, as_value(b, 0.0, x.dtype))
        total = b.log(b.reduce_sum(b.exp(b.sub(x, high)), axes=axes, keepdims=self.keepdims))
        return b.add(total, high if self.keepdims else b.squeeze(high, axes=axes))


def _order(value: Any, owner: Any) -> Any:
    if value in ("fro", "nuc"):
        return value
    return Number.parse(float(value) if value in ("inf", "-inf") else value, owner)


@operation("linalg", "norm", "linalg.norm")
class Norm(Reduction):
    """The norm of vectors along one axis, or of matrices along two, in a floating dtype.

    ord: for vectors any number, 2 by default; for matrices "fro" (the default), 1, -1, inf and -inf.
    Source: keras.ops.norm.
    """

    ord = Field(optional(Kind("a number, 'fro' or 'nuc'", _order)), None)
    axis = Field(Axes, None)
    keepdims = Field(Bool, False)
    positional = ("ord", "axis", "keepdims")
    parameters = ("x", *positional)

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        x = as_floating(b, x)
        if self.axis is None and self.ord is None:
            return self._euclidean(b, x, axes)
        if len(axes) == 2:
            return self._matrix(b, x, axes)
        if len(axes) != 1 or isinstance(self.ord, str):
            raise ArgumentError(f"{self}: ord={self.ord!r} over axes {axes} is not supported")
        return self._vector(b, x, axes)

    def _euclidean(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.sqrt(b.reduce_sum(b.square(x), axes=axes, keepdims=self.keepdims))

    def _vector(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        size = b.abs(x)
        if self.ord in (None, 2):
            return self._euclidean(b, x, axes)
        if self.ord == math.inf:
            return b.reduce_max(size, axes=axes, keepdims=self.keepdims)
        if self.ord == -math.inf:
            return b.reduce_min(size, axes=axes, keepdims=self.keepdims)
        if self.ord == 0:
            return b.reduce_sum(cast(b, b.not_equal(x, 0), x.dtype), axes=axes, keepdims=self.keepdims)
        total = b.reduce_sum(b.pow(size, float(self.ord)), axes=axes, keepdims=self.keepdims)
        return b.pow(total, 1 / self.ord)

    def _matrix(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        if self.ord in (None, "fro"):
            return self._euclidean(b, x, axes)
        if self.ord not in (1, -1, math.inf, -math.inf):
            raise ArgumentError(f"{self}: ord={self.ord!r} of matrices is not supported")
        rows, columns = (normalize_axis(axis, x.rank) for axis in axes)
        summed, compared = (rows, columns) if self.ord in (1, -1) else (columns, rows)
        sums = b.reduce_sum(b.abs(x), axes=[summed], keepdims=True)
        extreme = b.reduce_max if self.ord > 0 else b.reduce_min
        result: Value = extreme(sums, axes=[compared], keepdims=True)
        return result if self.keepdims else b.squeeze(result, axes=[rows, columns])
