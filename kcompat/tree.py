"""Nested structures of lists, tuples and dicts.

The leaves of a dict come in the order of its sorted keys, as in Keras: it is the order of a model's
inputs and outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def map_structure(function: Callable[[Any], Any], structure: Any) -> Any:
    """The same structure with `function` applied to every leaf, in the order of `flatten`."""
    if isinstance(structure, (list, tuple)):
        return type(structure)([map_structure(function, item) for item in structure])
    if isinstance(structure, dict):
        mapped = {key: map_structure(function, structure[key]) for key in sorted(structure)}
        return {key: mapped[key] for key in structure}
    return function(structure)


def flatten(structure: Any) -> list[Any]:
    """The leaves in order."""
    if isinstance(structure, (list, tuple)):
        return [leaf for item in structure for leaf in flatten(item)]
    if isinstance(structure, dict):
        return [leaf for key in sorted(structure) for leaf in flatten(structure[key])]
    return [structure]


def pack_like(structure: Any, leaves: list[Any]) -> Any:
    """The structure with its leaves replaced, in order."""
    remaining = iter(leaves)
    return map_structure(lambda _: next(remaining), structure)
