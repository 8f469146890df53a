"""ZeroPadding1D, ZeroPadding2D, ZeroPadding3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import DataFormat, Field, ints, pairs, registered
from ..ir import Value
from ..operators.window import spatial_axes
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


class ZeroPadding(Layer):
    """Adds zeros at the low and high end of `rank` axes.

    Input and output (batch, *spatial, channels), or channels second for channels_first.
    """

    rank: ClassVar[int]
    padding: Any
    data_format: Any

    @property
    def amounts(self) -> tuple[tuple[int, int], ...]:
        """A (low, high) pair per axis."""
        return self.padding

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, self.rank + 2)
        pads = dict(zip(spatial_axes(x.rank, self.data_format), self.amounts, strict=True))
        return b.pad(x, pads=[pads.get(axis, (0, 0)) for axis in range(x.rank)])


@registered("keras.layers")
class ZeroPadding1D(ZeroPadding):
    """Pads steps: (batch, steps, channels). Source: keras.layers.ZeroPadding1D."""

    rank = 1

    padding = Field(ints(2, least=0), 1)
    data_format = Field(DataFormat, None)

    @property
    def amounts(self) -> tuple[tuple[int, int], ...]:
        return (self.padding,)


@registered("keras.layers")
class ZeroPadding2D(ZeroPadding):
    """Pads images: (batch, height, width, channels). Source: keras.layers.ZeroPadding2D."""

    rank = 2

    padding = Field(pairs(), 1)
    data_format = Field(DataFormat, None)


@registered("keras.layers")
class ZeroPadding3D(ZeroPadding):
    """Pads volumes: (batch, depth, height, width, channels). Source: keras.layers.ZeroPadding3D."""

    rank = 3

    padding = Field(pairs(), 1)
    data_format = Field(DataFormat, None)
