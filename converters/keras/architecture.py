"""Model -> architecture in the form of Keras 3.15."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.config import serialize
from kcompat.errors import SaveError
from kcompat.ir.types import ir_dtype
from kcompat.layers import KerasTensor, Layer
from kcompat.layers.symbolic import Call
from kcompat.models import Functional, Model, Sequential
from kcompat.tree import map_structure


def serialize_model(model: Model) -> dict[str, Any]:
    """What `config.json` and `to_json` hold: module, class, config, and the shape it is built for."""
    functional = isinstance(model, Functional)
    document = {
        "module": "keras.src.models.functional" if functional else "keras",
        "class_name": "Functional" if functional else "Sequential",
        "config": model_config(model),
        "registered_name": "Functional" if functional else None,
    }
    if model.built:
        shape = [_json_shape(s) for s in model.input_shape] if len(model.inputs) > 1 else _json_shape(model.input_shape)
        document["build_config"] = {"input_shape": shape}
    if model.training_state is not None and model.training_state.form == "keras3":
        document["compile_config"] = model.training_state.config
    return document


def model_config(model: Model) -> dict[str, Any]:
    """What `get_config()` of a Keras 3 model gives. Raises SaveError for a model of another class."""
    if isinstance(model, Sequential):
        return _sequential_config(model)
    if isinstance(model, Functional):
        return _functional_config(model)
    raise SaveError(
        f"model '{model.name}' ({type(model).__name__}): only Sequential and functional models can be saved"
    )


def serialize_layer(layer: Layer) -> dict[str, Any]:
    """One layer with its class, config and the shapes it is built for."""
    if isinstance(layer, Model):
        return serialize_model(layer)
    document: dict[str, Any] = serialize(layer)
    return {key: _listed(value) if key == "build_config" else value for key, value in document.items()}


def _sequential_config(model: Sequential) -> dict[str, Any]:
    layers = [layer for layer in (model.input_layer, *model.layers) if layer is not None]
    config = {**model.base_config(), "layers": [serialize_layer(layer) for layer in layers]}
    if model.input_layer is not None:
        config["build_input_shape"] = _json_shape(model.input_layer.batch_shape)
    return config


def _functional_config(model: Functional) -> dict[str, Any]:
    numbering = _Numbering(model)
    return {
        "name": model.name,
        "trainable": model.trainable,
        "layers": [numbering.layer(layer) for layer in model.operations],
        "input_layers": map_structure(numbering.end, model.input_structure),
        "output_layers": map_structure(numbering.end, model.output_structure),
    }


class _Numbering:
    """Counts the calls of each layer as the file does: those inside one model, from 0.

    Where the model's own inputs and outputs refer to a nested functional model, its calls count from 1.
    """

    def __init__(self, model: Functional) -> None:
        inside = set(model.calls_inside)
        self.calls = {layer: [call for call in layer.calls if call in inside] for layer in model.operations}

    def layer(self, layer: Layer) -> dict[str, Any]:
        nodes = [self._node(call) for call in self.calls[layer] if not call.is_input]
        return {**serialize_layer(layer), "name": layer.name, "inbound_nodes": nodes}

    def reference(self, tensor: KerasTensor) -> list[Any]:
        layer = tensor.call.layer
        return [layer.name, self.calls[layer].index(tensor.call), tensor.index]

    def end(self, tensor: KerasTensor) -> list[Any]:
        """A reference among the model's own inputs or outputs."""
        name, call, index = self.reference(tensor)
        return [name, call + isinstance(tensor.call.layer, Functional), index]

    def _node(self, call: Call) -> dict[str, Any]:
        kwargs = {**call.kwargs, **call.flags}
        return {"args": [self._argument(arg) for arg in call.args], "kwargs": self._argument(kwargs)}

    def _argument(self, value: Any) -> Any:
        if isinstance(value, KerasTensor):
            config = {
                "shape": _json_shape(value.shape),
                "dtype": value.dtype,
                "keras_history": self.reference(value),
            }
            return {"class_name": "__keras_tensor__", "config": config}
        if isinstance(value, (list, tuple)):
            return [self._argument(item) for item in value]
        if isinstance(value, dict):
            return {key: self._argument(item) for key, item in value.items()}
        return _constant(value)


def _constant(value: Any) -> Any:
    """An argument that is no tensor of the model.

    Source: `serialize_keras_object` in keras/src/saving/serialization_lib.py.
    """
    if isinstance(value, np.generic) or (isinstance(value, np.ndarray) and not value.ndim):
        return value.item()
    if isinstance(value, np.ndarray):
        config = {"value": value.tolist(), "dtype": ir_dtype(value)}
        return {"class_name": "__numpy__", "config": config}
    if isinstance(value, slice):
        bounds = {"start": value.start, "stop": value.stop, "step": value.step}
        return {"class_name": "__slice__", "config": {key: _constant(bound) for key, bound in bounds.items()}}
    if value is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    return value


def _json_shape(shape: Any) -> list[int | None]:
    return list(shape)


def _listed(shape: Any) -> Any:
    """A shape, or a nest of shapes, with lists for tuples as JSON has them."""
    if isinstance(shape, dict):
        return {key: _listed(item) for key, item in shape.items()}
    return [_listed(item) for item in shape] if isinstance(shape, (list, tuple)) else shape
