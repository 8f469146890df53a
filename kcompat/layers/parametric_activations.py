"""SReLU, ParametricSoftplus (Keras 1)."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, Float, registered
from ..initializers import Constant, InitializerKind
from ..ir import Value
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class SReLU(Layer):
    """S-shaped: linear in three pieces, all slopes but the middle one learned (Jin et al. 2015).

    Input and output (batch, ...), whose sizes but the batch must be known: each position has its own
    thresholds and slopes. limits_left: the left piece does not exceed the width of the middle one, as on
    Theano. Source: SReLU in layers/advanced_activations.py, `relu` in backend/ of Keras 1.2.2.
    """

    supports_masking = True

    t_left_initializer = Field(InitializerKind, "zeros", keras1="t_left_init")
    a_left_initializer = Field(InitializerKind, "glorot_uniform", keras1="a_left_init")
    t_right_initializer = Field(InitializerKind, "glorot_uniform", keras1="t_right_init")
    a_right_initializer = Field(InitializerKind, "ones", keras1="a_right_init")
    limits_left = Field(Bool, False, extension=True, keyword=True)

    def build(self, input_shape: Any) -> None:
        self.t_left, self.a_left, self.t_right, self.a_right = (
            self.add_weight(input_shape[1:], getattr(self, f"{name}_initializer"), name=name)
            for name in ("t_left", "a_left", "t_right", "a_right")
        )

    def emit(self, b: Emitter, x: Value) -> Value:
        width = b.abs(self.t_right)
        offset = b.sub(b.floating(x), self.t_left)
        left = b.mul(b.minimum(offset, b.constant(0, offset.dtype)), self.a_left)
        if self.limits_left:
            left = b.minimum(left, width)
        middle = b.minimum(b.relu(offset), width)
        right = b.mul(b.relu(b.sub(offset, width)), self.a_right)
        return b.add(b.add(b.add(self.t_left, left), middle), right)


@registered("keras.layers")
class ParametricSoftplus(Layer):
    """`alpha * softplus(beta * x)` with learned alpha and beta for each position.

    Input and output (batch, ...), whose sizes but the batch must be known. Source: ParametricSoftplus in
    layers/advanced_activations.py of Keras 1.2.2.
    """

    supports_masking = True

    alpha_init = Field(Float, 0.2)
    beta_init = Field(Float, 5.0)

    def build(self, input_shape: Any) -> None:
        self.alphas, self.betas = (
            self.add_weight(input_shape[1:], Constant(start), name=name)
            for name, start in (("alphas", self.alpha_init), ("betas", self.beta_init))
        )

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.mul(b.softplus(b.mul(b.floating(x), self.betas)), self.alphas)
