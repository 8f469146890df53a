"""Copies of a model's architecture with weights of their own."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from ..layers.base import Layer
from ..layers.input import InputLayer
from ..layers.symbolic import KerasTensor
from ..tree import flatten, map_structure, pack_like
from .functional import Functional
from .model import Model
from .sequential import Sequential
from .training_state import TrainingState

CloneFunction = Callable[[Layer], Any]
CallFunction = Callable[..., Any]


def clone_model(
    model: Model,
    input_tensors: Any = None,
    clone_function: CloneFunction | None = None,
    call_function: CallFunction | None = None,
    recursive: bool = False,
) -> Model:
    """A model of the same layers, made anew from their configs, with fresh weights.

    input_tensors: KerasTensors to build on, instead of new inputs. clone_function: `layer -> layer`,
    for every layer but inputs; it may return another one. call_function: `(layer, *args, **kwargs)`,
    how functional models call the new layers. recursive: use both functions inside nested models too.
    Layers that the model shares are shared in the clone. Raises ArgumentError.
    Source: keras.models.clone_model.
    """
    copies = _Copies(clone_function, call_function, recursive)
    if isinstance(model, Sequential):
        if call_function is not None:
            raise ArgumentError(f"clone_model: call_function is for functional models, received {model}")
        clone: Model = _clone_sequential(model, copies, input_tensors)
    elif isinstance(model, Functional):
        clone = _clone_functional(model, copies, input_tensors)
    else:
        raise ArgumentError(f"clone_model takes a Sequential or functional model, received {type(model).__name__}")
    if model.training_state is not None:
        clone.training_state = TrainingState(copy.deepcopy(model.training_state.config), model.training_state.form)
    return clone


class _Copies:
    """The new layer of every old one, each made once."""

    def __init__(self, clone: CloneFunction | None, call: CallFunction | None, recursive: bool) -> None:
        self.clone, self.call_function, self.recursive = clone, call, recursive
        self.made: dict[Layer, Any] = {}

    def of(self, layer: Layer) -> Any:
        if layer not in self.made:
            self.made[layer] = self._make(layer)
        return self.made[layer]

    def call(self, layer: Layer, args: Any, kwargs: Any) -> Any:
        return self.call_function(layer, *args, **kwargs) if self.call_function else layer(*args, **kwargs)

    def _make(self, layer: Layer) -> Any:
        if isinstance(layer, Model) and (self.recursive or self.clone is None):
            inner_call = None if isinstance(layer, Sequential) else self.call_function
            return clone_model(layer, None, self.clone, inner_call if self.recursive else None, self.recursive)
        return self.clone(layer) if self.clone else type(layer).from_config(layer.get_config())


def _clone_sequential(model: Sequential, copies: _Copies, tensors: Any) -> Sequential:
    clones = [copies.of(layer) for layer in model.layers]
    given = flatten(tensors) if tensors is not None else []
    if len(given) > 1:
        raise ArgumentError(f"clone_model: a Sequential has one input, received {len(given)} tensors")
    if given:
        clones.insert(0, given[0])
    elif model.input_layer is not None:
        clones.insert(0, InputLayer.from_config(model.input_layer.get_config()))
    return Sequential(clones, trainable=model.trainable, name=model.name)


def _clone_functional(model: Functional, copies: _Copies, tensors: Any) -> Functional:
    inputs = _new_inputs(model) if tensors is None else _checked(model, tensors)
    made: dict[KerasTensor, Any] = dict(zip(model.inputs, flatten(inputs), strict=True))
    for call in model.calls_inside:
        if call.is_input or all(tensor in made for tensor in call.output_tensors):
            continue
        args, kwargs = map_structure(
            lambda leaf: made[leaf] if isinstance(leaf, KerasTensor) else leaf, (call.args, call.kwargs)
        )
        outputs = copies.call(copies.of(call.layer), args, kwargs)
        made.update(zip(call.output_tensors, flatten(outputs), strict=True))
    outputs = map_structure(lambda tensor: made[tensor], model.output_structure)
    return Functional(inputs, outputs, name=model.name, trainable=model.trainable)


def _new_inputs(model: Functional) -> Any:
    return map_structure(
        lambda tensor: InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.call.layer.name).tensor,
        model.input_structure,
    )


def _checked(model: Functional, tensors: Any) -> Any:
    given = flatten(tensors)
    if len(given) != len(model.inputs) or not all(isinstance(tensor, KerasTensor) for tensor in given):
        kinds = ", ".join(type(tensor).__name__ for tensor in given)
        raise ArgumentError(f"clone_model: input_tensors are {len(model.inputs)} KerasTensors, received {kinds}")
    return pack_like(model.input_structure, given)
