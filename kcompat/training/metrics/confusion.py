"""Counts of right and wrong yes and no, and rates of them. Source: keras.src.metrics.confusion_metrics 3.15."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from ...config import Field, Int, Kind, optional, registered, within
from ...errors import ArgumentError, ShapeError
from ...ir import Value, Variable
from ...ir.types import shape_text
from ...layers.emitter import Emitter
from ..numerics import cast, same_rank
from .base import Metric
from .reduction import add_to, quotient

_MODULE = "keras.metrics"
_NEVER = -1e10
"""The prediction that Keras gives to what is not among the largest k."""

COUNTS = ("true_positives", "false_positives", "true_negatives", "false_negatives")
Counts = Mapping[str, Variable]


def _parse_thresholds(value: Any, owner: Any) -> Any:
    if value is None:
        return None
    items = value if isinstance(value, (list, tuple)) else [value]
    numbers = [float(item) for item in items]
    if not all(0 <= number <= 1 for number in numbers):
        raise ValueError
    return numbers if isinstance(value, (list, tuple)) else numbers[0]


ThresholdsKind = Kind("a number in [0, 1], a list of such or None", _parse_thresholds)


def is_even(thresholds: Sequence[float]) -> bool:
    """Whether thresholds go from 0 to 1 in equal steps: then Keras sorts predictions into buckets."""
    count = len(thresholds)
    even = np.arange(count, dtype=np.float32) / max(count - 1, 1)
    return count >= 3 and np.allclose(thresholds, even, atol=1e-7)


def add_counts(
    b: Emitter,
    counts: Counts,
    y_true: Value,
    y_pred: Value,
    thresholds: Sequence[float],
    sample_weight: Value | None = None,
    top_k: int | None = None,
    class_id: int | None = None,
    label_weights: Value | None = None,
    by_label: bool = False,
) -> None:
    """Let counts grow by those of a batch, at each threshold; `by_label`, for each place of the last axis.

    Source: keras.src.metrics.metrics_utils.update_confusion_matrix_variables.
    """
    dtype = next(iter(counts.values())).dtype
    y_pred, y_true = same_rank(b, cast(b, y_pred, dtype), cast(b, y_true, dtype))
    weight = None if sample_weight is None else b.expand_dims(cast(b, sample_weight, dtype), axes=(-1,))
    if weight is not None:
        _, weight = same_rank(b, y_true, weight, expand=False)
    if top_k is not None:
        y_pred = _only_top(b, y_pred, top_k)
    if class_id is not None:
        y_true, y_pred = (_of_class(b, y, class_id) for y in (y_true, y_pred))
    if label_weights is not None:
        weight = label_weights if weight is None else b.mul(weight, label_weights)
    yes = b.cast(b.not_equal(y_true, 0.0), dtype=dtype)
    yes, no = _weighted(b, yes, y_pred, weight), _weighted(b, b.sub(1.0, yes), y_pred, weight)
    if not by_label:
        yes, no, y_pred = (b.reshape(y, shape=(-1,)) for y in (yes, no, y_pred))
    split = _bucketed if is_even(thresholds) else _compared
    found_yes, found_no = split(b, (yes, no), y_pred, thresholds)
    made: dict[str, Callable[[], Value]] = {
        "true_positives": lambda: found_yes,
        "false_positives": lambda: found_no,
        "true_negatives": lambda: b.sub(b.reduce_sum(no, axes=(0,)), found_no),
        "false_negatives": lambda: b.sub(b.reduce_sum(yes, axes=(0,)), found_yes),
    }
    for name, variable in counts.items():
        add_to(b, variable, made[name]())


def _weighted(b: Emitter, y: Value, y_pred: Value, weight: Value | None) -> Value:
    return y if weight is None else b.mul(y, b.broadcast_like(weight, y_pred))


def _only_top(b: Emitter, y_pred: Value, k: int) -> Value:
    """The k largest predictions of each sample; others as ones that no threshold reaches."""
    classes = y_pred.shape[-1]
    if not isinstance(classes, int):
        raise ShapeError(f"top_k needs a known number of classes, received {shape_text(y_pred.shape)}")
    _, places = b.top_k(y_pred, k=k)
    among = b.reduce_sum(b.one_hot(places, depth=classes, dtype=y_pred.dtype), axes=(-2,))
    value: Value = b.where(b.greater(among, 0.0), y_pred, b.constant(_NEVER, y_pred.dtype))
    return value


def _of_class(b: Emitter, y: Value, class_id: int) -> Value:
    if y.rank < 2:
        raise ShapeError(f"class_id needs predictions (samples, classes), received {shape_text(y.shape)}")
    value: Value = b.slice(y, starts=(class_id,), stops=(class_id + 1,), steps=(1,), axes=(-1,))
    return value


def _compared(b: Emitter, amounts: Sequence[Value], y_pred: Value, thresholds: Sequence[float]) -> list[Value]:
    """What predictions above each threshold add up to."""
    limits = np.asarray(thresholds, y_pred.dtype).reshape(-1, *[1] * y_pred.rank)
    above = b.cast(b.greater(b.expand_dims(y_pred, axes=(0,)), b.constant(limits)), dtype=y_pred.dtype)
    return [b.reduce_sum(b.mul(above, b.expand_dims(amount, axes=(0,))), axes=(1,)) for amount in amounts]


def _bucketed(b: Emitter, amounts: Sequence[Value], y_pred: Value, thresholds: Sequence[float]) -> list[Value]:
    """What predictions in and above the bucket of each threshold add up to.

    A prediction of zero is above no threshold, unless the first is below zero.
    """
    count = len(thresholds)
    buckets = b.sub(b.ceil(b.mul(b.clip(y_pred, low=0.0, high=1.0), float(count - 1))), 1.0)
    if thresholds[0] >= 0:
        counted = b.cast(b.greater_equal(buckets, 0.0), dtype=y_pred.dtype)
        amounts = [b.mul(amount, counted) for amount in amounts]
    places = b.expand_dims(b.float_to_int(b.maximum(buckets, 0.0), dtype="int32"), axes=(-1,))
    shape = (count, *y_pred.shape[1:])
    if y_pred.rank > 1:
        labels = b.constant(np.arange(shape[1], dtype=np.int32)[:, None])
        places = b.concat(places, b.broadcast_like(labels, places), axis=-1)
    zeros = np.zeros(shape, y_pred.dtype)
    sums = [b.scatter_nd(b.constant(zeros), places, amount, reduction="add") for amount in amounts]
    return [b.cumsum(total, axis=0, reverse=True) for total in sums]


class _Counting(Metric):
    """Base of metrics of counts at thresholds.

    counted: the counts they keep, in their order.
    """

    counted: ClassVar[tuple[str, ...]]

    @property
    def limits(self) -> list[float]:
        """The thresholds in effect."""
        raise NotImplementedError

    def build(self) -> None:
        for name in self.counted:
            setattr(self, name, self.add_variable((len(self.limits),), name=name))

    @property
    def counts(self) -> dict[str, Variable]:
        return {name: getattr(self, name) for name in self.counted}

    def emit_update(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        with b.origin(f"metric '{self.name}' ({type(self).__name__})"):
            self.ensure_built(y_true, y_pred)
            self.emit_counts(b, y_true, y_pred, sample_weight)

    def emit_counts(self, b: Emitter, y_true: Value, y_pred: Value, sample_weight: Value | None) -> None:
        """Take a batch; masks have no meaning here, as in Keras."""
        chosen = {name: getattr(self, name) for name in ("top_k", "class_id") if name in self.fields}
        add_counts(b, self.counts, y_true, y_pred, self.limits, sample_weight, **chosen)

    def rate(self, *names: str) -> Any:
        """The first count's share in the sum of it and the second."""
        first, second = (getattr(self, name).value for name in names)
        return quotient(first, first + second)


