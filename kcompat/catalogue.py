"""Tables and packages of things by name, which import the module that defines a thing when it is first asked for."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

T = TypeVar("T")

Index = Mapping[str, tuple[str, ...]]
"""What each module of a package enters in a catalogue; an empty tuple for one that enters nothing."""


Indexes = Mapping[str, Mapping[str, tuple[str, ...]]]
"""What each module of a package enters in several catalogues: module -> catalogue -> names."""


def part(indexes: Indexes, what: str) -> Index:
    """The index of one catalogue of several."""
    return {module: entries.get(what, ()) for module, entries in indexes.items()}


class Catalogue(Mapping[str, T]):
    """Things by name, which modules enter as they are imported. `what`: all of them in two words.

    A name is found through the index of the packages that were `announced`, else in modules which no index has:
    a new file is found without one. Iterating imports everything.
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._entered: dict[str, T] = {}
        self._places: dict[str, str] = {}
        self._announced: dict[str, Index] = {}
        self._unindexed: list[str] | None = None

    def announce(self, package: str, index: Index) -> None:
        """Let a package, which is being imported, hold what its index says."""
        self._announced[package] = index
        self._places.update({name: f"{package}.{module}" for module, names in index.items() for name in names})
        self._unindexed = None

    def enter(self, name: str, thing: T) -> None:
        """Raises ValueError if something else has that name."""
        if self._entered.setdefault(name, thing) is not thing:
            raise ValueError(f"two {self.what} are named {name!r}")

    def __getitem__(self, name: str) -> T:
        if name not in self._entered:
            place = self._places.get(name)
            for module in self._new_modules() if place is None else [place]:
                importlib.import_module(module)
        return self._entered[name]

    def __contains__(self, name: object) -> bool:
        if name in self._entered or name in self._places:
            return True
        return any(importlib.import_module(module) and name in self._entered for module in self._new_modules())

    def __iter__(self) -> Iterator[str]:
        for package in self._announced:
            for module in _modules(package):
                importlib.import_module(f"{package}.{module}")
        return iter(dict(self._entered))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _new_modules(self) -> list[str]:
        """The modules of the announced packages that no index has."""
        if self._unindexed is None:
            self._unindexed = [
                f"{package}.{module}"
                for package, index in self._announced.items()
                for module in _modules(package)
                if module not in index
            ]
        return self._unindexed


def on_demand(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of a package whose public names are in the modules that `names` says."""

    def get(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(importlib.import_module(f"{package}.{names[name]}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: sorted(names)


def _modules(package: str) -> list[str]:
    """The names of a package's own modules."""
    folders = sys.modules[package].__path__
    names = {name.removesuffix(".py") for folder in folders for name in os.listdir(folder) if name.endswith(".py")}
    return sorted(names - {"__init__"})
