"""The area under a curve of rates. Source: keras.metrics.AUC 3.15."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...config import Bool, Field, Int, Kind, Numbers, optional, registered
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...layers.emitter import Emitter
from ...settings import epsilon
from .confusion import COUNTS, _Counting, add_counts
from .reduction import quotient


def _one_of(*choices: str) -> Kind:
    """One of a few words, in any case, in the case given here."""
    known = {choice.lower(): choice for choice in choices}

    def parse(value: Any, owner: Any) -> str:
        if not isinstance(value, str) or value.lower() not in known:
            raise ValueError
        return known[value.lower()]

    return Kind("one of " + ", ".join(map(repr, choices)), parse)


def _parse_inner(value: Any, owner: Any) -> list[float] | None:
    return None if value is None else sorted(float(item) for item in value)


_HEIGHTS: dict[str, Callable[[Any, Any], Any]] = {
    "interpolation": lambda left, right: (left + right) / 2,
    "majoring": np.maximum,
    "minoring": np.minimum,
}
"""The height of the curve between two points."""


@registered("keras.metrics", "auc")
class AUC(_Counting):
    """The area under the curve of recall over false alarms ("ROC"), or of precision over recall ("PR", "PRGAIN").

    num_thresholds: how many points the curve has; thresholds: or which ones, between 0 and 1.
    summation_method: straight lines between points ("interpolation"), or the lower or higher of two.
    multi_label: the mean of the areas of each label (samples, labels), weighted by `label_weights`; else these weigh
        elements. from_logits: predictions are logits.
    """

    positional = (
        "num_thresholds",
        "curve",
        "summation_method",
        "name",
        "dtype",
        "thresholds",
        "multi_label",
        "num_labels",
        "label_weights",
        "from_logits",
    )
    counted = COUNTS

    num_thresholds = Field(Int, 200)
    curve = Field(_one_of("ROC", "PR", "PRGAIN"), "ROC")
    summation_method = Field(_one_of("interpolation", "majoring", "minoring"), "interpolation")
    multi_label = Field(Bool, False)
    num_labels = Field(optional(Int), None)
    label_weights = Field(optional(Numbers), None)
    from_logits = Field(Bool, False)
    thresholds = Field(Kind("a list of numbers or None", _parse_inner), None, optional_key=True)

    def build(self) -> None:
        if self.thresholds is not None:
            self.num_thresholds = len(self.thresholds) + 2
        if self.num_thresholds <= 1:
            raise ArgumentError(f"{self}: num_thresholds must be above 1, received {self.num_thresholds}")
        if self.num_labels and not self.multi_label:
            raise ArgumentError(f"{self}: num_labels is for multi_label=True")
        if not self.multi_label:
            self._make((self.num_thresholds,))
        elif self.num_labels:
            self._make((self.num_thresholds, self.num_labels))

    def _make(self, shape: tuple[int, ...]) -> None:
        for name in self.counted:
            setattr(self, name, self.add_variable(shape, name=name))
        self.built = True

    def build_for(self, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> None:
        if len(y_pred_shape) != 2 or not isinstance(y_pred_shape[1], int):
            raise ShapeError(f"multi_label needs predictions (samples, labels), received {shape_text(y_pred_shape)}")
        self._make((self.num_thresholds, y_pred_shape[1]))

    @property
    def limits(self) -> list[float]:
        count = self.num_thresholds
        inner = self.thresholds
        inner = [(index + 1) / (count - 1) for index in range(count - 2)] if inner is None else inner
        return [-epsilon(), *inner, 1 + epsilon()]

    def emit_counts(self, b: Emitter, y_true: Value, y_pred: Value, sample_weight: Value | None) -> None:
        weights = None
        if self.label_weights is not None and not self.multi_label:
            weights = b.constant([self.label_weights], self.dtype)
        add_counts(
            b,
            self.counts,
            y_true,
            b.sigmoid(y_pred) if self.from_logits else y_pred,
            self.limits,
            sample_weight,
            label_weights=weights,
            by_label=self.multi_label,
        )

    def result(self) -> Any:
        if not self.built:
            return np.zeros((), self.dtype)[()]
        if (self.curve, self.summation_method) == ("PR", "interpolation"):
            return self._mean(self._interpolated())
        x, y = self._curve()
        return self._mean((x[:-1] - x[1:]) * _HEIGHTS[self.summation_method](y[:-1], y[1:]))

    def _curve(self) -> tuple[Any, Any]:
        """The curve's points, one for each threshold."""
        recall = self.rate("true_positives", "false_negatives")
        if self.curve == "ROC":
            return self.rate("false_positives", "true_negatives"), recall
        if self.curve == "PR":
            return recall, self.rate("true_positives", "false_positives")
        tp, fp, tn, fn = (getattr(self, name).value for name in COUNTS)
        odds = quotient(tp + fn, tn + fp)
        none = tp == 0
        gain = np.where(none, 0, 1 - odds * quotient(fn, tp))
        return np.maximum(gain, 0), np.where(none, 1, 1 - odds * quotient(fp, tp))

    def _interpolated(self) -> Any:
        """The area of each piece of a precision-recall curve (Davis & Goadrich 2006)."""
        tp, fp, _, fn = (getattr(self, name).value for name in COUNTS)
        found = tp + fp
        gain = tp[:-1] - tp[1:]
        slope = quotient(gain, np.maximum(found[:-1] - found[1:], 0))
        intercept = tp[1:] - slope * found[1:]
        both = (found[:-1] > 0) & (found[1:] > 0)
        ratio = np.where(both, quotient(found[:-1], np.maximum(found[1:], 0)), 1)
        return quotient(slope * (gain + intercept * np.log(ratio)), np.maximum(tp[1:] + fn[1:], 0))

    def _mean(self, pieces: Any) -> Any:
        areas = np.sum(pieces, axis=0)
        if not self.multi_label:
            return areas
        if self.label_weights is None:
            return np.mean(areas)
        weights = np.asarray(self.label_weights, areas.dtype)
        return quotient(np.sum(areas * weights), np.sum(weights))
