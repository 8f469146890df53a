"""Architecture of any Keras generation -> Model without weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kcompat.errors import ConfigError
from kcompat.models import Model

from ..files import parse_json
from . import keras1, keras3_forms
from .build import build_model
from .parse import parse_model
from .spec import Writer


def model_from_json(
    text: str | bytes, custom_objects: Mapping[str, Any] | None = None, image_dim_ordering: str | None = None
) -> Model:
    """A model from architecture JSON, as `to_json` of any Keras generation wrote it."""
    document = parse_json(text, "architecture JSON")
    if not isinstance(document, Mapping):
        raise ConfigError(f"architecture JSON must be an object, received {type(document).__name__}")
    return model_from_config(document, custom_objects, image_dim_ordering=image_dim_ordering)


def model_from_config(
    document: Mapping[str, Any],
    custom_objects: Mapping[str, Any] | None = None,
    keras_version: str | None = None,
    image_dim_ordering: str | None = None,
) -> Model:
    """A model from `{"class_name": ..., "config": ...}`.

    keras_version: what the file says; otherwise the document's own `keras_version`, otherwise its
    form, decides the generation.
    """
    version = keras_version or document.get("keras_version")
    if keras1.is_keras1(document, version):
        document = keras1.upgrade(document, image_dim_ordering=image_dim_ordering, keras_version=version)
        writer = Writer(1, str(version or "1"))
    else:
        writer = Writer(generation_of(document, version), str(version or ""))
        document = keras3_forms.restore(document) if writer.generation == 3 else document
    model = build_model(parse_model(document, writer), custom_objects or {})
    if writer.generation < 3:
        from . import masks

        masks.settle(model)
    return model


def generation_of(document: Mapping[str, Any], version: Any) -> int:
    """2 or 3: by the version written, else by forms that only Keras 3 has."""
    if isinstance(version, str) and version[:1].isdigit():
        return 3 if int(version.split(".")[0]) >= 3 else 2
    return 3 if _has_keras3_forms(document) else 2


def _has_keras3_forms(document: Any) -> bool:
    """Keras 3 alone writes `batch_shape` and calls as objects with args."""
    pending = [document]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            if item.get("class_name") == "InputLayer" and "batch_shape" in (item.get("config") or {}):
                return True
            if "args" in item and "kwargs" in item:
                return True
            pending.extend(item.values())
        elif isinstance(item, list):
            pending.extend(item)
    return False
