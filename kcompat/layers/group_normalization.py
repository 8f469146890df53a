"""GroupNormalization."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, Float, Int, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError
from ..initializers import InitializerKind
from ..ir import Value
from ..ir.types import normalize_axis
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class GroupNormalization(Layer):
    """Zero mean and unit variance per sample and group of channels, then gamma and beta along `axis`.

    Input and output of any shape; the channels are those of `axis`. groups: a divisor of their number,
    or -1 for as many groups as channels. Source: keras.layers.GroupNormalization.
    """

    supports_masking = True

    groups = Field(Int, 32)
    axis = Field(Int, -1)
    epsilon = Field(Float, 1e-3)
    center = Field(Bool, True)
    scale = Field(Bool, True)
    beta_initializer = Field(InitializerKind, "zeros")
    gamma_initializer = Field(InitializerKind, "ones")
    beta_regularizer = Field(RegularizerKind, None)
    gamma_regularizer = Field(RegularizerKind, None)
    beta_constraint = Field(ConstraintKind, None)
    gamma_constraint = Field(ConstraintKind, None)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.groups < 1 and self.groups != -1:
            raise ArgumentError(f"{self}: groups must be positive, or -1 for one per channel, received {self.groups}")

    def build(self, input_shape: Any) -> None:
        channels = input_shape[normalize_axis(self.axis, len(input_shape), f"{self}: axis")]
        if self.groups == -1 and isinstance(channels, int):
            self.groups = channels
        if isinstance(channels, int) and channels % self.groups:
            raise ArgumentError(f"{self}: {channels} channels do not divide into groups={self.groups}")
        self.gamma = self.add_configured_weight("gamma", (channels,)) if self.scale else None
        self.beta = self.add_configured_weight("beta", (channels,)) if self.center else None

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.group_norm(
            b.floating(x), self.gamma, self.beta, groups=self.groups, axis=self.axis, epsilon=self.epsilon
        )
