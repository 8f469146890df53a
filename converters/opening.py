"""A model from whatever a person has: one file, or an architecture and its weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kcompat.errors import FormatError
from kcompat.models import Model, load_model, model_from_json

from .files import FileKind, sniff

ENDINGS_OF_WEIGHTS = (".weights.h5", "_weights.h5", ".h5", ".hdf5")


def open_model(
    path: Any,
    *,
    weights: Any = None,
    weights_needed: bool = True,
    custom_objects: Mapping[str, Any] | None = None,
    original_backend: str | None = None,
    image_dim_ordering: str | None = None,
    external_data_dir: Any = None,
    compile: bool = True,
) -> Model:
    """A model from a model file, or from architecture JSON and a file of weights.

    weights: a file with the weights, for JSON or to replace those in the model file. Other arguments as for
    `kcompat.load_model`. Raises LoadError; for JSON without weights unless weights_needed is False.
    """
    if sniff(path) is FileKind.JSON:
        if weights is None and weights_needed:
            raise FormatError(
                f"{path}: is an architecture without weights; name the file that has them (--weights FILE, or weights=)"
            )
        model = model_from_json(Path(path).read_text(encoding="utf-8"), custom_objects, image_dim_ordering)
    else:
        model = load_model(
            path,
            custom_objects,
            compile=compile,
            original_backend=original_backend,
            image_dim_ordering=image_dim_ordering,
            external_data_dir=external_data_dir,
        )
    if weights is not None:
        model.load_weights(weights, original_backend=original_backend)
    return model


def weights_beside(path: Path) -> Path | None:
    """The file that holds the weights for an architecture in JSON, by its name; None for what is no JSON."""
    if path.suffix.lower() != ".json":
        return None
    stems = {path.stem, path.stem.removesuffix("_architecture").removesuffix(".architecture")}
    candidates = [path.with_name(stem + ending) for stem in sorted(stems) for ending in ENDINGS_OF_WEIGHTS]
    return next((candidate for candidate in candidates if candidate.is_file()), None)
