"""Masking."""

from __future__ import annotations

from typing import Any

from ..config import Field, Float, registered
from ..ir import Value
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Masking(Layer):
    """Masks the steps all of whose features are `mask_value`, and sets them to zero.

    Input (batch, time, features), output the same; the mask is (batch, time).
    Source: keras.layers.Masking.
    """

    supports_masking = True

    mask_value = Field(Float, 0.0)

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.where(self._real(b, x, keepdims=True), x, b.constant(0, x.dtype))

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return self._real(b, inputs, keepdims=False)

    def _real(self, b: Emitter, x: Value, keepdims: bool) -> Value:
        return b.reduce_max(b.not_equal(x, self.mask_value), axes=(-1,), keepdims=keepdims)
