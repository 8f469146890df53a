"""MaxPooling1D to 3D, AveragePooling1D to 3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import DataFormat, Field, Kind, ints, one_of, registered
from ..ir import Operator, Value
from ..operators.pool import avg_pool, max_pool
from ..operators.window import spatial_axes
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank
from .same_padding import pooling_pads, same_padding_field

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
    same_padding = same_padding_field()

    positional = ("pool_size", "strides", "padding", "data_format")

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.pool(b, x)

    def pool(self, b: Emitter, x: Value, **options: Any) -> Value:
        """The layer's window applied with its operator."""
        require_rank(self, x, self.rank + 2)
        return b.apply(
            self.operator,
            x,
            window=self.pool_size,
            strides=self.strides,
            pads=self.window_pads(x),
            layout=self.data_format,
            **options,
        )

    def window_pads(self, x: Value) -> Any:
        """The padding as the operator takes it."""
        if self.padding == "same" and self.same_padding != "tensorflow":
            sizes = [x.shape[axis] for axis in spatial_axes(x.rank, self.data_format)]
            return pooling_pads(self, sizes, self.pool_size, self.strides)
        return self.padding


class MaxPooling(Pooling):
    """The largest element under each window."""

    operator = max_pool


class AveragePooling(Pooling):
    """The mean of the elements under each window."""

    operator = avg_pool

    def emit(self, b: Emitter, x: Value) -> Value:
        counts = self.padding == "same" and self.same_padding == "theano_counted"
        return self.pool(b, b.floating(x), count_padding=counts)


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
