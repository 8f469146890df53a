"""`.keras` archives, zipped or as a directory, of Keras 2.12 to 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import FormatError
from kcompat.models import Model
from kcompat.models.training_state import TrainingState

from ..files import Archive, open_archive
from . import weights_v3
from .reader import generation_of, model_from_config


def load_model(path: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Model:
    """A model with its weights from an archive. Raises LoadError naming member, layer and key."""
    with open_archive(path) as archive:
        document = archive.read_json("config.json")
        metadata = archive.read_json("metadata.json") if "metadata.json" in archive else {}
        if not isinstance(document, Mapping) or not isinstance(metadata, Mapping):
            raise FormatError(f"{path}: config.json and metadata.json must be objects")
        version = metadata.get("keras_version")
        model = model_from_config(document, custom_objects, version)
        _load_weights(model, archive, path)
        if compile:
            model.training_state = _training_state(document, generation_of(document, version))
    return model


def _load_weights(model: Model, archive: Archive, path: Any) -> None:
    if "model.weights.h5" in archive:
        with archive.open_hdf5("model.weights.h5") as root:
            weights_v3.load(model, root)
    elif "model.weights.npz" in archive:
        raise FormatError(f"{path}: weights in model.weights.npz are not supported; save the model with Keras again")
    elif model.weights:
        raise FormatError(f"{path}: the archive has no model.weights.h5")


def _training_state(document: Mapping[str, Any], generation: int) -> TrainingState | None:
    config = document.get("compile_config")
    if not isinstance(config, dict):
        return None
    return TrainingState(config, "keras3" if generation == 3 else "keras2_archive")
