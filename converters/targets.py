"""The formats that a model can be converted to, and the note of origin that each keeps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kcompat
from kcompat.errors import ArgumentError, SaveError
from kcompat.models import Model
from kcompat.models.graph_model import GraphModel

from .check import Axes

NOTE = "kcompat_origin"
"""The attribute, or key, under which Keras's formats keep the note of origin."""


@dataclass(frozen=True)
class Options:
    """How a model is to be written; each target takes those that mean something to it."""

    opset: int | None = None
    inputs_as_nchw: bool = False
    fold_batch_norm: bool = False
    form: str = "keras3"


@dataclass(frozen=True)
class Target:
    """A format. ending: of its files. write: puts a model and its note of origin into a file."""

    name: str
    ending: str
    write: Callable[[Model, Path, str, Options], list[Path]]
    options: frozenset[str]


def target_for(path: Any, name: str | None) -> Target:
    """The target of that name, or the one that a file's ending stands for. Raises ArgumentError."""
    if name is not None:
        return TARGETS[name]
    ending = Path(path).suffix.lower()
    for target in TARGETS.values():
        if ending == target.ending or (target.name == "h5" and ending in (".hdf5", ".hdf", ".he5")):
            return target
    raise ArgumentError(
        f"{path}: the ending '{ending}' is none of .keras, .h5, .onnx and .json; say what to write (--to)"
    )


def check_options(target: Target, options: Options) -> None:
    """Raises ArgumentError for an option that this target has no meaning for."""
    for name, default in vars(Options()).items():
        if getattr(options, name) != default and name not in target.options:
            raise ArgumentError(f"{name} is not for {target.ending} files")


def origin_note(source: Any, described: str) -> str:
    """What a converted file says of where it comes from; no date, so that the same input gives the same bytes."""
    return f"kcompat {kcompat.__version__} from {Path(source).name} ({described})"


def interface_axes(model: Model, target: Target, options: Options) -> dict[str, Axes]:
    """How inputs of the written model are transposed against the original's, where its writer was asked for that."""
    if target.name != "onnx" or not options.inputs_as_nchw:
        return {}
    return {value.name: (0, 3, 1, 2) for value in model.executor.graph.inputs if value.rank == 4}


def _as_keras(model: Model) -> Model:
    if isinstance(model, GraphModel):
        raise SaveError(
            f"model '{model.name}' is a graph of operators without layers, which Keras's formats cannot hold"
        )
    return model


def _write_keras(model: Model, path: Path, note: str, options: Options) -> list[Path]:
    from .keras import archive_write

    archive_write.save(_as_keras(model), path, notes={NOTE: note})
    return [path]


def _write_h5(model: Model, path: Path, note: str, options: Options) -> list[Path]:
    from .keras import hdf5_write

    hdf5_write.save(_as_keras(model), path, form="keras2" if options.form == "keras2" else "keras3", notes={NOTE: note})
    return [path]


def _write_json(model: Model, path: Path, note: str, options: Options) -> list[Path]:
    from .keras import json_write

    weights = path.with_suffix(".weights.h5")
    json_write.save(_as_keras(model), path, weights, notes={NOTE: note})
    return [path, weights]


TARGETS = {
    target.name: target
    for target in (
        Target("keras", ".keras", _write_keras, frozenset()),
        Target("h5", ".h5", _write_h5, frozenset({"form"})),
        Target("json", ".json", _write_json, frozenset()),
    )
}
