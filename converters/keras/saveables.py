"""Where Keras keeps each layer's variables in a `.weights.h5` file.

A layer's place is the path of attributes from the model to it. In lists of layers the place is the
class name in snake case, numbered per class in the list's order. Keras's generations number differently.
Source: `_walk_saveable` and `_save_container_state` in keras/src/saving/saving_lib.py.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from kcompat.config import CLASSES
from kcompat.layers import Layer
from kcompat.models import Functional, Model
from kcompat.models.topology import order_calls
from kcompat.naming import to_snake_case

from .stored_state import StoredObject

Path = tuple[str, ...]
Order = Callable[[Model], Sequence[Layer]]

_NUMBER = re.compile(r"_\d+$")


class Place(NamedTuple):
    """A layer and the path at which its own variables are."""

    layer: Layer
    path: Path


class Numbering(Protocol):
    """How layers in a list are named.

    container: the attribute under which a model's layers are.
    """

    container: str

    def names(self, layers: Sequence[Layer], path: Path, visited: set[Layer]) -> Iterator[str | None]:
        """One name per layer of the list at `path`, None for a layer that is not saved there.

        visited: layers that have a place; it grows while the names are taken.
        """


class ByClass:
    """Numbered per class.

    container: "layers", or "_layer_checkpoint_dependencies" in Keras 2.12 to 2.14.0.
    skips_visited: layers saved elsewhere before do not count, as in Keras 2.14 and 2.15.
    counts_twice: layers with weights count twice, as in Keras 2.12 and 2.13, which list them under
        `layer-N` and again under `layer_with_weights-N`.
    stored: a file that is being read. A class that has no places in it takes those of the one class
        there that the list lacks, if that is an alias, or a custom class as this one is.
    """

    def __init__(
        self,
        container: str = "layers",
        *,
        skips_visited: bool = False,
        counts_twice: bool = False,
        stored: StoredObject | None = None,
    ) -> None:
        self.container = container
        self.skips_visited = skips_visited
        self.counts_twice = counts_twice
        self.stored = stored

    def names(self, layers: Sequence[Layer], path: Path, visited: set[Layer]) -> Iterator[str | None]:
        prefixes = self._prefixes(layers, path)
        used: Counter[str] = Counter()
        for layer in layers:
            if self.skips_visited and layer in visited:
                yield None
                continue
            prefix = prefixes[type(layer)]
            yield f"{prefix}_{used[prefix]}" if used[prefix] else prefix
            twice = self.counts_twice and path[-1] == self.container and layer.weights
            used[prefix] += 2 if twice else 1

    def _prefixes(self, layers: Sequence[Layer], path: Path) -> dict[type[Layer], str]:
        own = {type(layer): to_snake_case(type(layer).__name__) for layer in layers}
        group = self.stored.find(path) if self.stored else None
        if group is None:
            return own
        stored = {_NUMBER.sub("", name) for name in filled(group)}
        foreign = stored - set(own.values())
        missing = {type(layer) for layer in layers if layer.weights and own[type(layer)] not in stored}
        if len(missing) == len(foreign) == 1:
            cls, prefix = missing.pop(), foreign.pop()
            own[cls] = prefix if _may_be(cls, prefix) else own[cls]
        return own


class ByName:
    """By the layers' own names, which Keras writes into the file since 3.6.

    Applicable only where a list's layers with weights have exactly the names that the file has.
    """

    container = "layers"

    def __init__(self, stored: StoredObject) -> None:
        self.stored = stored
        self.applicable = True

    def names(self, layers: Sequence[Layer], path: Path, visited: set[Layer]) -> Iterator[str | None]:
        group = self.stored.find(path)
        found = {group.children[key].name: key for key in filled(group)} if group else {}
        weighted = {layer.name for layer in layers if layer.weights and layer not in visited}
        if set(found) != weighted or (group and len(found) != len(filled(group))):
            self.applicable = False
        yield from (found.get(layer.name) for layer in layers)


def filled(group: StoredObject) -> list[str]:
    """The names of the objects in a list that have variables somewhere."""
    return [name for name, child in group.children.items() if not child.is_empty]


def _may_be(cls: type[Layer], prefix: str) -> bool:
    """Whether a class may have been saved under another name: an alias of it, or unknown as itself is."""
    known = {to_snake_case(name): known for name, known in CLASSES["keras.layers"].items()}
    return known[prefix] is cls if prefix in known else not cls.keras_module


def layers_as_listed(model: Model) -> list[Layer]:
    """The model's layers in its own order, which is that of the file it came from."""
    return model.layers


def layers_as_rebuilt(model: Model) -> list[Layer]:
    """The model's layers in the order that they have in Keras after loading, which its loaders go by."""
    if not isinstance(model, Functional):
        return model.layers
    listed = set(model.layers)
    return [layer for layer in order_calls(model.inputs, model.outputs)[1] if layer in listed]


def places(model: Model, numbering: Numbering, order: Order = layers_as_listed) -> list[Place]:
    """The place of every layer, and of the model itself, in the order of Keras's walk."""
    return list(_Walk(numbering, order).visit(model, ()))


class _Walk:
    def __init__(self, numbering: Numbering, order: Order) -> None:
        self.numbering = numbering
        self.order = order
        self.visited: set[Layer] = set()

    def visit(self, layer: Layer, path: Path) -> Iterator[Place]:
        if layer in self.visited:
            return
        self.visited.add(layer)
        yield Place(layer, path)
        if isinstance(layer, Model):
            yield from self._visit_list(self.order(layer), (*path, self.numbering.container))
            return
        for name, value in _attributes(layer):
            if isinstance(value, Layer):
                yield from self.visit(value, (*path, name))
            else:
                yield from self._visit_list(value, (*path, name))

    def _visit_list(self, items: Sequence[Any], path: Path) -> Iterator[Place]:
        layers = [item for item in items if isinstance(item, Layer)]
        for layer, name in zip(layers, self.numbering.names(layers, path, self.visited), strict=True):
            if name is not None:
                yield from self.visit(layer, (*path, name))


_INTERNAL = frozenset({"_sublayers", "_own_weights", "_values", "calls"})


def _attributes(layer: Layer) -> Iterator[tuple[str, Any]]:
    """Attributes that hold layers or lists of them: public ones first, in alphabetic order."""
    held = {**layer._values, **{name: value for name, value in vars(layer).items() if name not in _INTERNAL}}
    for name in sorted(held, key=lambda name: (name.startswith("_"), name)):
        value = list(held[name].values()) if isinstance(held[name], dict) else held[name]
        if isinstance(value, Layer) or (
            isinstance(value, (list, tuple)) and any(isinstance(item, Layer) for item in value)
        ):
            yield name, value
