"""What `keras.dtype_policies` has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .layers.dtype_policy import DTypePolicy
from .process import dtype_policy

FloatDTypePolicy = DTypePolicy

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]


def get(identifier: Any) -> DTypePolicy:
    """A policy from None (the process's own), a name, a policy or a config. Raises ArgumentError."""
    return dtype_policy() if identifier is None else DTypePolicy.parse(identifier)


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """A policy as Keras 3 writes it."""
    return dtype_policy.get_config()


def deserialize(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """The policy that `serialize` wrote."""
    return DTypePolicy.parse(config)
