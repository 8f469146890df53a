"""ModelSpec -> Model: makes the layers from closed tables and replays their calls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kcompat.config import CLASSES
from kcompat.errors import (
    ArgumentError,
    ConfigError,
    DtypeError,
    KcompatError,
    RefusedLayerError,
    ShapeError,
    UnknownLayerError,
)
from kcompat.layers import Layer, operations
from kcompat.layers.input import InputLayer
from kcompat.layers.symbolic import KerasTensor
from kcompat.models import Functional, Model, Sequential

from . import keras2, keras3_forms
from .parse import parse_layer
from .spec import CallSpec, LayerSpec, ModelSpec, TensorRef, Writer, refs
from .tensorflow import function_node, is_function

if TYPE_CHECKING:
    from .tensorflow.calls import FunctionNode

FOREIGN_CODE = {
    "Lambda": "a Lambda layer is Python code",
    "TFSMLayer": "a TFSMLayer runs a TensorFlow SavedModel outside the file",
    "TorchModuleWrapper": "a TorchModuleWrapper holds a pickled torch module",
    "FlaxLayer": "a FlaxLayer wraps a Flax module",
    "JaxLayer": "a JaxLayer wraps a JAX function",
}
"""Classes whose behaviour no file can state."""

LAYER_ENTRIES = frozenset({"layer", "layers", "backward_layer", "cell", "cells"})
"""Entries under which wrappers, pipelines and recurrent layers hold other layers."""

_KERAS_ROOTS = ("keras.", "tf_keras.", "tensorflow.keras.", "tensorflow.python.keras.", "tensorflow_core.python.keras.")

CustomObjects = Mapping[str, Any]


def build_model(spec: ModelSpec, custom_objects: CustomObjects) -> Model:
    """The model, with weights not yet filled.

    Raises UnknownLayerError or RefusedLayerError naming layer and class, ConfigError for anything in
    a config that has no meaning here.
    """
    return _build_sequential(spec, custom_objects) if spec.sequential else _build_functional(spec, custom_objects)


@contextmanager
def _at(spec: LayerSpec) -> Iterator[None]:
    """Errors inside become ConfigErrors that name the layer."""
    where = f"layer '{spec.name}' ({spec.class_name})"
    try:
        yield
    except (ArgumentError, ShapeError, DtypeError) as error:
        text = str(error)
        raise ConfigError(text if where in text else f"{where}: {text}") from error
    except (TypeError, ValueError, AttributeError, LookupError, ArithmeticError) as error:
        if isinstance(error, KcompatError):
            raise
        raise ConfigError(f"{where}: its config or its call is not of the form that the layer has: {error}") from error


# --- layers ----------------------------------------------------------------------


def build_layer(spec: LayerSpec, writer: Writer, custom_objects: CustomObjects) -> Layer:
    """One layer from its class and config."""
    if spec.model is not None:
        model = build_model(spec.model, custom_objects)
        model.name = spec.name
        return model
    custom = _custom(spec, custom_objects)
    if isinstance(custom, Layer):
        custom.name = spec.name
        return custom
    old = writer.generation < 3
    config = keras2.canonical(spec.class_name, spec.config, writer) if old else keras3_forms.restore(spec.config)
    config = {**config, "name": spec.name}
    with _at(spec):
        config.update(_inner_layers(spec, writer, custom_objects))
        if custom is not None:
            return _checked(custom.from_config(_without_code(config)), spec)
        return _checked(_known_class(spec, writer.generation).from_config(config), spec)


def _inner_layers(spec: LayerSpec, writer: Writer, custom_objects: CustomObjects) -> dict[str, Any]:
    """The entries of a config that hold layers, which are made as those of a model are."""

    def build(item: Any) -> Any:
        if not isinstance(item, Mapping) or "class_name" not in item:
            return item
        return build_layer(parse_layer(item, 0, writer), writer, custom_objects)

    return {
        key: [build(item) for item in value] if isinstance(value, list) else build(value)
        for key, value in spec.config.items()
        if key in LAYER_ENTRIES
    }


def _custom(spec: LayerSpec, custom_objects: CustomObjects) -> Any:
    """What the caller supplied for this layer: by registered name, class name, or the layer's own name."""
    for key in (spec.registered_name, spec.class_name, spec.name):
        if key and key in custom_objects:
            return custom_objects[key]
    if spec.class_name in FOREIGN_CODE:
        return None
    return _by_last_part(spec, custom_objects)


def _by_last_part(spec: LayerSpec, custom_objects: CustomObjects) -> Any:
    """Keras writes registered classes as "package>Name"."""
    return custom_objects.get((spec.registered_name or spec.class_name).rpartition(">")[2])


