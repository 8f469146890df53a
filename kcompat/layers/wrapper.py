"""Wrapper."""

from __future__ import annotations

from typing import Any

from ..config import Field
from ..errors import ArgumentError
from .base import Layer
from .nested import LayerKind


class Wrapper(Layer):
    """Base of people's own layers around one layer, which it builds for its own input. Source: keras.layers.Wrapper."""

    layer = Field(LayerKind)

    def build(self, input_shape: Any = None) -> None:
        self.build_inner(self.layer, input_shape)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentError(f"{self} does not define call(x)")
