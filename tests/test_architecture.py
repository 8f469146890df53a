"""Who may import whom, read from the syntax trees; docs/architecture.md draws the same picture."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LONGEST_FILE = 650

GROUND = {
    *("catalogue", "changes", "errors", "settings", "registration", "tree"),
    *("naming", "overriding", "progress", "random", "windows"),
}
OBJECTS = {"config", "activations", "initializers", "regularizers", "constraints"}
RUNNING = {"ir", "operators", "reference", "executor"}

MAY_IMPORT = {
    **{room: {"errors"} for room in GROUND},
    "random": {"errors", "ops"},
    "progress": {"errors", "settings"},
    "ir": {"catalogue", "changes", "errors"},
    "operators": {"catalogue", "errors", "ir", "reference"},
    "reference": {"errors", "ir"},
    "emitting": {"ir", "reference"},
    "passes": {"errors", "ir", "operators"},
    "plan": {"catalogue", "errors", "ir", "operators", "passes"},
    "kernels": set(),
    "executor": {"catalogue", "changes", "errors", "ir", "reference", "passes", "plan", "kernels"},
    "config": {"catalogue", "errors", "process", "registration", "settings", "tree"},
    "process": {"errors", "layers", "settings"},
    "dtype_policies": {"layers", "process"},
    "mixed_precision": {"dtype_policies", "optimizers", "process"},
    **{room: GROUND | OBJECTS | {"emitting", "ir", "operators", "reference"} for room in OBJECTS - {"config"}},
    "layers": GROUND | OBJECTS | {"ir", "operators", "reference"},
    "ops": GROUND | OBJECTS | {"ir", "layers", "reference"},
    "models": GROUND | OBJECTS | RUNNING | {"callbacks", "layers", "training"},
    "training": GROUND | OBJECTS | RUNNING | {"emitting", "layers", "passes"},
    "callbacks": GROUND | {"ir", "training"},
    "variables": {"errors", "initializers", "ir", "naming", "settings"},
    "losses": {"training"},
    "metrics": {"training"},
    "optimizers": {"training"},
    "applications": {"errors", "ir", "layers", "models", "ops", "settings"},
    "utils": GROUND | OBJECTS | {"layers", "models"},
    "preprocessing": {"utils"},
    "saving": {"models", "registration", "utils"},
    "backend": {"ir", "layers", "process", "settings", "utils"},
    "keras": set(),
    "onnx_backend": {"errors"},
    "cli": GROUND | RUNNING | {"plan", "layers", "models", "utils", "kcompat"},
    "converters.files": {"catalogue", "errors"},
    "converters": GROUND
    | OBJECTS
    | RUNNING
    | {"passes", "training", "layers", "models", "converters.files", "kcompat"},
    "kcompat": set(),
}
"""Room -> the rooms it may import besides itself. "kcompat" is the package's own file."""

REACH_CONVERTERS = {"models/io.py", "models/model.py", "onnx_backend.py", "cli"}
"""The files and folders that may import converters, inside functions."""

PACKAGES = {
    "converters": {"h5py", "onnx"},
    "kernels": {"numba", "llvmlite"},
    "utils": {"PIL"},
    "cli": {"PIL"},
}
"""Room -> the packages it may import besides NumPy, in utils and cli inside functions."""


@dataclass(frozen=True)
class Import:
    """One import statement: the file, the module it names, and whether it runs only when a function does."""

    file: str
    module: str
    lazy: bool


def files() -> list[Path]:
    return sorted([*(ROOT / "kcompat").rglob("*.py"), *(ROOT / "converters").rglob("*.py")])


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    parts = parts if parts[0] == "kcompat" else ("kcompat", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    parts = module.split(".")[1:]
    if parts[:2] == ["converters", "files"]:
        return "converters.files"
    room = parts[0] if parts else "kcompat"
    return "cli" if room == "__main__" else room


@cache
def modules() -> frozenset[str]:
    return frozenset(map(module_of, files()))


@cache
def imports() -> tuple[Import, ...]:
    return tuple(found for path in files() for found in imports_of(path))


def imports_of(path: Path) -> Iterator[Import]:
    file = path.relative_to(ROOT).as_posix()
    package = module_of(path).split(".")
    package = package if path.stem == "__init__" else package[:-1]
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        id(node)
        for function in ast.walk(tree)
        if isinstance(function, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        for module in named(node, package):
            yield Import(file, module, id(node) in inside)


def named(node: ast.AST, package: list[str]) -> Iterator[str]:
    """The modules that an import statement names, relative ones made absolute."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = [*package[: len(package) - node.level + 1]] if node.level else []
        origin = ".".join([*base, *([node.module] if node.module else [])])
        inner = [f"{origin}.{alias.name}" for alias in node.names if f"{origin}.{alias.name}" in modules()]
        yield from inner or [origin]


def own(found: Import) -> bool:
    return found.module.partition(".")[0] == "kcompat"


def reaches_converters(file: str) -> bool:
    inside = file.removeprefix("kcompat/")
    return any(inside == allowed or inside.startswith(f"{allowed}/") for allowed in REACH_CONVERTERS)


def test_the_reading_of_imports():
    """The other tests stand on this one: it finds what they look for."""
    assert len(imports()) > 300
    assert Import("kcompat/models/io.py", "kcompat.converters", lazy=True) in imports()
    assert Import("kcompat/layers/flatten.py", "kcompat.layers.base", lazy=False) in imports()
    assert Import("converters/files/kinds.py", "kcompat.errors", lazy=False) in imports()
    assert room_of("kcompat.converters.files.kinds") == "converters.files"
    assert room_of("kcompat.errors") == "errors"


def test_every_room_is_in_the_table():
    assert {room_of(module) for module in modules()} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_import_what_they_may(room):
    wrong = [
        f"{found.file} imports {found.module}"
        for found in imports()
        if own(found)
        and room_of(module_of(ROOT / found.file)) == room
        and room_of(found.module) not in MAY_IMPORT[room] | {room}
        and not (found.lazy and room_of(found.module).startswith("converters") and reaches_converters(found.file))
    ]
    assert not wrong


def test_other_packages_stay_in_their_rooms():
    wrong = []
    for found in imports():
        package, room = found.module.partition(".")[0], room_of(module_of(ROOT / found.file))
        if package in sys.stdlib_module_names or package in ("kcompat", "numpy"):
            continue
        if package not in PACKAGES.get(room, set()) or (room in ("utils", "cli") and not found.lazy):
            wrong.append(f"{found.file} imports {found.module}")
    assert not wrong


def test_no_import_cycles_between_rooms():
    """With what runs at import time alone."""
    edges: dict[str, set[str]] = {room: set() for room in MAY_IMPORT}
    for found in imports():
        if own(found) and not found.lazy:
            edges[room_of(module_of(ROOT / found.file))].add(room_of(found.module))
    ordered: list[str] = []
    while len(ordered) < len(edges):
        ready = [room for room in edges if room not in ordered and edges[room] - {room} <= set(ordered)]
        assert ready, f"a cycle among {sorted(set(edges) - set(ordered))}"
        ordered += ready


@pytest.mark.parametrize("path", files(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


def test_every_package_is_listed_in_pyproject():
    listed = re.findall(
        r'^    "(kcompat[\w.]*)",$', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE
    )
    folders = {module_of(path) for path in files() if path.name == "__init__.py"}
    assert set(listed) == folders
    assert {module_of(path.parent / "__init__.py") for path in files()} == folders
