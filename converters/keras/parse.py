"""Architecture JSON of Keras 2 and 3 -> ModelSpec.

Both generations are told apart node by node: Keras 2 writes a call as a list of
[layer, call, tensor, kwargs], Keras 3 as {"args": ..., "kwargs": ...} with tagged tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kcompat.errors import ConfigError
from kcompat.ir.types import DTYPES, numpy_name

from .spec import CallSpec, LayerSpec, ModelSpec, TensorRef, Writer, map_refs

MODEL_CLASSES = frozenset({"Sequential", "Functional", "Model", "Container"})


def parse_model(document: Mapping[str, Any], writer: Writer) -> ModelSpec:
    """A model from `{"class_name": ..., "config": ...}`. Raises ConfigError naming layer and key."""
    class_name = str(document.get("class_name"))
    config = document.get("config")
    if class_name == "Sequential":
        return _parse_sequential(config, document, writer)
    if not isinstance(config, Mapping) or "layers" not in config:
        raise ConfigError(
            f"model class '{class_name}' has no layers in its config: only Sequential and functional models "
            "can be rebuilt without their Python code"
        )
    return _parse_functional(class_name, config, writer)


def is_model(item: Mapping[str, Any]) -> bool:
    """Whether a layer entry is itself a model."""
    config = item.get("config")
    if item.get("class_name") == "Sequential":
        return True
    return isinstance(config, Mapping) and "layers" in config and "output_layers" in config


def _parse_sequential(config: Any, document: Mapping[str, Any], writer: Writer) -> ModelSpec:
    """The config is a list of layers before Keras 2.2.3, a dict since."""
    named = isinstance(config, Mapping)
    items = config.get("layers") if named else config
    if not isinstance(items, list):
        raise ConfigError(f"Sequential: 'layers' must be a list, received {type(items).__name__}")
    shape = config.get("build_input_shape") if named else None
    build = document.get("build_config")
    if shape is None and isinstance(build, Mapping):
        shape = build.get("input_shape")
    return ModelSpec(
        "Sequential",
        config.get("name") if named else document.get("name"),
        [parse_layer(item, position, writer) for position, item in enumerate(items)],
        writer,
        sequential=True,
        trainable=config.get("trainable", True) if named else True,
        build_input_shape=shape,
    )


def _parse_functional(class_name: str, config: Mapping[str, Any], writer: Writer) -> ModelSpec:
    layers = [parse_layer(item, position, writer) for position, item in enumerate(_list(config, "layers"))]
    return ModelSpec(
        class_name,
        config.get("name"),
        layers,
        writer,
        sequential=False,
        inputs=_tensors(config.get("input_layers"), "input_layers"),
        outputs=_from_zero(_tensors(config.get("output_layers"), "output_layers"), layers, writer.generation),
        trainable=config.get("trainable", True),
    )


def _from_zero(outputs: Any, layers: list[LayerSpec], generation: int) -> Any:
    """References as Keras 3 writes them elsewhere: among outputs alone it counts calls of functional models from 1.

    Source: `get_tensor` in keras/src/models/functional.py.
    """
    if generation < 3:
        return outputs
    nested = {layer.name for layer in layers if layer.model is not None and not layer.model.sequential}

    def shifted(ref: TensorRef) -> TensorRef:
        return ref._replace(call=max(ref.call - 1, 0)) if ref.layer in nested else ref

    return map_refs(shifted, outputs)


def _list(config: Mapping[str, Any], key: str) -> list[Any]:
    value = config.get(key)
    if not isinstance(value, list):
        raise ConfigError(f"model '{config.get('name')}': '{key}' must be a list, received {type(value).__name__}")
    return value


def parse_layer(item: Any, position: int, writer: Writer) -> LayerSpec:
    """One layer entry. Raises ConfigError naming the layer or, without a name, its position."""
    if not isinstance(item, Mapping) or "class_name" not in item:
        raise ConfigError(f"layer {position} of the model is not an object with a class_name: {item!r:.100}")
    config = item.get("config")
    class_name = str(item["class_name"])
    name = item.get("name") or (config.get("name") if isinstance(config, Mapping) else None)
    spec = LayerSpec(
        class_name,
        str(name) if name else f"{class_name.lower()}_{position}",
        dict(config) if isinstance(config, Mapping) else {},
        module=_text(item, "module"),
        registered_name=_text(item, "registered_name"),
        build_config=item.get("build_config"),
    )
    if is_model(item):
        spec.model = parse_model(item, writer)
    elif not isinstance(config, Mapping):
        raise ConfigError(f"layer '{spec.name}' ({class_name}): config must be an object, received {config!r:.100}")
    nodes = item.get("inbound_nodes") or []
    if not isinstance(nodes, list):
        raise ConfigError(f"layer '{spec.name}' ({class_name}): inbound_nodes must be a list, received {nodes!r:.100}")
    spec.calls = [_parse_call(node, spec) for node in nodes if node]
    return spec


def _text(item: Mapping[str, Any], key: str) -> str | None:
    value = item.get(key)
    if value is not None and not isinstance(value, str):
        raise ConfigError(
            f"layer '{item.get('name')}' ({item['class_name']}): {key} must be text, received {value!r:.100}"
        )
    return value


def _parse_call(node: Any, layer: LayerSpec) -> CallSpec:
    where = f"layer '{layer.name}' ({layer.class_name}): inbound node"
    if isinstance(node, Mapping):
        args, kwargs = _decode(node.get("args", []), where), _decode(node.get("kwargs", {}), where)
        if not isinstance(args, list) or not isinstance(kwargs, dict):
            raise ConfigError(f"{where}: args must be a list and kwargs an object, received {node!r:.100}")
        return CallSpec(tuple(args), kwargs)
    if isinstance(node, list):
        return _parse_call_keras2(node, where)
    raise ConfigError(f"{where} must be a list or an object, received {node!r:.100}")


def _parse_call_keras2(node: list[Any], where: str) -> CallSpec:
    """[[layer, call, tensor, kwargs], ...], or flat [layer, call, tensor, kwargs] for operation layers.

    Extra tensors in kwargs are written as [layer, call, tensor].
    """
    if node and isinstance(node[0], str):
        node = [node]
    kwargs: dict[str, Any] = {}
    inputs = [_keras2_input(entry, kwargs, where) for entry in node]
    return CallSpec((inputs[0] if len(inputs) == 1 else inputs,), kwargs)


def _keras2_input(entry: Any, kwargs: dict[str, Any], where: str) -> Any:
    """One tensor or constant, or a list of them; the call's arguments, which stand at each, enter `kwargs`."""
    if isinstance(entry, list) and entry and isinstance(entry[0], list):
        return [_keras2_input(item, kwargs, where) for item in entry]
    if not isinstance(entry, list) or len(entry) < 3:
        raise ConfigError(f"{where} must name layer, call and tensor, received {entry!r:.100}")
    if len(entry) > 3 and isinstance(entry[3], Mapping):
        kwargs.update({key: _keras2_argument(value) for key, value in entry[3].items()})
    return entry[2] if entry[0] == "_CONSTANT_VALUE" else _ref(entry[:3], where)


