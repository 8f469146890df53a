"""Layers to and from the dicts that Keras 3 writes for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..config import serialize as serialize_object
from ..errors import ArgumentError
from ..registration import CustomObjectScope
from .base import Layer
from .nested import LayerKind


def serialize(layer: Layer) -> Any:
    """A layer as a dict of module, class name and config. Source: keras.layers.serialize."""
    return serialize_object(layer)


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Layer:
    """The layer that a dict of `serialize` describes. Raises ArgumentError. Source: keras.layers.deserialize."""
    with CustomObjectScope(custom_objects):
        try:
            layer: Layer = LayerKind.parse(config, "layers.deserialize")
        except TypeError:
            raise ArgumentError(f"layers.deserialize takes the dict of a layer, received {config!r:.200}") from None
        return layer
