"""Identity."""

from __future__ import annotations

from typing import Any

from ..config import registered
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Identity(Layer):
    """Its input, a tensor or a nest of them. Source: keras.layers.Identity."""

    supports_masking = True

    def emit(self, b: Emitter, x: Any) -> Any:
        return x
