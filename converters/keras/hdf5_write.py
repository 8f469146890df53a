"""Writes whole models and weights to HDF5, in the form of Keras 3 or Keras 2."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import h5py

from kcompat.config import CLASSES
from kcompat.errors import SaveError
from kcompat.layers.base import walk
from kcompat.models import Model

from ..files import PathLike, replacing_file
from . import architecture, expressible, keras2_write, optimizer_state, training_config, weights_legacy_write
from .keras3_forms import express
from .parse import is_model
from .weights_legacy_write import BACKEND, KERAS_VERSION, Form


def save(
    model: Model,
    path: PathLike,
    *,
    form: Form = "keras3",
    include_optimizer: bool = True,
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write a model to an `.h5` file; an existing file is replaced at once.

    form: "keras3", or "keras2", which TensorFlow's Keras up to 2.15 and tf_keras load.
    notes: further attributes of the file, which Keras leaves unread.
    Raises SaveError for a layer or a setting that this Keras cannot express, leaving an existing file as it is.
    """
    expressible.check(model, form)
    check_assets(model)
    document = architecture.serialize_model(model)
    described = keras2_write.model_document(document) if form == "keras2" else _legacy_document(express(document))
    settings = training_config.for_hdf5(model.training_state, form) if include_optimizer else None
    with replacing_file(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs["keras_version"] = KERAS_VERSION[form].encode()
        file.attrs["backend"] = BACKEND.encode()
        file.attrs["model_config"] = json.dumps(described).encode()
        for key, text in (notes or {}).items():
            file.attrs[key] = text.encode()
        weights_legacy_write.save(model, file.create_group("model_weights"), form=form)
        if settings is not None:
            file.attrs["training_config"] = json.dumps(settings[0]).encode()
            optimizer_state.write_legacy(file, settings[1])


def save_weights(model: Model, path: PathLike, *, form: Form = "keras3") -> None:
    """Write a model's weights alone to an `.h5` file, one group per layer."""
    with replacing_file(path) as temporary, h5py.File(temporary, "w") as file:
        weights_legacy_write.save(model, file, form=form)


def check_assets(model: Model) -> None:
    """Raises SaveError for a layer with files of its own, which HDF5 has no place for."""
    for layer in walk(model):
        if layer.stored_assets():
            raise SaveError(
                f"{layer}: its vocabulary is not in its config, and HDF5 has no other place for it; save as .keras, or "
                "make the layer with vocabulary=layer.get_vocabulary()"
            )


def _legacy_document(document: dict[str, Any]) -> dict[str, Any]:
    """Keras 3's form for HDF5: layers without module, registered name and build config."""
    config = document["config"]
    layers = [_legacy_layer(item) for item in config["layers"]]
    return {"class_name": document["class_name"], "config": {**config, "layers": layers}}


def _legacy_layer(item: dict[str, Any]) -> dict[str, Any]:
    lost = _lost(item, _without_misread(item))
    if lost is not None:
        name = f"layer '{item['config'].get('name')}' ({item['class_name']})"
        raise SaveError(f"{name}: {lost} when Keras 3 loads an .h5 file; save as .keras")
    described: dict[str, Any] = {key: item[key] for key in ("name", "inbound_nodes") if key in item}
    described = {"config": _without_misread(item), **described}
    described = {"class_name": _python_name(item["class_name"]), **described}
    return {**described, **_legacy_document(item)} if is_model(item) else described


def _python_name(class_name: str) -> str:
    """The name of the class itself, which HDF5 files have where archives have the one it is published under."""
    cls = CLASSES["keras.layers"].get(class_name)
    return cls.__name__ if cls is not None and cls.keras_name == class_name else class_name


def _without_misread(item: dict[str, Any]) -> dict[str, Any]:
    """The config without words that would be taken for functions and are the layer's defaults anyway."""
    cls = CLASSES["keras.layers"].get(item["class_name"])
    fields = cls.fields if cls is not None else {}
    return {
        key: value
        for key, value in item["config"].items()
        if not (_is_function(key, value) and key in fields and fields[key].default == value)
    }


def _is_function(key: str, value: Any) -> bool:
    return key != "name" and isinstance(value, str) and value in _FUNCTIONS


_FUNCTIONS = frozenset({"add", "average", "concatenate", "dot", "maximum", "minimum", "multiply", "subtract"})


def _lost(item: dict[str, Any], config: dict[str, Any]) -> str | None:
    """What Keras's loader of this form does not find, leaves out, or takes for a function of keras.layers.

    Source: `model_from_config` in keras/src/legacy/saving/saving_utils.py, and serialization.py there.
    """
    if ".ops" in (item.get("module") or ""):
        return "operations are not found"
    axis = config.get("axis", 0)
    if not isinstance(axis, int) and not (isinstance(axis, (list, tuple)) and len(axis) == 1):
        return f"axis {axis} is lost"
    for key, value in config.items():
        if _is_function(key, value):
            return f"'{key}' = '{value}' is misread"
    return None
