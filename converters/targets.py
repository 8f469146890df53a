"""The formats that a model can be converted to, and the note of origin that each keeps."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kcompat
from kcompat.errors import ArgumentError, SaveError
from kcompat.models import Model
from kcompat.models.graph_model import GraphModel

from .checking import Axes, Interface
from .file_info import ORIGIN
from .renaming import without_slashes


@dataclass(frozen=True)
class Options:
    """How a model is to be written; each target takes those that mean something to it.

    inputs_as_nchw: images enter and leave with their channels first; Keras's formats take that for what was
    read from ONNX, and have them last otherwise. input_shapes: of inputs of an ONNX model.
    """

    opset: int | None = None
    inputs_as_nchw: bool = False
    fold_batch_norm: bool = False
    form: str = "keras3"
    input_shapes: Mapping[str, Sequence[int | None]] | None = None


@dataclass(frozen=True)
class Target:
    """A format. ending: of its files.

    write: puts a model and its note of origin into a file, and others beside it; returns how the interface has
    changed, if it may have.
    """

    name: str
    ending: str
    write: Callable[[Model, Path, str, Options], Interface | None]
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


def check_options(target: Target, options: Options, model: Model | None = None) -> None:
    """Raises ArgumentError for an option that has no meaning for this target, or for this model."""
    from_layers = model is not None and not isinstance(model, GraphModel)
    if options.inputs_as_nchw and from_layers == (target.name != "onnx") and model is not None:
        raise ArgumentError(
            f"inputs_as_nchw is for conversions between Keras's formats and ONNX, not to {target.ending}"
        )
    for name, default in vars(Options()).items():
        if getattr(options, name) != default and name not in target.options:
            raise ArgumentError(f"{name} is not for {target.ending} files")


def origin_note(source: Any, described: str) -> str:
    """What a converted file says of where it comes from; no date, so that the same input gives the same bytes."""
    return f"kcompat {kcompat.__version__} from {Path(source).name} ({described})"


def _as_keras(model: Model, options: Options) -> tuple[Model, Interface | None]:
    """Layers of Keras; those of a graph of operators have their channels last."""
    if not isinstance(model, GraphModel):
        if options.form == "keras3":
            without_slashes(model)
        return model, None
    from .onnx.raising.model import raise_model

    try:
        raised = raise_model(model, channels_first_interface=options.inputs_as_nchw, input_shapes=options.input_shapes)
    except ArgumentError as error:
        raise SaveError(f"{error}; with sizes that are open, input_shapes (--shape) may help") from error
    return raised.model, Interface(raised.inputs, raised.outputs)


def _write_keras(model: Model, path: Path, note: str, options: Options) -> Interface | None:
    from .keras import archive_write

    keras, interface = _as_keras(model, options)
    try:
        archive_write.save(keras, path, notes={ORIGIN: note})
    except SaveError as refusal:
        if keras is not model:
            raise
        archive_write.save(_through_operators(model, refusal), path, notes={ORIGIN: note})
    return interface


def _through_operators(model: Model, refusal: SaveError) -> Model:
    """What Keras 3 has no layer for, as layers and operations that compute the same on the same inputs.

    Raises the refusal where ONNX, which is between, cannot hold the model either.
    """
    from . import onnx

    try:
        graph = onnx.model_from_proto(onnx.model_proto(model))
        keras = onnx.to_keras(graph, channels_first_interface=True, name=model.name)
    except (SaveError, ArgumentError):
        raise refusal from None
    warnings.warn(f"{refusal}. It is written as layers and operations of Keras 3 that compute the same", stacklevel=2)
    return keras


def _write_h5(model: Model, path: Path, note: str, options: Options) -> Interface | None:
    from .keras import hdf5_write

    keras, interface = _as_keras(model, options)
    hdf5_write.save(keras, path, form="keras2" if options.form == "keras2" else "keras3", notes={ORIGIN: note})
    return interface


def _write_json(model: Model, path: Path, note: str, options: Options) -> Interface | None:
    """The architecture, and the weights in a file beside it."""
    from .keras import json_write

    keras, interface = _as_keras(model, options)
    json_write.save(keras, path, path.with_suffix(".weights.h5"), notes={ORIGIN: note})
    return interface


def _write_onnx(model: Model, path: Path, note: str, options: Options) -> Interface | None:
    from . import onnx

    onnx.save_model(
        model,
        path,
        opset=options.opset,
        inputs_as_nchw=options.inputs_as_nchw,
        fold_batch_norm=options.fold_batch_norm,
        origin=note,
    )
    if not options.inputs_as_nchw:
        return None
    graph = model.graph()
    return Interface(*(tuple(_channels_first(v.rank) for v in values) for values in (graph.inputs, graph.outputs)))


def _channels_first(rank: int) -> Axes:
    return (0, rank - 1, *range(1, rank - 1)) if rank >= 4 else tuple(range(rank))


_FOR_ONNX = frozenset({"opset", "inputs_as_nchw", "fold_batch_norm"})
_FOR_KERAS = frozenset({"inputs_as_nchw", "input_shapes"})

TARGETS = {
    target.name: target
    for target in (
        Target("keras", ".keras", _write_keras, _FOR_KERAS),
        Target("h5", ".h5", _write_h5, _FOR_KERAS | {"form"}),
        Target("onnx", ".onnx", _write_onnx, _FOR_ONNX),
        Target("json", ".json", _write_json, _FOR_KERAS),
    )
}