class _Thresholded(_Counting):
    thresholds = Field(ThresholdsKind, None)

    @property
    def limits(self) -> list[float]:
        given = self.thresholds
        if given is None:
            return [0.5 if getattr(self, "top_k", None) is None else _NEVER]
        return given if isinstance(given, list) else [given]

    def plain(self, values: Any) -> Any:
        """One number for one threshold, else an array."""
        return values[0] if len(self.limits) == 1 else values


class _Count(_Thresholded):
    """Base of single counts."""

    positional = ("thresholds", "name", "dtype")

    def build(self) -> None:
        self.accumulator = self.add_variable((len(self.limits),), name="accumulator")

    @property
    def counts(self) -> dict[str, Variable]:
        return {self.counted[0]: self.accumulator}

    def result(self) -> Any:
        return self.plain(self.accumulator.numpy())


@registered(_MODULE, "true_positives")
class TruePositives(_Count):
    """The weight of samples that are and are found to be true, at one threshold or several."""

    counted = ("true_positives",)


@registered(_MODULE, "true_negatives")
class TrueNegatives(_Count):
    """The weight of samples that are not and are not found to be true."""

    counted = ("true_negatives",)


@registered(_MODULE, "false_positives")
class FalsePositives(_Count):
    """The weight of samples that are found to be true and are not."""

    counted = ("false_positives",)


