"""Functional models: graphs of layer calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..config import registered
from ..errors import ArgumentError
from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.input import InputLayer
from ..layers.operations import Operation
from ..layers.symbolic import Call, KerasTensor
from ..tree import flatten, map_structure
from .data import arrange
from .model import Model, enter
from .topology import check_distinct_names, order_calls


@registered("keras.models", "Model", "Container")
class Functional(Model):
    """A model from KerasTensors to KerasTensors.

    inputs, outputs: KerasTensors, or lists or dicts of them; predictions come in the nest of outputs,
    but without a list around a single one. Layers may be shared and nested. Source: keras.Model.
    """

    def __init__(
        self, inputs: Any, outputs: Any, name: str | None = None, trainable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._input_structure, self._output_structure = inputs, outputs
        self._check_tensors("inputs", self.inputs)
        self._check_tensors("outputs", self.outputs)
        self._calls_inside, self._operations = order_calls(self.inputs, self.outputs)
        check_distinct_names(self._operations)
        for layer in self._operations:
            self.sublayers.append(layer)
        self.built = True
        if not trainable:
            self.trainable = False

    def _check_tensors(self, what: str, tensors: list[Any]) -> None:
        for tensor in tensors:
            if not isinstance(tensor, KerasTensor):
                raise ArgumentError(
                    f"Model: {what} must be KerasTensors (results of Input and of layers), "
                    f"received {type(tensor).__name__}"
                )
        if not tensors:
            raise ArgumentError(f"Model: {what} are empty")

    def set_layer_order(self, layers: Sequence[Layer]) -> None:
        """List the layers in another order, that of the file they were read from.

        Layers that no output needs are left out. Raises ArgumentError if one of the model's is missing.
        """
        ordered = [layer for layer in layers if layer in self._operations]
        if len(ordered) != len(self._operations):
            raise ArgumentError(f"{self}: the order names {len(ordered)} of {len(self._operations)} layers")
        self._operations = ordered
        self.sublayers[:] = ordered

    @property
    def layers(self) -> list[Layer]:
        """The layers, without the operations between them."""
        return [layer for layer in self._operations if not isinstance(layer, Operation)]

    @property
    def operations(self) -> list[Layer]:
        """The layers and the operations of `kcompat.ops` between them."""
        return list(self._operations)

    @property
    def inputs(self) -> list[KerasTensor]:
        return flatten(self._input_structure)

    @property
    def outputs(self) -> list[KerasTensor]:
        return flatten(self._output_structure)

    @property
    def input_structure(self) -> Any:
        return self._input_structure

    @property
    def output_structure(self) -> Any:
        return self._output_structure

    @property
    def input_names(self) -> list[str]:
        return [
            tensor.call.layer.name if isinstance(tensor.call.layer, InputLayer) else f"input_{index}"
            for index, tensor in enumerate(self.inputs)
        ]

    @property
    def calls_inside(self) -> list[Call]:
        """The layer calls of this model, in an order in which they can run."""
        return list(self._calls_inside)

    def emit(self, b: Emitter, inputs: Any, mask: Any = None) -> Any:
        if isinstance(inputs, (Mapping, list, tuple)):
            entries = arrange(inputs, self.input_names, self._input_structure, str(self))
        else:
            entries = [inputs]
        masks = self._masks(mask, len(entries))
        values: dict[KerasTensor, Value] = {
            tensor: enter(b, entry, tensor, given)
            for tensor, entry, given in zip(self.inputs, entries, masks, strict=True)
        }
        emit_calls(b, self._calls_inside, values)
        return _unpacked(map_structure(lambda tensor: values[tensor], self._output_structure))

    def _masks(self, mask: Any, count: int) -> list[Any]:
        """The mask of each input that a call gives, in their order."""
        if mask is None:
            return [None] * count
        if isinstance(mask, Mapping):
            return arrange(mask, self.input_names, self._input_structure, f"{self}: mask")
        masks = flatten(mask)
        if len(masks) != count:
            raise ArgumentError(f"{self}: takes {count} masks, one for each input, received {len(masks)}")
        return masks

    def pack(self, arrays: list[np.ndarray]) -> Any:
        return _unpacked(super().pack(arrays))


def emit_calls(b: Emitter, calls: Sequence[Call], values: dict[KerasTensor, Value]) -> None:
    """Emit layer calls in order, but for those whose results are there, and enter their results."""
    for call in calls:
        if not call.is_input and not all(tensor in values for tensor in call.output_tensors):
            args, kwargs = map_structure(
                lambda leaf: values[leaf] if isinstance(leaf, KerasTensor) else leaf, (call.args, call.kwargs)
            )
            outputs = b.call(call.layer, *args, **kwargs)
            values.update(zip(call.output_tensors, flatten(outputs), strict=True))


def _unpacked(outputs: Any) -> Any:
    """Outputs without the list around a single one, as Keras returns them."""
    return outputs[0] if isinstance(outputs, (list, tuple)) and len(outputs) == 1 else outputs
