"""Sequential models: one layer after another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..config import registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.input import InputLayer
from ..layers.symbolic import Call, KerasTensor
from .model import Model, enter


@registered("keras.models")
class Sequential(Model):
    """A chain of layers.

    Built as soon as the input's shape is known: from an Input, from `input_shape=` of the first
    layer, from `build(input_shape)`, or from the first data. Source: keras.Sequential.
    """

    def __init__(
        self,
        layers: Iterable[Any] | None = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, trainable=trainable, **kwargs)
        self._chain: list[Layer] = []
        self._input_layer: InputLayer | None = None
        self._tensors: list[KerasTensor] = []
        for layer in layers or ():
            self.add(layer)
        if not trainable:
            self.trainable = False

    # --- editing ----------------------------------------------------------------

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Append a layer, or set the input. Raises ArgumentError if it is not a layer, or its name is taken."""
        if isinstance(layer, KerasTensor):
            layer = layer.call.layer
        if not isinstance(layer, Layer):
            raise ArgumentError(f"Sequential takes layers, received {layer!r}")
        if isinstance(layer, InputLayer):
            self._set_input(layer)
            return
        if any(other.name == layer.name for other in self._chain):
            raise ArgumentError(f"Sequential '{self.name}' already has a layer named '{layer.name}'")
        if not self._chain and self._input_layer is None:
            self._input_from(layer)
        self._chain.append(layer)
        self.sublayers.append(layer)
        if self._input_layer is not None:
            self._extend(layer)
        self.structure_changed()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove and return the last layer."""
        if not self._chain:
            raise ArgumentError(f"Sequential '{self.name}' has no layer to remove")
        layer = self._chain.pop()
        self.sublayers.remove(layer)
        if self._tensors:
            layer.calls.remove(self._tensors.pop().call)
        self.built = bool(self._chain) and bool(self._tensors)
        self.structure_changed()
        return layer

    def build(self, input_shape: Any = None) -> None:
        """Fix the input's shape, batch axis included, and build all layers."""
        if input_shape is None or self._input_layer is not None:
            return
        if not isinstance(input_shape, (list, tuple)) or any(isinstance(d, (list, tuple)) for d in input_shape):
            raise ArgumentError(f"Sequential '{self.name}' has one input, received shape {input_shape!r}")
        self._set_input(InputLayer(batch_shape=tuple(input_shape)))

    def _input_from(self, layer: Layer) -> None:
        """Take the input from a first layer's own arguments, or from a nested model."""
        if isinstance(layer, Model) and (layer.built or isinstance(layer, Sequential)):
            if layer.built and len(layer.inputs) == 1:
                tensor = layer.inputs[0]
                self._set_input(InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype))
            return
        shape = declared_shape(layer)
        if shape is not None:
            dtype = layer.input_arguments.get("input_dtype") or input_dtype(layer)
            self._set_input(InputLayer(batch_shape=shape, dtype=dtype, name=f"{layer.name}_input"))

    def _set_input(self, layer: InputLayer) -> None:
        if self._input_layer is not None:
            raise ArgumentError(f"Sequential '{self.name}' already has an input: {self._input_layer.batch_shape}")
        self._input_layer = layer
        for other in self._chain:
            self._extend(other)
        self.structure_changed()

    def _extend(self, layer: Layer) -> None:
        output = layer(self._last_tensor())
        if not isinstance(output, KerasTensor):
            raise ArgumentError(f"Sequential '{self.name}': {layer} has several outputs; use a functional model")
        self._tensors.append(output)
        self.built = True

    def _last_tensor(self) -> KerasTensor:
        if self._tensors:
            return self._tensors[-1]
        if self._input_layer is None:
            raise ArgumentError(
                f"Sequential '{self.name}' is not built: give its first layer an input_shape, "
                "add an Input first, or call it on data"
            )
        return self._input_layer.tensor

    # --- structure --------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        return list(self._chain)

    @property
    def input_layer(self) -> InputLayer | None:
        return self._input_layer

    @property
    def calls_inside(self) -> list[Call]:
        """The layer calls of this model, in order."""
        return [tensor.call for tensor in self._tensors]

    @property
    def inputs(self) -> list[KerasTensor]:
        self._last_tensor()
        assert self._input_layer is not None
        return [self._input_layer.tensor]

    @property
    def outputs(self) -> list[KerasTensor]:
        return [self._last_tensor()]

    # --- running ----------------------------------------------------------------

    def build_for(self, args: tuple[Any, ...]) -> None:
        if self._input_layer is None and args and isinstance(args[0], Value):
            self._build_from(args[0].shape, args[0].dtype)

    def _arrays(self, data: Any, any_batch: bool = False) -> Any:
        self._ensure_built(data)
        return super()._arrays(data, any_batch)

    def training_arrays(self, data: Any, any_batch: bool = False) -> Any:
        self._ensure_built(data)
        return super().training_arrays(data, any_batch)

    def _ensure_built(self, data: Any) -> None:
        if self._input_layer is None:
            shape = getattr(data, "shape", None)
            if shape is None:
                raise ShapeError(
                    f"Sequential '{self.name}' is not built and cannot be built from {type(data).__name__}"
                )
            self._build_from((None, *shape[1:]), "float32")

    def _build_from(self, shape: tuple[Any, ...], dtype: str) -> None:
        sizes = tuple(dim if isinstance(dim, int) else None for dim in shape)
        self._set_input(InputLayer(batch_shape=(None, *sizes[1:]), dtype=dtype))

    def emit(self, b: Emitter, inputs: Any, mask: Any = None) -> Any:
        x = inputs[0] if isinstance(inputs, (list, tuple)) and len(inputs) == 1 else inputs
        if self._input_layer is not None:
            x = enter(b, x, self._input_layer.tensor, mask)
        for layer in self._chain:
            x = b.call(layer, x)
        return x


def declared_shape(layer: Layer) -> tuple[int | None, ...] | None:
    """The input shape that a layer was given by `input_shape=` and its like, batch axis included."""
    given = layer.input_arguments
    for key in ("batch_shape", "batch_input_shape"):
        if given.get(key) is not None:
            return tuple(given[key])
    batch = given.get("batch_size")
    if given.get("input_shape") is not None:
        shape = given["input_shape"]
        return (batch, *((shape,) if isinstance(shape, int) else shape))
    if given.get("input_dim") is not None:
        return (batch, *_time_axis(layer), given["input_dim"])
    return None


def _time_axis(layer: Layer) -> tuple[int | None, ...]:
    """The open or given time axis that `input_dim` leaves out on layers over sequences."""
    return layer.sequence_axis() if hasattr(layer, "sequence_axis") else ()


def input_dtype(layer: Layer) -> str | None:
    """The dtype of the data that a first layer takes, where it is not its own."""
    return getattr(layer, "data_dtype", None)
