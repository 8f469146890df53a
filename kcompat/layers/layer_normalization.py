"""LayerNormalization."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, Float, IntOrInts, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value, Variable
from ..ir.types import normalize_axes
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


def sorted_axes(axis: Any) -> tuple[int, ...]:
    """One axis or several in the order in which Keras 3 lists them, and weights along them."""
    return tuple(sorted((axis,) if isinstance(axis, int) else axis))


@registered("keras.layers")
class LayerNormalization(Layer):
    """Zero mean and unit variance over `axis`, then gamma and beta, shaped like those axes.

    Input and output of any shape; the sizes along `axis` are known. axis: an integer or several.
    rms_scaling leaves the mean in and beta out. Source: keras.layers.LayerNormalization.
    """

    supports_masking = True

    axis = Field(IntOrInts, -1)
    epsilon = Field(Float, 1e-3)
    center = Field(Bool, True)
    scale = Field(Bool, True)
    rms_scaling = Field(Bool, False, keyword=True)
    beta_initializer = Field(InitializerKind, "zeros")
    gamma_initializer = Field(InitializerKind, "ones")
    beta_regularizer = Field(RegularizerKind, None)
    gamma_regularizer = Field(RegularizerKind, None)
    beta_constraint = Field(ConstraintKind, None)
    gamma_constraint = Field(ConstraintKind, None)

    def build(self, input_shape: Any) -> None:
        self.axis = sorted_axes(self.axis)
        normalize_axes(self.axis, len(input_shape), f"{self}: axis")
        shape = [input_shape[axis] for axis in self.axis]
        self.gamma = self.add_configured_weight("gamma", shape) if self.scale or self.rms_scaling else None
        self.beta = self.add_configured_weight("beta", shape) if self.center and not self.rms_scaling else None

    def emit(self, b: Emitter, x: Value) -> Value:
        x = b.floating(x)
        axes = normalize_axes(self.axis, x.rank)
        gamma, beta = self._placed(b, self.gamma, axes, x.rank), self._placed(b, self.beta, axes, x.rank)
        if self.rms_scaling:
            return self._scaled(b, x, gamma, axes)
        return b.layer_norm(x, gamma, beta, axes=axes, epsilon=self.epsilon)

    def _scaled(self, b: Emitter, x: Value, gamma: Any, axes: tuple[int, ...]) -> Value:
        """x / sqrt(variance + epsilon) * gamma: the variance is about the mean, which stays in x."""
        centred = b.sub(x, b.reduce_mean(x, axes=axes, keepdims=True))
        variance = b.reduce_mean(b.square(centred), axes=axes, keepdims=True)
        return b.mul(b.mul(x, b.rsqrt(b.add(variance, self.epsilon))), gamma)

    def _placed(self, b: Emitter, weight: Variable | None, axes: tuple[int, ...], rank: int) -> Any:
        """A weight shaped to broadcast along the axes; as it is where they are the last ones."""
        if weight is None or axes == tuple(range(rank - len(axes), rank)):
            return weight
        shape = [1] * rank
        for axis, size in zip(axes, weight.shape, strict=True):
            shape[axis] = size
        return b.reshape(weight, shape=shape)
