"""Sums and means over batches. Source of all: keras.src.metrics.reduction_metrics 3.15."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from ...config import Field, Str, registered
from ...ir import Value, Variable
from ...layers.emitter import Emitter
from ..functions import METRICS, Function
from ..losses.base import apply_mask
from ..losses.lookup import get as get_loss
from ..losses.lookup import serialize as serialize_function
from ..numerics import cast, same_rank, total
from ..tracing import trace
from .base import Metric

_MODULE = "keras.metrics"


def add_to(b: Emitter, variable: Variable, value: Value) -> None:
    """Let a variable grow by a value."""
    b.update(variable, b.add(b.state(variable), cast(b, value, variable.dtype)))


def _inner_axes(x: Value, first: int = 1) -> tuple[int, ...]:
    return tuple(range(first, x.rank))


def by_sample(
    b: Emitter, values: Value, sample_weight: Value | None, reduce: Callable[..., Value], dtype: str
) -> tuple[Value, Value | None]:
    """Weighted values and weights, with all axes but the first reduced.

    Source: keras.src.metrics.reduction_metrics.reduce_to_samplewise_values.
    """
    mask = b.masks.get(values)
    values = cast(b, values, dtype)
    if sample_weight is not None:
        weight = apply_mask(b, cast(b, sample_weight, dtype), mask, dtype, "sum")
        assert weight is not None
        values, weight = same_rank(b, values, weight)
        rank = weight.rank
        if values.rank > rank:
            values = reduce(values, axes=_inner_axes(values, rank))
        weight = b.broadcast_like(weight, values) if weight.shape != values.shape else weight
        values = b.mul(values, weight)
        sample_weight = reduce(weight, axes=_inner_axes(weight)) if rank > 1 else weight
    if values.rank > 1:
        values = reduce(values, axes=_inner_axes(values))
    return values, sample_weight


def quotient(numerator: Any, denominator: Any) -> Any:
    """numerator / denominator, and 0 where the latter is 0."""
    numerator, denominator = np.asarray(numerator), np.asarray(denominator)
    if numerator.ndim == denominator.ndim == 0:
        return numerator[()] / denominator[()] if denominator else numerator.dtype.type(0)
    safe = np.where(denominator == 0, 1, denominator)
    return np.where(denominator == 0, 0, numerator / safe).astype(numerator.dtype)[()]


@registered(_MODULE, "sum")
class Sum(Metric):
    """The sum of all values."""

    name = Field(Str, "sum")

    def build(self) -> None:
        self.total = self.add_variable(name="total")

    def emit_update(self, b: Emitter, values: Value, sample_weight: Value | None = None) -> None:  # type: ignore[override]
        weighted, _ = by_sample(b, values, sample_weight, b.reduce_sum, self.dtype)
        add_to(b, self.total, total(b, weighted))

    def result(self) -> Any:
        return self.total.value[()]


@registered(_MODULE, "mean")
class Mean(Metric):
    """The weighted mean of all values."""

    name = Field(Str, "mean")

    def build(self) -> None:
        self.total = self.add_variable(name="total")
        self.count = self.add_variable(name="count")

    def emit_update(self, b: Emitter, values: Value, sample_weight: Value | None = None) -> None:  # type: ignore[override]
        self.emit_mean(b, values, sample_weight)

    def emit_mean(self, b: Emitter, values: Value, sample_weight: Value | None) -> None:
        """Take values of a batch, weighted."""
        values, weight = by_sample(b, values, sample_weight, b.reduce_mean, self.dtype)
        add_to(b, self.total, total(b, values))
        if weight is not None:
            add_to(b, self.count, total(b, weight))
        elif values.rank:
            add_to(b, self.count, b.size(values, axis=0))
        else:
            add_to(b, self.count, b.constant(1.0, self.dtype))

    def result(self) -> Any:
        return quotient(self.total.value, self.count.value)


class _FunctionMean(Mean):
    """The mean of what a function of targets and predictions gives."""

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        raise NotImplementedError

    def emit_update(  # type: ignore[override]
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        with b.origin(f"metric '{self.name}' ({type(self).__name__})"):
            mask = b.masks.get(y_pred) if mask is None else mask
            values = self.values(b, y_true, y_pred)
            self.emit_mean(b, values, apply_mask(b, sample_weight, mask, self.dtype, "sum"))


class FunctionMetric(_FunctionMean):
    """The mean of a function of `kcompat`, whose parameters are the class's own fields."""

    function: ClassVar[Function]

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        own = {name: getattr(self, name) for name in self.fields if name not in Metric.fields}
        return self.function.emit(b, y_true, y_pred, **own)


@registered(_MODULE, "mean_metric_wrapper")
class MeanMetricWrapper(_FunctionMean):
    """The mean of what a function of targets and predictions gives.

    fn: a function of `kcompat.losses` or `kcompat.metrics`, or its name; a Loss; or a Python function made of
    `kcompat.ops`. kwargs: what it is given besides.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **kwargs: Any) -> None:
        fn = _function(fn)
        super().__init__(name=name or getattr(fn, "__name__", None) or getattr(fn, "name", None), dtype=dtype)
        self.fn, self.kwargs = fn, kwargs

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        if hasattr(self.fn, "emit"):
            value: Value = self.fn.emit(b, y_true, y_pred, **self.kwargs)
            return value
        return trace(b, lambda true, pred: self.fn(true, pred, **self.kwargs), y_true, y_pred)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "fn": serialize_function(self.fn), **self.kwargs}


def _function(fn: Any) -> Any:
    """A function itself, or of its name or config. Raises ArgumentError."""
    if isinstance(fn, Mapping) and fn.get("class_name") == "function":
        fn = fn["config"]
    return METRICS.get(fn) or get_loss(fn) if isinstance(fn, str) else fn


def mean_of(name: str, of: Function, snake: str, **fields: Field) -> type[FunctionMetric]:
    """The class of a metric that is the mean of a function with these parameters.

    snake: its name in snake case, by which it can be asked for too.
    """
    body = {
        "__doc__": f"The mean of `{of.name}`: {of.__doc__}",
        "__module__": __name__,
        "function": of,
        "name": Field(Str, snake),
        **fields,
    }
    return registered(_MODULE, snake)(type(name, (FunctionMetric,), body))
