"""`.keras` archives, zipped or as a directory, of Keras 2.12 to 3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.errors import FormatError
from kcompat.models import Model
from kcompat.models.training_state import TrainingState

from ..files import Archive, FileKind, open_archive
from . import archive_assets, optimizer_state, weights_v3
from .reader import generation_of, model_from_config
from .saveables import ByClass, Place, places


def load_model(path: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Model:
    """A model with its weights from an archive. Raises LoadError naming member, layer and key."""
    with open_archive(path) as archive:
        document = archive.read_json("config.json")
        metadata = archive.read_json("metadata.json") if "metadata.json" in archive else {}
        if not isinstance(document, Mapping) or not isinstance(metadata, Mapping):
            raise FormatError(f"{archive.label}: config.json and metadata.json must be objects")
        version = metadata.get("keras_version")
        model = model_from_config(document, custom_objects, version)
        found, optimizer_weights = _fill(model, archive)
        archive_assets.read(archive, found)
        if compile:
            model.training_state = _training_state(document, generation_of(document, version), optimizer_weights)
    return model


def load_weights(model: Model, path: Any, kind: FileKind, *, skip_mismatch: bool) -> None:
    """Fill a model from the weights of an archive, or from an index of sharded weights."""
    if kind is FileKind.WEIGHTS_INDEX:
        with weights_v3.open_sharded(path) as state:
            weights_v3.load(model, state, skip_mismatch=skip_mismatch)
    else:
        with open_archive(path) as archive:
            _fill(model, archive, skip_mismatch=skip_mismatch)


def _fill(
    model: Model, archive: Archive, *, skip_mismatch: bool = False
) -> tuple[Sequence[Place], dict[str, np.ndarray]]:
    """Assign the weights of an archive. Returns the layers' places in it and the optimizer's variables."""
    if "model.weights.h5" in archive:
        with archive.open_hdf5("model.weights.h5") as root:
            found = weights_v3.load(model, root, skip_mismatch=skip_mismatch)
            return found, optimizer_state.read_v3(root)
    if "model.weights.npz" in archive:
        raise FormatError(
            f"{archive.label}: weights in model.weights.npz are pickled and never read; save the model again"
        )
    if model.weights:
        raise FormatError(f"{archive.label}: the archive has no model.weights.h5")
    return places(model, ByClass()), {}


def _training_state(
    document: Mapping[str, Any], generation: int, optimizer_weights: dict[str, np.ndarray]
) -> TrainingState | None:
    config = document.get("compile_config")
    if not isinstance(config, dict):
        return None
    return TrainingState(config, "keras3" if generation == 3 else "keras2_archive", optimizer_weights)
