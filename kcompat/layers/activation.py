"""Activation: a function by name."""

from __future__ import annotations

from ..activations import ActivationKind
from ..config import Field, registered
from ..ir import Value
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Activation(Layer):
    """An activation function of every element, or along an axis as the function does.

    Input and output of any shape, in the layer's compute dtype. Source: keras.layers.Activation.
    """

    supports_masking = True

    activation = Field(ActivationKind)

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, b.floating(x))
