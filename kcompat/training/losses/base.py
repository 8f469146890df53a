"""Loss: targets and predictions become one number, by Keras's rules of masks, weights and reduction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...config import ANYTHING, Configurable, Field, Kind
from ...errors import ArgumentError
from ...ir import Value
from ...ir.types import is_float
from ...ir.variable_operators import TRACE
from ...layers.emitter import Emitter
from ...naming import to_snake_case, unique_name
from ...settings import floatx
from ..functions import Function
from ..numerics import as_array, cast, compute, divide_no_nan, mean, same_rank, total

REDUCTIONS = ("sum_over_batch_size", "sum", "mean", "mean_with_sample_weight", "none")


def _parse_reduction(value: Any, owner: Any) -> str | None:
    if value is not None and value not in REDUCTIONS:
        raise ValueError
    return value


def _parse_name(value: Any, owner: Any) -> str:
    if value is None:
        return unique_name(to_snake_case(type(owner).__name__))
    if not isinstance(value, str):
        raise TypeError
    return value


def _parse_dtype(value: Any, owner: Any) -> str | None:
    name = getattr(value, "compute_dtype", value)
    if name is not None and not is_float(name):
        raise ValueError
    return name


ReductionKind = Kind(f"None or one of {', '.join(map(repr, REDUCTIONS))}", _parse_reduction)
NameKind = Kind("a string or None", _parse_name)
FloatKind = Kind("a floating dtype or None", _parse_dtype)


class Loss(Configurable):
    """Base of all losses.

    `emit` states the loss as IR; a call with arrays computes it. A subclass defines `values`, which
    gives what each sample costs as Values, or `call(y_true, y_pred)` in terms of `kcompat.ops`, as in Keras.

    reduction: "sum_over_batch_size" and "mean": the mean of all values; "sum"; "mean_with_sample_weight":
        the sum divided by that of the weights; "none" or None: the values themselves.
    name: by default one of the class's name. dtype: in which it is computed, by default floatx.
    Source: keras.losses.Loss.
    """

    neutral: ClassVar[Mapping[str, Any]] = {"fn": ANYTHING}
    positional: ClassVar[Sequence[str]] = ("name", "reduction", "dtype")

    name = Field(NameKind, None)
    reduction = Field(ReductionKind, "sum_over_batch_size")
    dtype = Field(FloatKind, None, optional_key=True)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What each sample costs, for KerasTensors, in terms of `kcompat.ops`."""
        raise NotImplementedError(f"{type(self).__name__} defines neither values(b, y_true, y_pred) nor call")

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        """What each sample costs, unweighted; shaped like the predictions without their last axis.

        A mask of the result goes into `b.masks`.
        """
        from ..tracing import trace

        return trace(b, self.call, y_true, y_pred)

    def emit(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> Value:
        """The loss, reduced: a scalar of `dtype`, but for the reductions "none" and None.

        y_true, y_pred: of any dtype; shapes as the loss needs them. sample_weight: as many axes as the
        values of `values`, or one more or fewer of size one, and broadcasts to them. mask: which values count;
        by default what `b.masks` has for y_pred.
        Raises ShapeError if shapes do not fit.
        """
        dtype = self.dtype or floatx()
        with b.origin(f"loss '{self.name}' ({type(self).__name__})"):
            mask = b.masks.get(y_pred) if mask is None else mask
            y_pred = cast(b, y_pred, dtype)
            y_true = cast(b, y_true, dtype) if self.casts_targets else y_true
            values = self.values(b, y_true, y_pred)
            own = b.masks.get(values)
            if own is not None:
                mask = own if mask is None else b.logical_and(mask, own)
            return reduce_weighted(b, values, sample_weight, mask, self.reduction)

    @property
    def casts_targets(self) -> bool:
        """Whether `values` is given targets of the loss's dtype; kcompat's own functions take them as they are."""
        return True

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """The loss of arrays, or of symbols in a function that is traced."""
        trace = TRACE.get()
        if trace is not None:
            return trace.symbol(self.emit(trace.b, *trace.optional_values(y_true, y_pred, sample_weight)))
        weight = None if sample_weight is None else as_array(sample_weight)
        result: np.ndarray = compute(self.emit, [as_array(y_true), as_array(y_pred), weight])
        return result

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Any:
        """A loss from a config of Keras 3 or Keras 2, whose reduction "auto" is the mean over the batch."""
        if isinstance(config, Mapping) and config.get("reduction") == "auto":
            config = {**config, "reduction": "sum_over_batch_size"}
        return super().from_config(config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class FunctionLoss(Loss):
    """A loss that is a function, whose parameters are the class's own fields."""

    function: ClassVar[Function]

    @property
    def casts_targets(self) -> bool:
        return False

    @property
    def parameters(self) -> dict[str, Any]:
        """What the function is given besides targets and predictions."""
        return {name: getattr(self, name) for name in self.fields if name not in Loss.fields}

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """What each sample costs, for arrays or KerasTensors; a subclass may compute with it."""
        return self.function(y_true, y_pred, **self.parameters)

    def values(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        y_true, y_pred = same_rank(b, y_true, y_pred)
        if type(self).call is not FunctionLoss.call:
            return super().values(b, y_true, y_pred)
        return self.function.emit(b, y_true, y_pred, **self.parameters)


def reduce_weighted(
    b: Emitter, values: Value, sample_weight: Value | None, mask: Value | None, reduction: str | None
) -> Value:
    """Values weighted, then reduced. Source: keras.src.losses.loss.reduce_weighted_values."""
    weight = None if sample_weight is None else cast(b, sample_weight, values.dtype)
    weight = apply_mask(b, weight, mask, values.dtype, reduction)
    if weight is not None:
        values, weight = same_rank(b, values, weight)
        values = b.mul(values, weight)
    if reduction in (None, "none") or not values.rank:
        return values
    if reduction == "sum":
        return total(b, values)
    if reduction == "mean_with_sample_weight" and weight is not None:
        return divide_no_nan(b, total(b, values), total(b, weight))
    return mean(b, values)


def apply_mask(
    b: Emitter, sample_weight: Value | None, mask: Value | None, dtype: str, reduction: str | None
) -> Value | None:
    """Weights that are zero where the mask is false.

    Where a mean is to be taken over all values, the others grow so that it is one over the values that
    count. Source: keras.src.losses.loss.apply_mask.
    """
    if mask is None:
        return sample_weight
    weight = cast(b, mask, dtype)
    if reduction in ("mean", "sum_over_batch_size"):
        weight = b.mul(weight, divide_no_nan(b, 1.0, mean(b, weight)))
    if sample_weight is None:
        return weight
    weight, sample_weight = same_rank(b, weight, cast(b, sample_weight, dtype))
    return b.mul(sample_weight, weight)


def require_fraction(owner: Any, name: str, value: Any) -> None:
    """Raises ArgumentError unless 0 < value < 1."""
    if not 0 < value < 1:
        raise ArgumentError(f"{owner}: argument '{name}' must lie between 0 and 1, received {value!r}")
