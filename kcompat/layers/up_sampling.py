"""UpSampling1D, UpSampling2D, UpSampling3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import Bool, DataFormat, Field, PositiveInt, ints, one_of, registered
from ..errors import ArgumentError
from ..ir import Value
from ..operators.window import spatial_axes
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank

_Interpolation = one_of("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5", "area", "gaussian", "mitchellcubic")


class UpSampling(Layer):
    """Whole numbers of positions for every one along `rank` axes.

    Input and output (batch, *spatial, channels), or channels second for channels_first.
    """

    rank: ClassVar[int]
    size: Any
    data_format: Any = "channels_last"

    @property
    def factors(self) -> tuple[int, ...]:
        """A factor per axis."""
        return self.size

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, self.rank + 2)
        return b.resize(x, axes=spatial_axes(x.rank, self.data_format), scales=self.factors, method="nearest")


@registered("keras.layers")
class UpSampling1D(UpSampling):
    """Repeats each of (batch, steps, channels) `size` times. Source: keras.layers.UpSampling1D."""

    rank = 1

    size = Field(PositiveInt, 2, keras1="length")

    @property
    def factors(self) -> tuple[int, ...]:
        return (self.size,)


@registered("keras.layers")
class UpSampling2D(UpSampling):
    """Images (batch, height, width, channels) with `size` times as many rows and columns.

    interpolation: "nearest" repeats them; the others see pixels as points in the middle of their area.
    "gaussian" and "mitchellcubic" are Keras 2's alone, and so is half_pixel_centers=False, the bilinear
    method of TensorFlow 1, which saw them in the corner. Source: keras.layers.UpSampling2D.
    """

    rank = 2

    size = Field(ints(), 2)
    data_format = Field(DataFormat, None)
    interpolation = Field(_Interpolation, "nearest")
    half_pixel_centers = Field(Bool, True, extension=True, keyword=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.half_pixel_centers and self.interpolation != "bilinear":
            raise ArgumentError(
                f"{self}: half_pixel_centers=False needs interpolation='bilinear', received {self.interpolation!r}"
            )

    def emit(self, b: Emitter, x: Value) -> Value:
        if self.interpolation == "nearest":
            return super().emit(b, x)
        require_rank(self, x, 4)
        return b.resize(
            b.floating(x),
            axes=spatial_axes(4, self.data_format),
            scales=self.size,
            method=self.interpolation,
            coordinates="half_pixel" if self.half_pixel_centers else "asymmetric",
        )


@registered("keras.layers")
class UpSampling3D(UpSampling):
    """Repeats positions of volumes (batch, depth, height, width, channels). Source: keras.layers.UpSampling3D."""

    rank = 3

    size = Field(ints(), 2)
    data_format = Field(DataFormat, None)
