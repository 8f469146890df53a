"""Means of the functions of `kcompat.losses`.

Source of all: keras.src.metrics.{regression,probabilistic,hinge}_metrics 3.15.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...config import Bool, Field, Float, Int, Str, optional, registered
from ...ir import Value
from ...layers.emitter import Emitter
from .. import losses
from ..functions import Function
from ..losses.regression import paired
from ..numerics import cast
from .reduction import Mean, mean_of

MeanSquaredError = mean_of("MeanSquaredError", losses.mean_squared_error, "mean_squared_error")
MeanAbsoluteError = mean_of("MeanAbsoluteError", losses.mean_absolute_error, "mean_absolute_error")
MeanAbsolutePercentageError = mean_of(
    "MeanAbsolutePercentageError", losses.mean_absolute_percentage_error, "mean_absolute_percentage_error"
)
MeanSquaredLogarithmicError = mean_of(
    "MeanSquaredLogarithmicError", losses.mean_squared_logarithmic_error, "mean_squared_logarithmic_error"
)
Hinge = mean_of("Hinge", losses.hinge, "hinge")
SquaredHinge = mean_of("SquaredHinge", losses.squared_hinge, "squared_hinge")
CategoricalHinge = mean_of("CategoricalHinge", losses.categorical_hinge, "categorical_hinge")
KLDivergence = mean_of("KLDivergence", losses.kl_divergence, "kl_divergence")
Poisson = mean_of("Poisson", losses.poisson, "poisson")
BinaryCrossentropy = mean_of(
    "BinaryCrossentropy",
    losses.binary_crossentropy,
    "binary_crossentropy",
    from_logits=Field(Bool, False),
    label_smoothing=Field(Float, 0),
)
CategoricalCrossentropy = mean_of(
    "CategoricalCrossentropy",
    losses.categorical_crossentropy,
    "categorical_crossentropy",
    from_logits=Field(Bool, False),
    label_smoothing=Field(Float, 0),
    axis=Field(Int, -1),
)
SparseCategoricalCrossentropy = mean_of(
    "SparseCategoricalCrossentropy",
    losses.sparse_categorical_crossentropy,
    "sparse_categorical_crossentropy",
    from_logits=Field(Bool, False),
    ignore_class=Field(optional(Int), None, optional_key=True),
    axis=Field(Int, -1),
)
LogCoshError = mean_of("LogCoshError", losses.log_cosh, "logcosh")


def _cosine(b: Emitter, y_true: Value, y_pred: Value, axis: int = -1) -> Value:
    """The cosine of the angle between the vectors along the axis."""
    return b.neg(losses.cosine_similarity.emit(b, y_true, y_pred, axis))


CosineSimilarity = mean_of(
    "CosineSimilarity",
    Function("cosine_similarity", _cosine),
    "cosine_similarity",
    axis=Field(Int, -1, optional_key=True),
)


@registered("keras.metrics", "root_mean_squared_error")
class RootMeanSquaredError(Mean):
    """The root of the mean squared error. Masks are ignored."""

    name = Field(Str, "root_mean_squared_error")

    def emit_update(  # type: ignore[override]
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        with b.origin(f"metric '{self.name}' (RootMeanSquaredError)"):
            y_true, y_pred = paired(b, y_true, cast(b, y_pred, self.dtype))
            self.emit_mean(b, b.square(b.sub(y_pred, y_true)), sample_weight)

    def result(self) -> Any:
        return np.sqrt(super().result())