def _without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    """A config for a replacement class, without the marshalled code of a Lambda layer."""
    code = {"function", "function_type", "module", "output_shape_type", "output_shape_module", "mask_type"}
    is_lambda = "function_type" in config or isinstance(config.get("function"), (list, dict))
    return {key: value for key, value in config.items() if not (is_lambda and key in code)}


def _known_class(spec: LayerSpec, generation: int) -> Any:
    own_code = f"pass custom_objects={{'{spec.class_name}': YourLayer}}"
    if spec.class_name in FOREIGN_CODE:
        raise RefusedLayerError(
            f"layer '{spec.name}' ({spec.class_name}): {FOREIGN_CODE[spec.class_name]}, which is never run; "
            f"write it as a subclass of kcompat.Layer and {own_code} or by the layer's name '{spec.name}'"
        )
    if _is_operation(spec, generation):
        for module in [spec.module] if spec.module else operations.MODULES:
            if module in operations.MODULES and spec.class_name in CLASSES[module]:
                return CLASSES[module][spec.class_name]
        raise UnknownLayerError(
            f"layer '{spec.name}' ({spec.class_name}) is of class '{spec.module or 'keras.ops'}.{spec.class_name}', "
            f"which is not a Keras layer that kcompat knows; {own_code}"
        )
    for table in _layer_tables():
        if spec.class_name in table:
            return table[spec.class_name]
    raise UnknownLayerError(
        f"layer '{spec.name}' ({spec.class_name}) is of a class which kcompat does not know; {own_code}, "
        "a subclass of kcompat.Layer"
    )


def _layer_tables() -> Iterator[Mapping[str, Any]]:
    """The published layers, then those that only Keras's own models use."""
    yield CLASSES["keras.layers"]
    for module, table in CLASSES.items():
        if module.startswith("keras.src.") and module not in operations.MODULES:
            yield table


def _is_operation(spec: LayerSpec, generation: int) -> bool:
    """Whether a class name means something else than the Keras layer of that name.

    `keras.ops.add` and `keras.layers.Add` are both written as "Add"; HDF5 files leave the module
    out, but every layer of such a name has an entry "trainable" or "dtype", and operations with a
    "dtype" have names that no layer has.
    """
    if spec.module:
        return not (spec.module + ".").startswith(_KERAS_ROOTS) or ".ops" in spec.module
    if generation < 3 or "trainable" in spec.config:
        return False
    is_shared = any(spec.class_name in CLASSES[module] for module in operations.MODULES)
    return spec.class_name not in CLASSES["keras.layers"] or (is_shared and "dtype" not in spec.config)


def _checked(layer: Any, spec: LayerSpec) -> Layer:
    if not isinstance(layer, Layer):
        raise ConfigError(
            f"layer '{spec.name}' ({spec.class_name}): custom_objects gave {type(layer).__name__}, "
            "a kcompat.Layer is needed"
        )
    return layer


# --- sequential ------------------------------------------------------------------


def _build_sequential(spec: ModelSpec, custom_objects: CustomObjects) -> Sequential:
    model = Sequential(name=spec.name)
    for layer_spec in spec.layers:
        layer = build_layer(layer_spec, spec.writer, custom_objects)
        with _at(layer_spec):
            model.add(layer)
    if not model.built and spec.build_input_shape and model.layers:
        with _located(model.name):
            model.build(spec.build_input_shape)
    if not spec.trainable:
        model._trainable = False
    return model


@contextmanager
def _located(name: str) -> Iterator[None]:
    try:
        yield
    except (ArgumentError, ShapeError, DtypeError) as error:
        raise ConfigError(f"model '{name}': {error}") from error


# --- functional ------------------------------------------------------------------


