"""Writes `.keras` archives as Keras 3.15 does."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast
from zipfile import ZIP_STORED, ZipFile

import h5py
import numpy as np

from kcompat.models import Model

from ..files import PathLike, replacing_file
from . import architecture, archive_assets, expressible, training_config, weights_v3
from .keras3_forms import express
from .saveables import ByClass, layers_as_rebuilt, places
from .weights_legacy_write import KERAS_VERSION


def save(
    model: Model, path: PathLike, *, include_optimizer: bool = True, notes: Mapping[str, str] | None = None
) -> None:
    """Write a model to a `.keras` file, which Keras 3 loads; an existing file is replaced at once.

    notes: further entries of the metadata, which Keras leaves unread.
    Raises SaveError for a layer that Keras 3 cannot express, leaving an existing file as it is.
    """
    expressible.check(model, "keras3")
    settings = training_config.for_archive(model.training_state) if include_optimizer else None
    document = express(architecture.serialize_model(model))
    document.pop("compile_config", None)
    if settings:
        document["compile_config"] = settings[0]
    metadata = {
        "keras_version": KERAS_VERSION["keras3"],
        "date_saved": datetime.now().strftime("%Y-%m-%d@%H:%M:%S"),
        **(notes or {}),
    }
    with replacing_file(path) as temporary, ZipFile(temporary, "w", ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps(metadata))
        archive.writestr("config.json", json.dumps(document))
        _write_weights(archive, model, settings[1] if settings else {}, temporary.parent)
        archive_assets.write(archive, places(model, ByClass(), layers_as_rebuilt))


def save_weights(model: Model, path: PathLike) -> None:
    """Write a model's weights to a `.weights.h5` file, which Keras 3 loads."""
    with replacing_file(path) as temporary, h5py.File(temporary, "w") as file:
        weights_v3.save(model, file)


def _write_weights(archive: ZipFile, model: Model, optimizer: Mapping[str, np.ndarray], folder: Path) -> None:
    """By way of a file beside the archive: HDF5 cannot be written in one pass."""
    with tempfile.TemporaryFile(dir=folder) as buffer:
        with h5py.File(buffer, "w") as file:
            weights_v3.save(model, file, optimizer=optimizer)
        buffer.seek(0)
        with archive.open("model.weights.h5", "w", force_zip64=True) as member:
            shutil.copyfileobj(cast(BinaryIO, buffer), member, 1 << 20)
