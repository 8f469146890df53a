"""UnitNormalization."""

from __future__ import annotations

from ..config import Field, IntOrInts, registered
from ..ir import Value
from .base import Layer
from .emitter import Emitter

_LEAST_NORM = 1e-12


@registered("keras.layers")
class UnitNormalization(Layer):
    """x / max(|x|, 1e-12), with the Euclidean norm over `axis`.

    Input and output of any shape. axis: an integer or several. Source: keras.layers.UnitNormalization.
    """

    supports_masking = True

    axis = Field(IntOrInts, -1)

    def emit(self, b: Emitter, x: Value) -> Value:
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        return b.l2_normalize(b.floating(x), axes=axes, epsilon=_LEAST_NORM**2)
