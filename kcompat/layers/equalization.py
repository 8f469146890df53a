"""Equalization."""

from __future__ import annotations

from ..config import Field, PositiveInt, registered
from .random_augmentation import Augmentation, ValueRange


@registered("keras.layers")
class Equalization(Augmentation):
    """Makes the histogram of each channel even in training; in inference images pass.

    Keras builds models with it inside a Pipeline alone. Source: keras.layers.Equalization.
    """

    positional = ("value_range", "bins", "data_format")

    bins = Field(PositiveInt, 256)
    value_range = Field(ValueRange, (0, 255))
