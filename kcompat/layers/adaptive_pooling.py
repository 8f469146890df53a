"""AdaptiveMaxPooling1D to 3D, AdaptiveAveragePooling1D to 3D."""

from __future__ import annotations

from typing import ClassVar

from ..config import DataFormat, Field, ints, registered
from ..ir import Operator, Value
from ..operators.pool import adaptive_avg_pool, adaptive_max_pool
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


class AdaptivePooling(Layer):
    """As many windows of nearly equal size as `output_size` says, for inputs of any size.

    Input (batch, *spatial, channels), or (batch, channels, *spatial) for channels_first, and output
    likewise with `output_size` positions. Raises ShapeError for an input of another rank.
    """

    rank: ClassVar[int]
    operator: ClassVar[Operator]

    output_size = Field(ints())
    data_format = Field(DataFormat, None)

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, self.rank + 2)
        return b.apply(self.operator, b.floating(x), output_size=self.output_size, layout=self.data_format)


@registered("keras.layers")
class AdaptiveMaxPooling1D(AdaptivePooling):
    """Source: keras.layers.AdaptiveMaxPooling1D."""

    rank = 1
    operator = adaptive_max_pool


@registered("keras.layers")
class AdaptiveMaxPooling2D(AdaptivePooling):
    """Source: keras.layers.AdaptiveMaxPooling2D."""

    rank = 2
    operator = adaptive_max_pool


@registered("keras.layers")
class AdaptiveMaxPooling3D(AdaptivePooling):
    """Source: keras.layers.AdaptiveMaxPooling3D."""

    rank = 3
    operator = adaptive_max_pool


@registered("keras.layers")
class AdaptiveAveragePooling1D(AdaptivePooling):
    """Source: keras.layers.AdaptiveAveragePooling1D."""

    rank = 1
    operator = adaptive_avg_pool


@registered("keras.layers")
class AdaptiveAveragePooling2D(AdaptivePooling):
    """Source: keras.layers.AdaptiveAveragePooling2D."""

    rank = 2
    operator = adaptive_avg_pool


@registered("keras.layers")
class AdaptiveAveragePooling3D(AdaptivePooling):
    """Source: keras.layers.AdaptiveAveragePooling3D."""

    rank = 3
    operator = adaptive_avg_pool
