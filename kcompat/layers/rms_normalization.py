"""RMSNormalization."""

from __future__ import annotations

from typing import Any

from ..config import Field, Float, IntOrInts, registered
from ..ir import Value
from ..ir.types import normalize_axes
from .base import Layer
from .emitter import Emitter
from .layer_normalization import sorted_axes


@registered("keras.layers")
class RMSNormalization(Layer):
    """x / sqrt(mean(x^2) + epsilon) over `axis`, times a scale shaped like those axes.

    Input and output of any shape. axis: an integer or several. The scale broadcasts against the last
    axes, whichever `axis` are, as in Keras. Source: keras.layers.RMSNormalization.
    """

    axis = Field(IntOrInts, -1)
    epsilon = Field(Float, 1e-6)

    def build(self, input_shape: Any) -> None:
        self.axis = sorted_axes(self.axis)
        normalize_axes(self.axis, len(input_shape), f"{self}: axis")
        self.scale = self.add_weight([input_shape[axis] for axis in self.axis], "ones", name="scale")

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.rms_norm(b.floating(x), self.scale, axes=self.axis, epsilon=self.epsilon)
