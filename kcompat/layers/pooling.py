"""MaxPooling1D to 3D, AveragePooling1D to 3D."""

from __future__ import annotations

from typing import ClassVar

from ..config import DataFormat, Field, Kind, ints, one_of, registered
from ..ir import Operator, Value
from ..operators.pool import avg_pool, max_pool
from .base import Layer
from .emitter import Emitter

_sizes = ints()
_Strides = Kind(
    f"{_sizes.name}, or None for those of the window",
    lambda value, owner: owner.pool_size if value is None else _sizes.parse(value, owner),
)


class Pooling(Layer):
    """A window over `rank` axes that moves by `strides`, by default its own size.

    Input (batch, *spatial, channels), or (batch, channels, *spatial) for channels_first, and output
    likewise. padding: "valid" or "same"; padded positions count for nothing. Raises ShapeError for an
    input of another rank.
    """

    rank: ClassVar[int]
    operator: ClassVar[Operator]

    pool_size = Field(_sizes, 2)
    padding = Field(one_of("valid", "same"), "valid", keras1="border_mode")
    strides = Field(_Strides, None)
    data_format = Field(DataFormat, None, keras1="dim_ordering")

    positional = ("pool_size", "strides", "padding", "data_format")

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.apply(
            self.operator,
            x,
            window=self.pool_size,
            strides=self.strides,
            pads=self.padding,
            layout=self.data_format,
        )


class MaxPooling(Pooling):
    """The largest element under each window."""

    operator = max_pool


class AveragePooling(Pooling):
    """The mean of the elements under each window."""

    operator = avg_pool

    def emit(self, b: Emitter, x: Value) -> Value:
        return super().emit(b, b.floating(x))


@registered("keras.layers", "MaxPool1D")
class MaxPooling1D(MaxPooling):
    """Max pooling over time: (batch, steps, channels). Source: keras.layers.MaxPooling1D."""

    rank = 1
    pool_size = Field(_sizes, 2, keras1="pool_length")
    strides = Field(_Strides, None, keras1="stride")


@registered("keras.layers", "MaxPool2D")
class MaxPooling2D(MaxPooling):
    """Max pooling over images: (batch, height, width, channels). Source: keras.layers.MaxPooling2D."""

    rank = 2


@registered("keras.layers", "MaxPool3D")
class MaxPooling3D(MaxPooling):
    """Max pooling over volumes: (batch, depth, height, width, channels). Source: keras.layers.MaxPooling3D."""

    rank = 3


@registered("keras.layers", "AvgPool1D")
class AveragePooling1D(AveragePooling):
    """Average pooling over time: (batch, steps, channels). Source: keras.layers.AveragePooling1D."""

    rank = 1
    pool_size = Field(_sizes, 2, keras1="pool_length")
    strides = Field(_Strides, None, keras1="stride")


@registered("keras.layers", "AvgPool2D")
class AveragePooling2D(AveragePooling):
    """Average pooling over images: (batch, height, width, channels). Source: keras.layers.AveragePooling2D."""

    rank = 2


@registered("keras.layers", "AvgPool3D")
class AveragePooling3D(AveragePooling):
    """Average pooling over volumes. Source: keras.layers.AveragePooling3D."""

    rank = 3
