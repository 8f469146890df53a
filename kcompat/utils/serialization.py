"""Objects to and from the dicts that Keras 3 writes for them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from .. import constraints as constraints  # these enter the classes that dicts name
from .. import initializers as initializers
from .. import layers as layers
from .. import regularizers as regularizers
from ..config import lookup, serialize
from ..errors import ConfigError
from ..layers import operations as operations
from ..models import Model, model_from_config
from ..registration import get_registered_object
from ..tree import map_structure


def serialize_keras_object(obj: Any) -> Any:
    """An object, or a nest of them, as JSON-ready values: module, class name, config, registered name."""
    return map_structure(lambda one: json.loads(one.to_json()) if isinstance(one, Model) else serialize(one), obj)


def deserialize_keras_object(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Any:
    """The object that a dict of `serialize_keras_object` describes, or a list of them; other values as they are.

    custom_objects: classes by name, beside the registered ones.
    Raises UnknownLayerError for a class that is not known, ConfigError for a config it does not take.
    """
    if isinstance(config, (list, tuple)):
        return [deserialize_keras_object(item, custom_objects) for item in config]
    if not isinstance(config, Mapping) or "class_name" not in config:
        return config
    class_name, inner = config["class_name"], config.get("config")
    if not isinstance(class_name, str) or not isinstance(inner, Mapping):
        raise ConfigError(f"a serialized object needs a class name and a config, received {config!r}")
    custom = get_registered_object(config.get("registered_name") or class_name, custom_objects)
    if custom is None and "layers" in inner:
        return model_from_config(config, custom_objects)
    cls = custom or lookup(config.get("module") or "keras.layers", class_name)
    return _built(cls.from_config(inner), config.get("build_config"))


def _built(thing: Any, build_config: Any) -> Any:
    if isinstance(thing, layers.Layer) and isinstance(build_config, Mapping) and build_config.get("input_shape"):
        thing.build_once(tuple(build_config["input_shape"]))
    return thing
