"""Fields that hold layers."""

from __future__ import annotations

from typing import Any

from ..config import Kind, object_kind
from .base import Layer

_objects = object_kind("keras.layers", "a layer")


def _layer(value: Any, owner: Any) -> Layer:
    layer = _objects.parse(value, owner)
    if not isinstance(layer, Layer):
        raise TypeError
    return layer


LayerKind = Kind(_objects.name, _layer, _objects.serialize)
