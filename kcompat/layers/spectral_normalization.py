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
        y = b.call(self.layer, x)
        return y if y.dtype == x.dtype else b.cast(y, dtype=x.dtype)
