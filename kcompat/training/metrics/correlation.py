"""How well predictions follow their targets. Source: keras.src.metrics.{correlation,regression}_metrics 3.15."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...config import Field, Int, Str, one_of, registered
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...layers.emitter import Emitter
from ...settings import epsilon
from ..functions import metric_function
from ..losses.regression import paired
from ..numerics import cast, same_rank
from .base import Metric
from .reduction import add_to, mean_of


@metric_function
def pearson_correlation(b: Emitter, y_true: Value, y_pred: Value, axis: int = -1) -> Value:
    """Pearson's correlation of targets and predictions along an axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    scaled = [b.div(centred, b.sqrt(_mean_square(b, centred, axis))) for centred in _centred(b, y_true, y_pred, axis)]
    return b.reduce_mean(b.mul(*scaled), axes=(axis,))


@metric_function
def concordance_correlation(b: Emitter, y_true: Value, y_pred: Value, axis: int = -1) -> Value:
    """Lin's concordance of targets and predictions along an axis, as Keras 3.15 computes it."""
    y_true, y_pred = paired(b, y_true, y_pred)
    of_true, of_pred = (b.reduce_mean(y, axes=(axis,), keepdims=True) for y in (y_true, y_pred))
    spread = [_mean_square(b, b.sub(y, mean), axis) for y, mean in ((y_true, of_true), (y_pred, of_pred))]
    shared = b.mul(b.mul(b.sub(y_true, of_pred), b.sub(y_pred, of_pred)), 2.0)
    whole = b.add(b.add(*spread), b.square(b.sub(of_true, of_pred)))
    return b.reduce_mean(b.div(shared, b.add(whole, epsilon())), axes=(axis,))


def _centred(b: Emitter, y_true: Value, y_pred: Value, axis: int) -> list[Value]:
    return [b.sub(y, b.reduce_mean(y, axes=(axis,), keepdims=True)) for y in (y_true, y_pred)]


def _mean_square(b: Emitter, x: Value, axis: int) -> Value:
    value: Value = b.reduce_mean(b.square(x), axes=(axis,), keepdims=True)
    return value


PearsonCorrelation = mean_of("PearsonCorrelation", pearson_correlation, "pearson_correlation", axis=Field(Int, -1))
ConcordanceCorrelation = mean_of(
    "ConcordanceCorrelation", concordance_correlation, "concordance_correlation", axis=Field(Int, -1)
)


@registered("keras.metrics", "r2_score")
class R2Score(Metric):
    """1 - squared error / variance of the targets, of each output (samples, outputs).

    class_aggregation: the mean over outputs ("uniform_average"), weighted by their variances, or none.
    num_regressors: of how many the score is corrected for.
    """

    positional = ("class_aggregation", "num_regressors", "name", "dtype")

    name = Field(Str, "r2_score")
    class_aggregation = Field(one_of(None, "uniform_average", "variance_weighted_average"), "uniform_average")
    num_regressors = Field(Int, 0)

    def build(self) -> None:
        if self.num_regressors < 0:
            raise ArgumentError(f"{self}: num_regressors must not be negative, received {self.num_regressors}")
        self.num_samples = self.add_variable(name="num_samples")

    def build_for(self, y_true_shape: Sequence[Any], y_pred_shape: Sequence[Any]) -> None:
        outputs = y_pred_shape[-1]
        if len(y_pred_shape) != 2 or len(y_true_shape) != 2 or not isinstance(outputs, int):
            raise ShapeError(
                f"needs targets and predictions (samples, outputs), received {shape_text(y_true_shape)} "
                f"and {shape_text(y_pred_shape)}"
            )
        names = ("squared_sum", "sum", "residual", "count")
        self.squared_sum, self.sum, self.residual, self.count = (
            self.add_variable((outputs,), name=name) for name in names
        )

    def emit_update(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        with b.origin(f"metric '{self.name}' ({type(self).__name__})"):
            y_true, y_pred = same_rank(b, cast(b, y_true, self.dtype), cast(b, y_pred, self.dtype))
            self.ensure_built(y_true, y_pred)
            weight = b.constant(1.0, self.dtype) if sample_weight is None else cast(b, sample_weight, self.dtype)
            weight = b.broadcast_like(b.expand_dims(weight, axes=(1,)) if weight.rank == 1 else weight, y_true)
            weighted = b.mul(y_true, weight)
            for variable, amount in (
                (self.sum, weighted),
                (self.squared_sum, b.mul(y_true, weighted)),
                (self.residual, b.mul(b.square(b.sub(y_true, y_pred)), weight)),
                (self.count, weight),
            ):
                add_to(b, variable, b.reduce_sum(amount, axes=(0,)))
            samples = b.cast(b.size(y_true, axis=0), dtype=self.dtype)
            add_to(b, self.num_samples, b.mul(samples, float(y_true.shape[1])))

    def result(self) -> Any:
        if not self.built:
            return np.zeros((), self.dtype)[()]
        with np.errstate(all="ignore"):
            mean = self.sum.value / self.count.value
            spread = self.squared_sum.value - self.sum.value * mean
            scores = 1 - self.residual.value / spread
            scores = np.where(np.isinf(scores), 0, scores).astype(self.dtype)
        return self._corrected(self._aggregated(scores, spread))

    def _aggregated(self, scores: Any, spread: Any) -> Any:
        if self.class_aggregation == "uniform_average":
            return np.mean(scores)
        if self.class_aggregation == "variance_weighted_average":
            return np.sum(spread * scores) / np.sum(spread)
        return scores

    def _corrected(self, score: Any) -> Any:
        free = float(self.num_samples.value) - 1 - self.num_regressors
        if not self.num_regressors:
            return score
        if free <= 0:
            warnings.warn("R2Score: there are too few samples to correct for the regressors", stacklevel=3)
            return score
        return np.asarray(1 - (1 - score) * (free + self.num_regressors) / free, self.dtype)[()]
