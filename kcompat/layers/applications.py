"""Layers that only the models of `keras.applications` use: no namespace of Keras shows them."""

from __future__ import annotations

from typing import Any

from ..config import Field, Float, PositiveInt, registered, within
from ..initializers import Constant
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .merging import Merge

_CONVNEXT = "keras.src.applications.convnext"


@registered(_CONVNEXT)
class LayerScale(Layer):
    """`x * gamma`, one factor per channel, all `init_values` at first (Touvron et al. 2021).

    Input (..., projection_dim), output the same. Source: LayerScale in keras/src/applications/convnext.py.
    """

    init_values = Field(Float)
    projection_dim = Field(PositiveInt)

    def build(self, input_shape: Any) -> None:
        self.gamma = self.add_weight((self.projection_dim,), Constant(self.init_values), name="gamma")

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.mul(x, self.gamma)


@registered(_CONVNEXT)
class StochasticDepth(Layer):
    """Its input; training drops it with probability `drop_path_rate`.

    Source: StochasticDepth in keras/src/applications/convnext.py.
    """

    drop_path_rate = Field(within(0, 1))

    def emit(self, b: Emitter, x: Value) -> Value:
        return x


@registered("keras.src.applications.inception_resnet_v2", "Custom>CustomScaleLayer")
class CustomScaleLayer(Merge):
    """`a + scale * b` for a list [a, b] of tensors.

    Source: CustomScaleLayer in keras/src/applications/inception_resnet_v2.py.
    """

    scale = Field(Float)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        first, second = self.operands(b, inputs, 2)
        return b.add(first, b.mul(second, self.scale))
