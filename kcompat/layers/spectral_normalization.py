"""SpectralNormalization."""

from __future__ import annotations

from typing import Any

from ..config import Field, PositiveInt, registered
from ..errors import ArgumentError
from ..initializers import TruncatedNormal
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .nested import LayerKind


@registered("keras.layers")
class SpectralNormalization(Layer):
    """A layer whose kernel training divides by its largest singular value.

    The kernel is stored divided, so that inference is that of the layer alone. Input and output are the
    layer's; the output has the input's dtype. Raises ArgumentError for a layer without `kernel` or
    `embeddings`. Source: keras.layers.SpectralNormalization.
    """

    layer = Field(LayerKind)
    power_iterations = Field(PositiveInt, 1)

    def build(self, input_shape: Any) -> None:
        self.layer.build_once(input_shape)
        kernel = getattr(self.layer, "kernel", None) or getattr(self.layer, "embeddings", None)
        if kernel is None:
            raise ArgumentError(f"{self}: {self.layer} has neither a kernel nor embeddings")
        self._own_weights.append(kernel)
        self.kernel = kernel
        self.vector_u = self.add_weight(
            (1, kernel.shape[-1]), TruncatedNormal(stddev=0.02), name="vector_u", trainable=False
        )

    def emit(self, b: Emitter, x: Value) -> Value:
        if b.training:
            self._normalize(b)
        y = b.call(self.layer, x)
        return y if y.dtype == x.dtype else b.cast(y, dtype=x.dtype)

    def _normalize(self, b: Emitter) -> None:
        """Divide the kernel by its largest singular value, as power iteration from the last estimate finds it."""
        kernel, start = b.parameter(self.kernel), b.parameter(self.vector_u)
        weights = b.reshape(kernel, shape=(-1, self.kernel.shape[-1]))
        transposed, u = b.transpose(weights, perm=(1, 0)), start
        for _ in range(self.power_iterations):
            v = b.l2_normalize(b.matmul(u, transposed), axes=(1,))
            u = b.l2_normalize(b.matmul(v, weights), axes=(1,))
        sigma = b.reshape(b.matmul(b.matmul(v, weights), b.transpose(u, perm=(1, 0))), shape=())
        is_zero = b.equal(b.reduce_max(b.abs(weights), axes=(0, 1)), 0.0)
        b.assign(self.vector_u, b.where(is_zero, start, u))
        b.assign(self.kernel, b.div(kernel, b.where(is_zero, b.constant(1, sigma.dtype), sigma)))
