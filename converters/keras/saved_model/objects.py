"""The tree of objects in a TensorFlow checkpoint, and the tensors of its variables.

Source: tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kcompat.errors import FormatError

from ...files.tensor_bundle import TensorBundle
from ...files.wire import Message

_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"

_NO_WEIGHTS = ("keras_api", "states", "optimizer", "_random_generator", "_rng")
"""Attributes of layers below which there are variables that are not their weights."""


@dataclass(frozen=True)
class StoredVariable:
    """A variable in a checkpoint: its TensorFlow name, and the key of its tensor."""

    name: str
    key: str


class Objects:
    """The objects of a checkpoint, told apart by number; the root is 0."""

    def __init__(self, bundle: TensorBundle) -> None:
        self.where = bundle.where
        if _GRAPH_KEY not in bundle:
            raise FormatError(f"{self.where}: has no tree of objects, as TensorFlow 1 wrote it; Keras 2 writes one")
        content = bundle.array(_GRAPH_KEY)
        if content.shape != ():
            raise FormatError(f"{self.where}: the tree of objects has shape {content.shape}. The file is damaged.")
        self._bundle = bundle
        self._nodes = list(Message(content.item(), f"{self.where}: tree of objects").messages(1))

    def children(self, number: int) -> dict[str, int]:
        """The objects that one holds, by attribute."""
        return {child.text(2): child.integer(1) for child in self._node(number).messages(1)}

    def at(self, path: str) -> int | None:
        """The object at a path like "root.layer-1.cell"; None where there is none."""
        number = 0
        for name in path.split(".")[1:]:
            found = self.children(number).get(name)
            if found is None:
                return None
            number = found
        return number

    def listed(self, number: int, attribute: str) -> list[int]:
        """The objects in a list that one holds; none where there is no list. Tables are left out of checkpoints."""
        place = self.children(number).get(attribute)
        if place is None:
            return []
        items = self.children(place)
        if not all(name.isascii() and name.isdigit() for name in items):
            raise FormatError(f"{self.where}: the list '{attribute}' has the entries {sorted(items)[:5]}")
        return [items[name] for name in sorted(items, key=int)]

    def tensors(self, number: int) -> dict[str, StoredVariable]:
        """What is stored of an object, by attribute; of a variable "VARIABLE_VALUE" alone."""
        return {item.text(1): StoredVariable(item.text(2), item.text(3)) for item in self._node(number).messages(2)}

    def variables_below(self, number: int) -> Iterator[StoredVariable]:
        """The variables of an object and of those that it holds, in the order in which it came to hold them."""
        seen, pending = {number}, [number]
        while pending:
            number = pending.pop()
            if "VARIABLE_VALUE" in self.tensors(number):
                yield self.variable(number)
            children = self.children(number).items()
            held = dict.fromkeys(child for name, child in children if child not in seen and name not in _NO_WEIGHTS)
            seen.update(held)
            pending += reversed(held)

    def variable(self, number: int) -> StoredVariable:
        """Name and key of a variable. Raises FormatError if the object is none."""
        found = self.tensors(number).get("VARIABLE_VALUE")
        if found is None:
            raise FormatError(f"{self.where}: object {number} is listed as a variable and has no value")
        return found

    def table(self, stored: StoredVariable) -> tuple[np.ndarray, np.ndarray] | None:
        """Keys and values of a hash table; None where the checkpoint has none."""
        if f"{stored.key}-keys" not in self._bundle:
            return None
        keys, values = self._bundle.array(f"{stored.key}-keys"), self._bundle.array(f"{stored.key}-values")
        if keys.ndim != 1 or keys.shape != values.shape:
            raise FormatError(f"{self.where}: the table {stored.key} has keys {keys.shape} and values {values.shape}")
        return keys, values

    def value(self, stored: StoredVariable) -> np.ndarray:
        return self._bundle.array(stored.key)

    @cached_property
    def count(self) -> int:
        return len(self._nodes)

    def _node(self, number: int) -> Message:
        if number >= self.count:
            raise FormatError(f"{self.where}: names object {number} of {self.count}. The file is damaged.")
        return self._nodes[number]
