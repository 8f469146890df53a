"""Writes an architecture as JSON, and its weights to a file beside it, as Keras 3.15 does."""

from __future__ import annotations

import json
from collections.abc import Mapping

from kcompat.models import Model

from ..files import PathLike, replacing_file
from . import architecture, archive_write, expressible
from .hdf5_write import check_assets
from .keras3_forms import express
from .weights_legacy_write import BACKEND, KERAS_VERSION


def save(model: Model, path: PathLike, weights_path: PathLike, *, notes: Mapping[str, str] | None = None) -> None:
    """Write a model to `path`, for `model_from_json`, and `weights_path`, a `.weights.h5`, for `load_weights`.

    notes: further entries of the JSON, which Keras leaves unread.
    Raises SaveError for a layer that Keras 3 cannot express so, writing nothing.
    """
    expressible.check(model, "keras3")
    check_assets(model)
    document = express(architecture.serialize_model(model))
    document |= {"keras_version": KERAS_VERSION["keras3"], "backend": BACKEND, **(notes or {})}
    with replacing_file(weights_path) as temporary_weights, replacing_file(path) as temporary:
        archive_write.save_weights(model, temporary_weights)
        temporary.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
