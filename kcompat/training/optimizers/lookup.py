"""Optimizers by name or config."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...config import CLASSES
from ...config import serialize as _serialize
from ...errors import ArgumentError
from ...registration import CustomObjectScope, lookup_custom
from .base import Optimizer
from .common import MODULE


def get(identifier: Any) -> Optimizer | None:
    """An optimizer from an object, a class, a name in any case, a config of Keras 3, or None.

    Raises ArgumentError for an unknown one.
    """
    if identifier is None or isinstance(identifier, Optimizer):
        return identifier
    if isinstance(identifier, str):
        made: Optimizer = _class(identifier)()
        return made
    if isinstance(identifier, Mapping):
        name = str(identifier.get("class_name"))
        custom = lookup_custom(str(identifier.get("registered_name") or name))
        read: Optimizer = (custom or _class(name)).from_config(identifier.get("config") or {})
        return read
    if isinstance(identifier, type) and issubclass(identifier, Optimizer):
        return identifier()
    raise ArgumentError(f"an optimizer is a name, a config or an Optimizer, received {identifier!r}")


def _class(name: str) -> Any:
    classes = {key.lower(): cls for key, cls in CLASSES.get(MODULE, {}).items()}
    found = lookup_custom(name) or classes.get(name.lower())
    if found is None:
        raise ArgumentError(f"unknown optimizer {name!r}; known: {', '.join(sorted(classes))}")
    return found


def extension_fields(class_name: str) -> set[str]:
    """The fields by which an optimizer says what Keras 3 cannot; none for a class that is not Keras's."""
    fields = getattr(CLASSES[MODULE].get(class_name), "fields", {})
    return {name for name, field in fields.items() if field.extension}


def serialize(optimizer: Optimizer) -> Any:
    """An optimizer as Keras 3 writes it."""
    return _serialize(optimizer)


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> Optimizer | None:
    """An optimizer from what `serialize` returned."""
    with CustomObjectScope(custom_objects):
        return get(config)
