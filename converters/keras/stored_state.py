"""The tree of variables in a `.weights.h5` file: objects within objects, each with numbered variables.

Keras 2.12 and later save every layer, optimizer and metric at the path of attributes that leads to it,
and its own variables there in a group `vars`, named "0", "1", ... in order of creation.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from kcompat.errors import FormatError, UnsafeFileError

from ..files import Dataset, Group, open_hdf5, read_json

VARIABLES = "vars"


class StoredObject:
    """One saved object.

    path: from the root, with `/`. name: the object's own name, which Keras writes since 3.6.
    variables: its own, by the names "0", "1", ... children: objects in it, by attribute.
    """

    def __init__(self, path: str, where: str) -> None:
        self.path = path
        self.where = where
        self.name: str | None = None
        self.variables: dict[str, Dataset] = {}
        self.children: dict[str, StoredObject] = {}

    def find(self, path: tuple[str, ...]) -> StoredObject | None:
        """The object at a path below this one.

        Attributes are found with and without a leading underscore: Keras made some private, and
        public again, from one release to the next.
        """
        node = self
        for part in path:
            name = next((n for n in (part, part.removeprefix("_"), f"_{part}") if n in node.children), None)
            if name is None:
                return None
            node = node.children[name]
        return node

    def walk(self) -> Iterator[StoredObject]:
        """This object and all below it."""
        pending = [self]
        while pending:
            node = pending.pop()
            yield node
            pending.extend(reversed(node.children.values()))

    @property
    def is_empty(self) -> bool:
        """Whether neither this object nor any below it has variables."""
        return not any(node.variables for node in self.walk())

    def in_order(self) -> list[Dataset]:
        """The variables, first to last. Raises FormatError unless they are named "0", "1", ..."""
        expected = [str(index) for index in range(len(self.variables))]
        if set(expected) != set(self.variables):
            raise FormatError(
                f"{self.where}: variables are named {sorted(self.variables)[:5]}; Keras names them '0', '1', ..."
            )
        return [self.variables[name] for name in expected]

    def _child(self, name: str) -> StoredObject:
        path = f"{self.path}/{name}" if self.path else name
        return self.children.setdefault(name, StoredObject(path, f"{self.where.rstrip('/')}/{name}"))

    def _add(self, group: Group) -> None:
        """Enter what an HDF5 group holds."""
        pending: list[tuple[StoredObject, Group]] = [(self, group)]
        while pending:
            node, members = pending.pop()
            for child in members.groups():
                name = child.path.removeprefix(members.path).lstrip("/")
                target, last = node._descend(name)
                if last == VARIABLES:
                    target._add_variables(child)
                else:
                    pending.append((target._child(last), child))

    def _descend(self, name: str) -> tuple[StoredObject, str]:
        """The object in which a member is, and the member's last name: Windows wrote paths as one name."""
        *outer, last = name.split("\\")
        node = self
        for part in outer:
            node = node._child(part)
        return node, last

    def _add_variables(self, group: Group) -> None:
        for dataset in group.datasets():
            if dataset.name in self.variables:
                raise FormatError(f"{self.where}: variable '{dataset.name}' is stored twice")
            self.variables[dataset.name] = dataset
        if "name" in group.attrs:
            self.name = group.attr_text("name")


def read_state(root: Group) -> StoredObject:
    """The tree in an open HDF5 file."""
    state = StoredObject("", root.where)
    state._add(root)
    return state


@contextmanager
def open_sharded(path: Any) -> Iterator[StoredObject]:
    """The tree that a `*.weights.json` index and the shards beside it hold, while they are open.

    Raises FormatError for an index without `weight_map` or that contradicts the shards,
    UnsafeFileError for a shard in another folder.
    """
    index = read_json(path)
    weight_map = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(weight_map, dict):
        raise FormatError(f"{path}: is no index of sharded weights: it has no 'weight_map'")
    state = StoredObject("", f"{path}: /")
    with ExitStack() as files:
        roots = {
            name: files.enter_context(open_hdf5(_shard(path, name)))
            for name in dict.fromkeys(name for entry in weight_map.values() for name in _names(entry))
        }
        for root in roots.values():
            state._add(root)
        for place, entry in weight_map.items():
            for name in _names(entry):
                if place not in roots[name]:
                    raise FormatError(f"{path}: says that '{place}' is in {name}, where it is not")
        yield state


def _names(entry: Any) -> list[str]:
    return [str(name) for name in entry] if isinstance(entry, list) else [str(entry)]


def _shard(path: Any, name: str) -> str:
    if not {"/", "\\", "\0"}.isdisjoint(name) or name in ("", ".", ".."):
        raise UnsafeFileError(f"{path}: names the shard {name!r}; shards lie beside their index")
    return os.path.join(os.path.dirname(path), name)
