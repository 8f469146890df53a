"""Harmonic means of precision and recall. Source: keras.src.metrics.f_score_metrics 3.15."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...config import Field, Kind, Str, optional, registered
from ...errors import ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...layers.emitter import Emitter
from ...settings import epsilon
from ..numerics import cast
from .base import Metric
from .reduction import add_to

_AVERAGES = (None, "micro", "macro", "weighted")
_STATES = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")


def _parse_average(value: Any, owner: Any) -> str | None:
    if value not in _AVERAGES:
        raise ValueError
    return value


def _parse_positive(value: Any, owner: Any) -> float:
    if isinstance(value, (str, bool)) or not float(value) > 0:
        raise ValueError
    return float(value)


def _parse_share(value: Any, owner: Any) -> float:
    if _parse_positive(value, owner) > 1:
        raise ValueError
    return float(value)


class _FScore(Metric):
    """Base of both. average: over classes by counts ("micro"), equally ("macro"), by their sizes ("weighted"), or none.

    threshold: predictions above it are taken as true; by default the largest of each sample.
    """

    average = Field(Kind(f"one of {_AVERAGES}", _parse_average), None)
    threshold = Field(optional(Kind("a number above 0 and up to 1", _parse_share)), None)
    beta: Any = 1.0

    def build_for(self, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> None:
        classes = y_pred_shape[-1]
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2 or not isinstance(classes, int):
            raise ShapeError(
                f"needs targets and predictions (samples, classes), received {shape_text(y_true_shape)} "
                f"and {shape_text(y_pred_shape)}"
            )
        for name in _STATES:
            setattr(self, name, self.add_variable(() if self.average == "micro" else (classes,), name=name))

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
            y_true, y_pred = cast(b, y_true, self.dtype), cast(b, y_pred, self.dtype)
            found = b.cast(self._found(b, y_pred), dtype=self.dtype)
            weight = None if sample_weight is None else b.expand_dims(cast(b, sample_weight, self.dtype), axes=(1,))
            axes = (0, 1) if self.average == "micro" else (0,)
            amounts = (
                b.mul(found, y_true),
                b.mul(found, b.sub(1.0, y_true)),
                b.mul(b.sub(1.0, found), y_true),
                y_true,
            )
            for name, amount in zip(_STATES, amounts, strict=True):
                amount = amount if weight is None else b.mul(amount, weight)
                add_to(b, getattr(self, name), b.reduce_sum(amount, axes=axes))

    def _found(self, b: Emitter, y_pred: Value) -> Value:
        if self.threshold is not None:
            above: Value = b.greater(y_pred, self.threshold)
            return above
        largest = b.greater_equal(y_pred, b.reduce_max(y_pred, axes=(-1,), keepdims=True))
        value: Value = b.logical_and(largest, b.greater(b.abs(y_pred), 1e-9))
        return value

    def result(self) -> Any:
        if not self.built:
            return np.zeros((), self.dtype)[()]
        tp, fp, fn, sizes = (getattr(self, name).value for name in _STATES)
        precision, recall = tp / (tp + fp + epsilon()), tp / (tp + fn + epsilon())
        mean = precision * recall / (self.beta**2 * precision + recall + epsilon())
        score = (mean * (1 + self.beta**2)).astype(self.dtype)
        if self.average == "weighted":
            return np.sum(score * sizes / (np.sum(sizes) + epsilon())).astype(self.dtype)
        return score if self.average is None else np.mean(score)


@registered("keras.metrics", "f_beta_score", "fbeta_score")
class FBetaScore(_FScore):
    """(1 + beta ** 2) * precision * recall / (beta ** 2 * precision + recall), for one-hot targets."""

    positional = ("average", "beta", "threshold", "name", "dtype")

    name = Field(Str, "fbeta_score")
    beta = Field(Kind("a number above 0", _parse_positive), 1.0)


@registered("keras.metrics", "f1_score")
class F1Score(_FScore):
    """2 * precision * recall / (precision + recall), for one-hot targets."""

    positional = ("average", "threshold", "name", "dtype")

    name = Field(Str, "f1_score")
