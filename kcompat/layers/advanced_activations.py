"""Activations with parameters of their own: ReLU, LeakyReLU, PReLU, ELU, Softmax, ThresholdedReLU."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, Float, IntOrInts, Kind, int_list, optional, registered, within
from ..constraints import ConstraintKind
from ..errors import ArgumentError
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter

_NotNegative = within(0)
_MASKED = -1e9
"""What Keras puts in place of masked logits."""


@registered("keras.layers")
class ReLU(Layer):
    """min(x, max_value) above the threshold, negative_slope * (x - threshold) elsewhere.

    Input and output of any shape. Source: keras.layers.ReLU.
    """

    supports_masking = True

    max_value = Field(optional(_NotNegative), None)
    negative_slope = Field(_NotNegative, 0.0)
    threshold = Field(_NotNegative, 0.0)

    def emit(self, b: Emitter, x: Value) -> Value:
        limit = float("inf") if self.max_value is None else self.max_value
        return b.relu(b.floating(x), negative_slope=self.negative_slope, max_value=limit, threshold=self.threshold)


@registered("keras.layers")
class LeakyReLU(Layer):
    """x where positive, negative_slope * x elsewhere. Source: keras.layers.LeakyReLU."""

    supports_masking = True

    negative_slope = Field(_NotNegative, 0.3, aliases=("alpha",))

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.relu(b.floating(x), negative_slope=self.negative_slope)


@registered("keras.layers")
class ELU(Layer):
    """x where positive, alpha * (exp(x) - 1) elsewhere. Source: keras.layers.ELU."""

    supports_masking = True

    alpha = Field(Float, 1.0)

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.elu(b.floating(x), alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        """As Keras derives it from the constructor: arguments before the base layer's other entries."""
        return {"name": self.name, "alpha": self.alpha, **self.base_config()}


@registered("keras.layers")
class ThresholdedReLU(Layer):
    """x where above theta, 0 elsewhere. Source: keras._legacy.layers.ThresholdedReLU."""

    supports_masking = True

    theta = Field(_NotNegative, 1.0)

    def emit(self, b: Emitter, x: Value) -> Value:
        x = b.floating(x)
        return b.mul(x, b.cast(b.greater(x, self.theta), dtype=x.dtype))


_SharedAxes = Kind(
    "an axis, a sequence of axes, or None",
    lambda value, owner: None if value is None else list(int_list([value] if isinstance(value, int) else value)),
)


@registered("keras.layers")
class PReLU(Layer):
    """x where positive, alpha * x elsewhere, with one alpha per position but along `shared_axes`.

    Input (batch, ...), whose axes that are not shared must have known sizes. Weight alpha has the
    input's shape without the batch, 1 along shared axes. Source: keras.layers.PReLU.
    """

    supports_masking = True

    alpha_initializer = Field(InitializerKind, "zeros", keras1="init")
    alpha_regularizer = Field(RegularizerKind, None)
    alpha_constraint = Field(ConstraintKind, None)
    shared_axes = Field(_SharedAxes, None)

    def build(self, input_shape: Any) -> None:
        shape = list(input_shape[1:])
        for axis in self.shared_axes or ():
            if not 1 <= axis < len(input_shape):
                raise ArgumentError(f"{self}: shared_axes={self.shared_axes} do not fit input shape {input_shape}")
            shape[axis - 1] = 1
        self.alpha = self.add_weight(
            shape,
            self.alpha_initializer,
            name="alpha",
            regularizer=self.alpha_regularizer,
            constraint=self.alpha_constraint,
        )

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.prelu(b.floating(x), self.alpha)


@registered("keras.layers")
class Softmax(Layer):
    """exp(x), divided by its sum over `axis` (one or several).

    Input of any shape; `mask`, which broadcasts to it, is true where elements take part. Masked
    elements become 0. keras2_mask: they are lowered by 1e9 instead, or with robust_masking put there, so
    that where no element takes part they share the sum of 1. ignores_mask (until TensorFlow 2.2): all take
    part. Source: keras.layers.Softmax.
    """

    supports_masking = True

    axis = Field(IntOrInts, -1)
    keras2_mask = Field(Bool, False, keyword=True, extension=True)
    robust_masking = Field(Bool, False, keyword=True, extension=True)
    ignores_mask = Field(Bool, False, keyword=True, extension=True)

    def emit(self, b: Emitter, x: Value, mask: Value | None = None) -> Value:
        x = b.floating(x)
        axes = (self.axis,) if isinstance(self.axis, int) else self.axis
        if mask is None or self.ignores_mask:
            return b.softmax(x, axes=axes)
        if self.keras2_mask and not self.robust_masking:
            lowered = b.mul(b.sub(1.0, b.cast(mask, dtype=x.dtype)), _MASKED)
            return b.softmax(b.add(x, lowered), axes=axes)
        kept = mask if mask.dtype == "bool" else b.greater(mask, 0.5)
        y = b.softmax(b.where(kept, x, b.constant(_MASKED, x.dtype)), axes=axes)
        return y if self.keras2_mask else b.where(kept, y, b.constant(0, x.dtype))
