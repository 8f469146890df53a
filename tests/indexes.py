"""Writes which module of a package defines what: `python tests/indexes.py`.

Things are found by what their modules enter in a Catalogue when all of them are imported.
"""

import importlib
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SEVERAL = ("kcompat.layers", "kcompat.layers.operations")
"""The packages whose modules enter things in more than one catalogue."""
PACKAGES = (*SEVERAL, "kcompat.operators", "kcompat.plan.lowering")
WIDTH = 120

Entries = dict[str, dict[str, list[str]]]
"""Module -> catalogue -> names."""


def entries() -> Entries:
    """What every module of the packages enters. For a process that has not imported any of them."""
    from kcompat.catalogue import Catalogue

    found: Entries = {}
    enter = Catalogue.enter

    def noted(self: Catalogue, name: str, thing: object) -> None:
        frame = sys._getframe()
        while frame.f_code.co_name != "<module>":
            frame = frame.f_back
        found.setdefault(frame.f_globals["__name__"], {}).setdefault(self.what, []).append(name)
        enter(self, name, thing)

    Catalogue.enter = noted
    for package in PACKAGES:
        for module in modules(package):
            importlib.import_module(f"{package}.{module}")
    return found


def modules(package: str) -> list[str]:
    return sorted(path.stem for path in folder(package).glob("*.py") if path.stem not in ("__init__", "index"))


def folder(package: str) -> Path:
    return ROOT.joinpath(*package.split("."))


def text_of(package: str, found: Entries) -> str:
    """The index of a package as a Python module."""
    index = {module: _entry(package, found.get(f"{package}.{module}", {})) for module in modules(package)}
    kind = "Indexes" if package in SEVERAL else "Index"
    dots = "." * (package.count(".") + 1)
    return (
        f'"""Which module here defines what. Written by `python tests/indexes.py`."""\n\n'
        f"from __future__ import annotations\n\nfrom {dots}catalogue import {kind}\n\n"
        f"INDEX: {kind} = {_text(index, '', 0)}\n"
    )


def _entry(package: str, tables: dict[str, list[str]]) -> object:
    if package in SEVERAL:
        return {table: tuple(sorted(names)) for table, names in sorted(tables.items())}
    return tuple(sorted(name for names in tables.values() for name in names))


def _text(value: object, lead: str, depth: int) -> str:
    """A literal as ruff formats it: on one line if it fits after `lead`, else one element a line."""
    line = _line(value)
    if depth and 4 * depth + len(lead) + len(line) + 1 <= WIDTH:
        return line
    inner = "    " * (depth + 1)
    if isinstance(value, dict):
        leads = [(f'"{key}": ', item) for key, item in value.items()]
    else:
        leads = [("", item) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "()"
    parts = [f"{inner}{lead}{_text(item, lead, depth + 1)},\n" for lead, item in leads]
    return f"{opening}\n{''.join(parts)}{'    ' * depth}{closing}"


def _line(value: object) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}": {_line(item)}' for key, item in value.items()) + "}"
    return "(" + ", ".join(map(_line, value)) + ("," if len(value) == 1 else "") + ")"


def stale(found: Entries) -> list[str]:
    """The packages whose index on disk is not what their modules define."""
    return [
        package
        for package in PACKAGES
        if (folder(package) / "index.py").read_text(encoding="utf-8") != text_of(package, found)
    ]


if __name__ == "__main__":
    made = entries()
    if sys.argv[1:] == ["--check"]:
        sys.exit(", ".join(stale(made)) or 0)
    for package in PACKAGES:
        (folder(package) / "index.py").write_text(text_of(package, made), encoding="utf-8")