class _Replay:
    """The layers of one functional model while their calls are being replayed."""

    def __init__(self, spec: ModelSpec, layers: Mapping[str, Layer | FunctionNode]) -> None:
        self.spec = spec
        self.layers = layers
        self.made: dict[str, list[list[KerasTensor]]] = {
            name: [call.output_tensors for call in layer.calls] if isinstance(layer, InputLayer) else []
            for name, layer in layers.items()
        }
        self.offsets = self._first_indices()

    def _first_indices(self) -> dict[str, int]:
        """How each layer's calls are counted in the file: a nested model may have a call 0 of its own.

        Keras 1 and 2 count one for every nested model, Keras 3 none; files of models that were built
        late differ, which the references themselves show.
        """
        used: dict[str, list[int]] = {}
        everything = [self.spec.inputs, self.spec.outputs]
        everything += [part for layer in self.spec.layers for call in layer.calls for part in (call.args, call.kwargs)]
        for ref in refs(everything):
            used.setdefault(ref.layer, []).append(ref.call)
        return {layer.name: self._first_index(layer, used.get(layer.name, [])) for layer in self.spec.layers}

    def _first_index(self, layer: LayerSpec, used: list[int]) -> int:
        if layer.model is None:
            return 0
        usual = 1 if self.spec.writer.generation < 3 else 0
        fits = [first for first in (usual, 1 - usual) if all(0 <= index - first < len(layer.calls) for index in used)]
        return fits[0] if fits else usual

    def tensor(self, ref: TensorRef) -> KerasTensor | None:
        """What a reference stands for, or None while it is not made yet. Raises ConfigError if it never will."""
        if ref.layer not in self.layers:
            raise ConfigError(f"model '{self.spec.name}': reference to layer '{ref.layer}', which it does not have")
        made, index = self.made[ref.layer], ref.call - self.offsets[ref.layer]
        if not 0 <= index < len(made):
            return None
        if not 0 <= ref.tensor < len(made[index]):
            raise ConfigError(f"layer '{ref.layer}': output {ref.tensor} of call {ref.call} does not exist")
        return made[index][ref.tensor]

    def resolve(self, structure: Any) -> Any:
        """A nest with references replaced by tensors, all of which are made."""
        if isinstance(structure, TensorRef):
            return self.tensor(structure)
        if isinstance(structure, dict):
            return {key: self.resolve(item) for key, item in structure.items()}
        if isinstance(structure, (list, tuple)):
            return type(structure)([self.resolve(item) for item in structure])
        return structure

    def is_ready(self, call: CallSpec) -> bool:
        return all(self.tensor(ref) is not None for ref in refs([call.args, call.kwargs]))

    def run(self) -> None:
        """Replay all calls, each as soon as its inputs are made."""
        waiting = {layer.name: list(layer.calls) for layer in self.spec.layers if layer.calls}
        while waiting:
            done = 0
            for layer in self.spec.layers:
                queue = waiting.get(layer.name, [])
                while queue and self.is_ready(queue[0]):
                    self._replay(layer, queue.pop(0))
                    done += 1
                if not queue:
                    waiting.pop(layer.name, None)
            if not done:
                raise ConfigError(
                    f"model '{self.spec.name}': the calls of {sorted(waiting)[:5]} wait for each other or for "
                    "tensors that no layer makes"
                )

    def _replay(self, spec: LayerSpec, call: CallSpec) -> None:
        layer, kwargs = self.layers[spec.name], self.resolve(call.kwargs)
        if not isinstance(layer, operations.Operation):
            kwargs = {key: value for key, value in kwargs.items() if value is not None}
        with _at(spec):
            if self.spec.writer.generation < 3 and kwargs.get("training"):
                raise ArgumentError(
                    "is called with training=True, which Keras 2 obeys in inference too: such a model is random or "
                    "depends on the batch, and is refused"
                )
            outputs = _outputs_of(layer, self.resolve(call.args), kwargs)
        self.made[spec.name].append(outputs)


def _build_functional(spec: ModelSpec, custom_objects: CustomObjects) -> Model:
    layers: dict[str, Layer | FunctionNode] = {}
    for layer_spec in spec.layers:
        if layer_spec.name in layers:
            raise ConfigError(f"model '{spec.name}': two layers are named '{layer_spec.name}'")
        layers[layer_spec.name] = _build_entry(layer_spec, spec.writer, custom_objects)
    replay = _Replay(spec, layers)
    replay.run()
    with _located(str(spec.name)):
        _require(replay, spec)
        model = Functional(replay.resolve(spec.inputs), replay.resolve(spec.outputs), name=spec.name)
    if not spec.trainable:
        model._trainable = False
    model.set_layer_order([layer for entry in spec.layers for layer in _kept(layers[entry.name])])
    return model


def _build_entry(spec: LayerSpec, writer: Writer, custom_objects: CustomObjects) -> Layer | FunctionNode:
    if is_function(spec) and _custom(spec, custom_objects) is None:
        return function_node(spec)
    return build_layer(spec, writer, custom_objects)


def _kept(layer: Layer | FunctionNode) -> list[Layer]:
    """The layers that stand in a model for an entry of the file."""
    return [layer] if isinstance(layer, Layer) else layer.operations


def _outputs_of(layer: Layer | FunctionNode, args: Any, kwargs: dict[str, Any]) -> list[Any]:
    """The outputs of one call."""
    if not isinstance(layer, Layer):
        return layer(*args, **kwargs)
    layer(*args, **kwargs)
    return list(layer.calls[-1].output_tensors)


def _require(replay: _Replay, spec: ModelSpec) -> None:
    for ref in refs([spec.inputs, spec.outputs]):
        if replay.tensor(ref) is None:
            raise ConfigError(f"model '{spec.name}': {list(ref)} names a call that layer '{ref.layer}' does not have")
