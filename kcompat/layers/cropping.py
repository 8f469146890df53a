"""Cropping1D, Cropping2D, Cropping3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..config import DataFormat, Field, ints, pairs, registered
from ..ir import Value
from ..operators.window import spatial_axes
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


class Cropping(Layer):
    """Takes positions away at the low and high end of `rank` axes.

    Input and output (batch, *spatial, channels), or channels second for channels_first. Where
    nothing is left the size is zero, as in Keras 2; Keras 3 refuses that.
    """

    rank: ClassVar[int]
    cropping: Any
    data_format: Any = "channels_last"

    @property
    def amounts(self) -> tuple[tuple[int, int], ...]:
        """A (low, high) pair per axis."""
        return self.cropping

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, self.rank + 2)
        axes = spatial_axes(x.rank, self.data_format)
        return b.slice(
            x,
            starts=[low for low, _ in self.amounts],
            stops=[-high or None for _, high in self.amounts],
            steps=[1] * self.rank,
            axes=axes,
        )


@registered("keras.layers")
class Cropping1D(Cropping):
    """Crops steps: (batch, steps, channels). Source: keras.layers.Cropping1D."""

    rank = 1

    cropping = Field(ints(2, least=0), 1)

    @property
    def amounts(self) -> tuple[tuple[int, int], ...]:
        return (self.cropping,)


@registered("keras.layers")
class Cropping2D(Cropping):
    """Crops images: (batch, height, width, channels). Source: keras.layers.Cropping2D."""

    rank = 2

    cropping = Field(pairs(), 0)
    data_format = Field(DataFormat, None)


@registered("keras.layers")
class Cropping3D(Cropping):
    """Crops volumes: (batch, depth, height, width, channels). Source: keras.layers.Cropping3D."""

    rank = 3

    cropping = Field(pairs(), 1)
    data_format = Field(DataFormat, None)