def _keras2_argument(value: Any) -> Any:
    if _is_ref(value):
        return TensorRef(*value[:3])
    if isinstance(value, list):
        return [_keras2_argument(item) for item in value]
    if isinstance(value, Mapping):
        if value.get("class_name") == "__ellipsis__":
            return Ellipsis
        if value.get("class_name") == "__tuple__" and isinstance(value.get("items"), list):
            return tuple(map(_keras2_argument, value["items"]))
        return {key: _keras2_argument(item) for key, item in value.items()}
    return value


def _is_ref(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(index, int) and not isinstance(index, bool) for index in value[1:3])
    )


def _ref(entry: Any, where: str) -> TensorRef:
    if not _is_ref(entry):
        raise ConfigError(f"{where}: [layer, call, tensor] expected, received {entry!r:.100}")
    return TensorRef(*entry[:3])


def _decode(value: Any, where: str) -> Any:
    """Keras 3's tagged JSON: tensors, tuples, slices; anything executable is refused."""
    if isinstance(value, list):
        return [_decode(item, where) for item in value]
    if not isinstance(value, Mapping):
        return value
    tag = value.get("class_name")
    config = value.get("config")
    if tag == "__keras_tensor__" and isinstance(config, Mapping):
        return _ref(config.get("keras_history"), where)
    if isinstance(tag, str) and tag in _TAGS and isinstance(config or {}, Mapping):
        return _tagged(tag, value, config or {}, where)
    if tag == "__lambda__":
        raise ConfigError(f"{where} holds a Python function, which is never executed")
    return {key: _decode(item, where) for key, item in value.items()}


_TAGS = frozenset({"__tuple__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__"})


def _tagged(tag: str, value: Mapping[str, Any], config: Mapping[str, Any], where: str) -> Any:
    if tag == "__tuple__":
        items = value.get("items") or config.get("value") or []
        if not isinstance(items, list):
            raise ConfigError(f"{where}: a tuple needs a list of items, received {items!r:.100}")
        return tuple(_decode(item, where) for item in items)
    if tag == "__ellipsis__":
        return Ellipsis
    if tag == "__slice__":
        return slice(*(_decode(config.get(bound), where) for bound in ("start", "stop", "step")))
    try:
        return np.asarray(config["value"], numpy_name(_known_dtype(config["dtype"])))
    except (KeyError, TypeError, ValueError, OverflowError):
        raise ConfigError(f"{where}: an array needs numbers and their dtype, received {config!r:.100}") from None


def _known_dtype(name: Any) -> str:
    if name not in DTYPES or name == "string":
        raise ValueError
    return str(name)


def _tensors(value: Any, key: str) -> Any:
    """input_layers or output_layers: one reference, or a list or dict of them."""
    if _is_ref(value):
        return TensorRef(*value[:3])
    if isinstance(value, Mapping):
        return {name: _tensors(item, key) for name, item in value.items()}
    if isinstance(value, list) and value:
        return [_tensors(item, key) for item in value]
    raise ConfigError(f"'{key}' must hold [layer, call, tensor] references, received {value!r:.100}")
