"""Matches what users say per output - losses, weights, metrics, targets - to a model's outputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import ArgumentError, InputError
from ..tree import flatten, pack_like


class Outputs:
    """A model's outputs: their nest, and names for each in the order of `flatten`.

    names: of the layers that make them. keys: what a dict of outputs calls them, else the names. named: whether logs
    know them by these names, as they do not for models with a `call`.
    """

    def __init__(self, structure: Any, names: Sequence[str], named: bool = True) -> None:
        self.structure = structure
        self.names = list(names)
        self.is_single = not isinstance(structure, (list, tuple, dict))
        flat_dict = isinstance(structure, dict) and len(structure) == len(flatten(structure))
        self.keys = sorted(structure) if flat_dict else self.names
        self.count = len(self.names)
        self.named = named or flat_dict

    @property
    def metric_names(self) -> list[str]:
        """What logs of metrics begin with: layer names where a dict's keys are the same, else its keys."""
        return self.names if set(self.keys) == set(self.names) else self.keys

    def settings(self, value: Any, what: str, partial: bool = False) -> list[Any]:
        """One entry for each output, of a list, or a dict by key or name.

        partial: a dict may leave outputs out. Raises ArgumentError for entries that fit no output.
        """
        if isinstance(value, Mapping):
            return self._by_key(value, what, partial)
        entries = flatten(value) if self.count > 1 and _is_nested_deeper(value) else list(value)
        if len(entries) != self.count:
            raise ArgumentError(
                f"{what} must have an entry for each of the {self.count} outputs ({', '.join(self.keys)}), "
                f"received {len(entries)}"
            )
        return entries

    def _by_key(self, value: Mapping[str, Any], what: str, partial: bool) -> list[Any]:
        for keys in (self.keys, self.names):
            if set(value) <= set(keys) and (partial or set(value) == set(keys)):
                return [value.get(key) for key in keys]
        raise ArgumentError(f"{what} has keys {sorted(value)}; the model's outputs are {self.keys}")

    def arrange(self, data: Any, what: str, used: Sequence[bool]) -> list[Any]:
        """Data for each output: None where there is none. used: the outputs that have a loss or a metric.

        Raises InputError for missing data, or for more than there are outputs.
        """
        if data is None:
            return [None] * self.count
        if isinstance(data, Mapping):
            keys = self.keys if set(data) & set(self.keys) else self.names
            missing = [key for key, needed in zip(keys, used, strict=True) if needed and key not in data]
            if missing:
                raise InputError(f"{what}: no data for output '{missing[0]}'; expected {keys}, received {sorted(data)}")
            return [data.get(key) for key in keys]
        if self.is_single:
            return [
                data[0] if isinstance(data, (list, tuple)) and len(data) == 1 and hasattr(data[0], "shape") else data
            ]
        entries = flatten(data) if isinstance(data, (list, tuple)) else [data]
        if len(entries) == self.count:
            return entries
        if len(entries) == sum(used):
            rest = iter(entries)
            return [next(rest) if needed else None for needed in used]
        raise InputError(f"{what}: takes {self.count} arrays ({', '.join(self.keys)}), received {len(entries)}")


def nested(structure: Any, leaves: Sequence[Any]) -> Any:
    """Leaves in a nest, without the list around a single one; None where all of them are."""
    if all(leaf is None for leaf in leaves):
        return None
    nest = pack_like(structure, list(leaves))
    return nest[0] if isinstance(nest, (list, tuple)) and len(nest) == 1 else nest


def _is_nested_deeper(value: Any) -> bool:
    return any(isinstance(item, Mapping) for item in value)
