"""Pipeline."""

from __future__ import annotations

from typing import Any

from ..config import Field, Kind, registered
from .base import Layer
from .emitter import Emitter
from .nested import LayerKind


def _parse_layers(value: Any, owner: Any) -> list[Layer]:
    return [LayerKind.parse(item, owner) for item in value]


@registered("keras.layers")
class Pipeline(Layer):
    """Layers that are called one after the other, each on what the one before it returned.

    Source: keras.layers.Pipeline.
    """

    layers = Field(Kind("a list of layers", _parse_layers, lambda layers: [*map(LayerKind.serialize, layers)]))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sublayers.extend(self.layers)

    def build(self, input_shape: Any) -> None:
        shape = input_shape
        for layer in self.layers:
            self.build_inner(layer, shape)
            shape = layer.compute_output_shape(shape)

    def emit(self, b: Emitter, inputs: Any) -> Any:
        for layer in self.layers:
            inputs = b.call(layer, inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """In Keras's order, without `trainable` and `dtype`."""
        return {"layers": type(self).layers.kind.serialize(self.layers), "name": self.name}
