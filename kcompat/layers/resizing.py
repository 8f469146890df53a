"""Resizing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..config import Bool, Field, Float, PositiveInt, one_of, registered
from ..errors import ArgumentError
from ..ir import Value
from ..ir.types import is_float
from .emitter import Emitter
from .image_axes import ImageLayer


@registered("keras.layers")
class Resizing(ImageLayer):
    """Images resampled to height x width, at half-pixel centers, as tf.image.resize does.

    crop_to_aspect_ratio, pad_to_aspect_ratio: first cut off, or add `fill_value`, so that proportions are
    kept. antialias: widen the window when shrinking. Input (batch, height, width, channels), or one image.
    Integers are rounded and stay integers, as Keras 3 does outside of `tf.function`; with
    keeps_integers=False (Keras 2) they become floating. Source: keras.layers.Resizing.
    """

    positional = (
        *("height", "width", "interpolation", "crop_to_aspect_ratio", "pad_to_aspect_ratio", "fill_mode"),
        *("fill_value", "antialias", "data_format"),
    )

    height = Field(PositiveInt)
    width = Field(PositiveInt)
    interpolation = Field(one_of("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5"), "bilinear")
    crop_to_aspect_ratio = Field(Bool, False)
    pad_to_aspect_ratio = Field(Bool, False)
    fill_mode = Field(one_of("constant"), "constant")
    fill_value = Field(Float, 0.0)
    antialias = Field(Bool, False)
    keeps_integers = Field(Bool, True, keyword=True, extension=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.crop_to_aspect_ratio and self.pad_to_aspect_ratio:
            raise ArgumentError(f"{self}: only one of crop_to_aspect_ratio and pad_to_aspect_ratio can be True")

    def emit(self, b: Emitter, x: Value) -> Value:
        axes = self.image_axes(x)
        if is_float(x.dtype) or not self.keeps_integers:
            return self._resized(b, b.floating(x), axes)
        if self.interpolation == "nearest":
            return self._resized(b, x, axes)
        limits = np.iinfo(x.dtype)
        rounded = b.round(self._resized(b, b.floating(x), axes))
        return b.cast(b.clip(rounded, low=limits.min, high=limits.max), dtype=x.dtype)

    def _resized(self, b: Emitter, x: Value, axes: tuple[int, int]) -> Value:
        size = {"height": self.height, "width": self.width}
        if self.crop_to_aspect_ratio:
            x = b.crop_to_ratio(x, axes=axes, **size)
        elif self.pad_to_aspect_ratio:
            x = b.pad_to_ratio(x, axes=axes, **size, value=self.fill_value)
        sizes = (self.height, self.width)
        return b.resize(x, axes=axes, sizes=sizes, method=self.interpolation, antialias=self.antialias)
