"""Nested structures of lists, tuples and dicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function` applied to every leaf."""
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_structure(function, item) for item in structure])
    if isinstance(structure, dict):
        return {key: map_structure(function, item) for key, item in structure.items()}
    return function(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order; dicts give theirs in the order of their keys' insertion."""
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    if isinstance(structure, dict):
        return [leaf for item in structure.values() for leaf in flatten(item)]
    return [structure]


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """The structure with its leaves replaced, in order."""
    remaining = iter(leaves)
    return map_structure(lambda _: next(remaining), structure)
