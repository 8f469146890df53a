"""Whole models and weights in HDF5 files of Keras 1, 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import FormatError, LoadError
from kcompat.models import Model
from kcompat.models.training_state import TrainingState

from ..files import Group, Hdf5File, open_hdf5, parse_json
from . import hdf5_weights, optimizer_state, weights_v3
from .reader import generation_of, model_from_config
from .spec import Writer


def load_model(
    path: Any,
    custom_objects: Mapping[str, Any] | None,
    compile: bool,
    original_backend: str | None,
    image_dim_ordering: str | None = None,
) -> Model:
    """A model with its weights from a whole-model HDF5 file."""
    with open_hdf5(path) as root:
        if "model_config" not in root.attrs:
            raise FormatError(_no_architecture(root))
        document = parse_json(root.attr_text("model_config"), f"{root.where}: model_config")
        if not isinstance(document, Mapping):
            raise FormatError(f"{root.where}: model_config must be an object, received {type(document).__name__}")
        weights = root.group("model_weights") if "model_weights" in root else root
        writer = _writer(weights, root, document, original_backend)
        model = model_from_config(document, custom_objects, _version(root), image_dim_ordering)
        hdf5_weights.load(model, weights, writer)
        if compile:
            model.training_state = _training_state(root, writer.generation)
    return model


def load_weights(
    model: Model,
    path: Any,
    *,
    by_name: bool,
    skip_mismatch: bool,
    original_backend: str | None,
) -> None:
    """Fill a model from any HDF5 file with weights: whole model, weights alone, or Keras 3's layout."""
    with open_hdf5(path) as root:
        group = (
            root.group("model_weights") if "model_weights" in root and not root.has_attr_list("layer_names") else root
        )
        if group.has_attr_list("layer_names"):
            writer = _writer(group, root, {}, original_backend)
            hdf5_weights.load(model, group, writer, by_name=by_name, skip_mismatch=skip_mismatch)
        elif by_name:
            raise LoadError(
                f"{root.where}: by_name=True needs a file with layer names; this one is in Keras 3's layout"
            )
        else:
            weights_v3.load(model, root, skip_mismatch=skip_mismatch)


def _no_architecture(root: Hdf5File) -> str:
    if root.has_attr_list("layer_names") or "layers" in root or "_layer_checkpoint_dependencies" in root:
        return (
            f"{root.where}: holds weights alone, without the architecture; build the model "
            "(in code, or with model_from_json) and call model.load_weights on this file"
        )
    return f"{root.where}: is an HDF5 file without a Keras model: it has no attribute model_config"


def _text(group: Group, name: str) -> str | None:
    return group.attr_text(name) if name in group.attrs else None


def _version(root: Group) -> str | None:
    inner = root.group("model_weights") if "model_weights" in root else root
    return _text(root, "keras_version") or _text(inner, "keras_version")


def _writer(weights: Group, root: Group, document: Mapping[str, Any], original_backend: str | None) -> Writer:
    """Files of Keras 1 record no backend, and before 1.1 or so no version either."""
    version = _text(weights, "keras_version") or _text(root, "keras_version") or "1"
    backend = original_backend or _text(weights, "backend") or _text(root, "backend")
    generation = 1 if version.startswith(("0", "1")) else generation_of(document, version)
    return Writer(generation, version, backend)


def _training_state(root: Hdf5File, generation: int) -> TrainingState | None:
    text = _text(root, "training_config")
    config = parse_json(text, f"{root.where}: training_config") if text else None
    if not isinstance(config, dict):
        return None
    form = "keras3" if generation == 3 else "keras2"
    return TrainingState(config, form, optimizer_state.read_legacy(root))
