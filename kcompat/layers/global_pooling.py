"""GlobalMaxPooling1D to 3D, GlobalAveragePooling1D to 3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import Bool, DataFormat, Field, registered
from ..ir import Value
from ..operators.window import channel_axis, spatial_axes
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


class GlobalPooling(Layer):
    """One value per sample and channel.

    Input (batch, *spatial, channels), or (batch, channels, *spatial) for channels_first; output
    (batch, channels), or with keepdims the input's axes, the spatial ones of size one. Raises
    ShapeError for an input of another rank.
    """

    rank: ClassVar[int]

    data_format = Field(DataFormat, None, keras1="dim_ordering")
    keepdims = Field(Bool, False)

    def reduced_axes(self, x: Value) -> tuple[int, ...]:
        require_rank(self, x, self.rank + 2)
        return spatial_axes(x.rank, self.data_format)


class GlobalMaxPooling(GlobalPooling):
    """The largest element of each channel."""

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.reduce_max(x, axes=self.reduced_axes(x), keepdims=self.keepdims)


class GlobalAveragePooling(GlobalPooling):
    """The mean of each channel."""

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.reduce_mean(b.floating(x), axes=self.reduced_axes(x), keepdims=self.keepdims)


@registered("keras.layers", "GlobalMaxPool1D")
class GlobalMaxPooling1D(GlobalMaxPooling):
    """Max over time: (batch, steps, channels). Source: keras.layers.GlobalMaxPooling1D."""

    rank = 1


@registered("keras.layers", "GlobalMaxPool2D")
class GlobalMaxPooling2D(GlobalMaxPooling):
    """Max over images: (batch, height, width, channels). Source: keras.layers.GlobalMaxPooling2D."""

    rank = 2


@registered("keras.layers", "GlobalMaxPool3D")
class GlobalMaxPooling3D(GlobalMaxPooling):
    """Max over volumes: (batch, depth, height, width, channels). Source: keras.layers.GlobalMaxPooling3D."""

    rank = 3


@registered("keras.layers", "GlobalAvgPool1D")
class GlobalAveragePooling1D(GlobalAveragePooling):
    """Mean over time, with a mask (batch, steps) over the steps that it marks.

    Source: keras.layers.GlobalAveragePooling1D.
    """

    rank = 1
    supports_masking = True

    def emit(self, b: Emitter, x: Value, mask: Value | None = None) -> Value:
        if mask is None:
            return super().emit(b, x)
        x, axes = b.floating(x), self.reduced_axes(x)
        real = b.expand_dims(mask, axes=(channel_axis(x.rank, self.data_format),))
        total = b.reduce_sum(b.where(real, x, b.constant(0.0, x.dtype)), axes=axes, keepdims=self.keepdims)
        return b.div(total, b.reduce_sum(b.floating(real), axes=axes, keepdims=self.keepdims))

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return None


@registered("keras.layers", "GlobalAvgPool2D")
class GlobalAveragePooling2D(GlobalAveragePooling):
    """Mean over images: (batch, height, width, channels). Source: keras.layers.GlobalAveragePooling2D."""

    rank = 2


@registered("keras.layers", "GlobalAvgPool3D")
class GlobalAveragePooling3D(GlobalAveragePooling):
    """Mean over volumes: (batch, depth, height, width, channels). Source: keras.layers.GlobalAveragePooling3D."""

    rank = 3
