"""Means of the functions of `kcompat.losses`, and other metrics of numbers.

Source of all: keras.src.metrics.{regression,probabilistic,hinge}_metrics 3.15.
"""

from __future__ import annotations

from ...config import Bool, Field, Float, Int, optional
from .. import losses
from .reduction import mean_of

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