@registered(_MODULE, "false_negatives")
class FalseNegatives(_Count):
    """The weight of samples that are true and are not found."""

    counted = ("false_negatives",)


class _Rate(_Thresholded):
    """Base of shares. top_k: only each sample's k largest predictions count. class_id: only that class does."""

    positional = ("thresholds", "top_k", "class_id", "name", "dtype")

    top_k = Field(optional(Int), None)
    class_id = Field(optional(Int), None)

    def result(self) -> Any:
        return self.plain(self.rate(*self.counted))


@registered(_MODULE, "precision")
class Precision(_Rate):
    """The share of what is true in what is found to be."""

    counted = ("true_positives", "false_positives")


@registered(_MODULE, "recall")
class Recall(_Rate):
    """The share of what is found to be true in what is."""

    counted = ("true_positives", "false_negatives")


class _AtBest(_Counting):
    """Base of rates at the threshold that is best among those at which another rate is high enough."""

    counted = COUNTS
    bound: ClassVar[str]
    """The field that says how high the other rate must be."""

    class_id = Field(optional(Int), None)
    num_thresholds = Field(Int, 200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.num_thresholds <= 0:
            raise ArgumentError(f"{self}: num_thresholds must be above 0, received {self.num_thresholds}")

    @property
    def limits(self) -> list[float]:
        count = self.num_thresholds
        return [0.5] if count == 1 else [index / (count - 1) for index in range(count)]

    @property
    def sensitivity_now(self) -> Any:
        return self.rate("true_positives", "false_negatives")

    @property
    def specificity_now(self) -> Any:
        return self.rate("true_negatives", "false_positives")

    @property
    def precision_now(self) -> Any:
        return self.rate("true_positives", "false_positives")

    def best(self, wanted: Any, bounded: Any) -> Any:
        """The largest of one rate where the other is at least the bound, 0 if nowhere."""
        enough = bounded >= np.float32(getattr(self, self.bound))
        return np.max(np.where(enough, wanted, 0), initial=0).astype(wanted.dtype)


@registered(_MODULE, "sensitivity_at_specificity")
class SensitivityAtSpecificity(_AtBest):
    """The largest share of true samples that are found, where so many of the others are not."""

    positional = ("specificity", "num_thresholds", "class_id", "name", "dtype")
    bound = "specificity"

    specificity = Field(within(0, 1))

    def result(self) -> Any:
        return self.best(self.sensitivity_now, self.specificity_now)


@registered(_MODULE, "specificity_at_sensitivity")
class SpecificityAtSensitivity(_AtBest):
    """The largest share of samples that are not true and not found, where so many true ones are."""

    positional = ("sensitivity", "num_thresholds", "class_id", "name", "dtype")
    bound = "sensitivity"

    sensitivity = Field(within(0, 1))

    def result(self) -> Any:
        return self.best(self.specificity_now, self.sensitivity_now)


@registered(_MODULE, "precision_at_recall")
class PrecisionAtRecall(_AtBest):
    """The largest precision where the recall is high enough."""

    positional = ("recall", "num_thresholds", "class_id", "name", "dtype")
    bound = "recall"

    recall = Field(within(0, 1))

    def result(self) -> Any:
        return self.best(self.precision_now, self.sensitivity_now)


@registered(_MODULE, "recall_at_precision")
class RecallAtPrecision(_AtBest):
    """The largest recall where the precision is high enough."""

    positional = ("precision", "num_thresholds", "class_id", "name", "dtype")
    bound = "precision"

    precision = Field(within(0, 1))

    def result(self) -> Any:
        return self.best(self.sensitivity_now, self.precision_now)
