"""Regularizers, constraints and initializers as Keras 1 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.config import Configurable, table_of

_L1L2 = frozenset({"WeightRegularizer", "ActivityRegularizer", "L1L2Regularizer"})

_INITIALIZERS: dict[str, dict[str, Any]] = {
    "orthogonal": {"class_name": "Orthogonal", "config": {"gain": 1.1}},
    "glorot_normal": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "untruncated_normal"},
    },
    "he_normal": {
        "class_name": "VarianceScaling",
        "config": {"scale": 2.0, "mode": "fan_in", "distribution": "untruncated_normal"},
    },
}
"""Names whose defaults changed with Keras 2: the gain, and normal distributions that are now cut off."""


def upgrade_value(key: str, value: Any) -> Any:
    """One entry of a layer's config, under its new key, with its value in the form of Keras 2."""
    if key.endswith("_initializer") and isinstance(value, str):
        return _INITIALIZERS.get(value, value)
    if key.endswith("_regularizer") and _is_named(value):
        return _regularizer(value)
    if key.endswith("_constraint") and _is_named(value):
        return _renamed("keras.constraints", value)
    return value


def rename(cls: type[Configurable] | None, config: Mapping[str, Any]) -> dict[str, Any]:
    """A config with the keys that the class's fields name `keras1`."""
    names = {field.keras1: name for name, field in cls.fields.items() if field.keras1} if cls else {}
    return {names.get(key, key): value for key, value in config.items()}


def _is_named(value: Any) -> bool:
    return isinstance(value, Mapping) and "name" in value and "class_name" not in value


def _regularizer(value: Mapping[str, Any]) -> dict[str, Any]:
    name, config = _split(value)
    return {"class_name": "L1L2" if name in _L1L2 else name, "config": config}


def _renamed(module: str, value: Mapping[str, Any]) -> dict[str, Any]:
    name, config = _split(value)
    cls = table_of(module).get(name)
    return {"class_name": name, "config": rename(cls, config)}


def _split(value: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return str(value["name"]), {key: item for key, item in value.items() if key != "name"}
