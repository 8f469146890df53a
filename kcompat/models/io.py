"""Reading and writing models: the face of `kcompat.converters`, which is imported on first use."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from ..registration import CustomObjectScope, in_effect
from ..settings import epsilon, floatx, image_data_format

if TYPE_CHECKING:
    from .model import Model
    from .training import TrainableModel
    from .training_state import TrainingState


def load_model(
    filepath: Any,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    original_backend: str | None = None,
    image_dim_ordering: str | None = None,
    external_data_dir: Any = None,
) -> Model:
    """A model from a file of any format and Keras generation; the content decides, not the name.

    custom_objects: classes by name, for layers that kcompat does not have, beside those registered
    with `keras.saving`. compile: keep the file's training settings. original_backend: "theano" or
    "tensorflow", for Keras 1 files, which do not record it although it decides the orientation of
    convolution kernels. image_dim_ordering: "tf" (channels last) or "th" (channels first), for Keras 1
    files with layers that do not record it. external_data_dir: the folder with the external data of an
    ONNX file, if it is not the file's own.
    safe_mode is always on: nothing in a file is ever executed.
    Raises LoadError naming file, layer and key.
    """
    options: dict[str, Any] = {
        "compile": compile,
        "original_backend": original_backend,
        "image_dim_ordering": image_dim_ordering,
        "external_data_dir": external_data_dir,
    }
    with CustomObjectScope(custom_objects):
        known = in_effect()
        content = None if known or external_data_dir is not None else _content(filepath)
        if content is None:
            return _read(filepath, known, options)
        return _kept_or_read(filepath, content, options)


def _kept_or_read(filepath: Any, content: memoryview, options: Mapping[str, Any]) -> Model:
    """The model of a file that names no class of the caller's, ready to predict if it has run before."""
    from ..executor import kept
    from .prepared import open_prepared

    decisive = {name: value for name, value in options.items() if name != "compile"}
    folder = kept.folder_of(content, decisive, floatx(), image_data_format(), epsilon())

    def read() -> Model:
        from .keeping import Keeping

        model = _read(filepath, {}, options, content)
        if model.is_self_contained:
            model.keeping = Keeping(folder, model)
        return model

    prepared = open_prepared(folder, read)
    return read() if prepared is None else cast("Model", prepared)


def _content(filepath: Any) -> memoryview | None:
    """What a file holds, if its code may be kept; None for what is no regular file."""
    import numpy as np

    from ..executor import kept

    if os.environ.get("KCOMPAT_KEEP_MODELS") == "0":
        return None
    try:
        status = os.stat(filepath)
        if not stat.S_ISREG(status.st_mode) or status.st_size > kept.LARGEST:
            return None
        with open(filepath, "rb", buffering=0) as file:
            memory = np.empty(status.st_size, np.uint8).data
            return memory if file.readinto(memory) == status.st_size else None
    except (OSError, TypeError, ValueError):  # the reader says what is wrong
        return None


def _read(
    filepath: Any, custom_objects: Mapping[str, Any], options: Mapping[str, Any], content: memoryview | None = None
) -> Model:
    """The model of a file. content: what the file holds, if that is in memory."""
    from .. import converters

    model = converters.load(filepath, custom_objects=custom_objects, content=content, **options)
    if model.training_state is not None:
        model.training_state.custom_objects = custom_objects
    return model


def save_model(model: Model, filepath: Any, overwrite: bool = True, **options: Any) -> None:
    """Write a model. The format follows the name: `.keras`, `.h5`/`.hdf5`, `.onnx`; see `kcompat.converters.save`."""
    from .. import converters

    converters.save(model, filepath, overwrite=overwrite, **options)


def export(model: Model, filepath: Any, **options: Any) -> None:
    """Write what a model computes as ONNX; see `kcompat.converters.onnx.save_model`."""
    from ..converters import onnx

    onnx.save_model(model, filepath, **options)


def save_weights(model: Model, filepath: Any, overwrite: bool = True, **options: Any) -> None:
    """Write weights: `.weights.h5` in the form of Keras 3, any other `.h5` in that of Keras 2."""
    from .. import converters

    converters.save_weights(model, filepath, overwrite=overwrite, **options)


def load_weights(
    model: Model,
    filepath: Any,
    by_name: bool = False,
    skip_mismatch: bool = False,
    original_backend: str | None = None,
) -> None:
    """Fill a model's weights from a weights file or a whole-model file of any generation.

    by_name: only layers whose names occur on both sides. skip_mismatch: leave layers whose shapes
    differ as they are, with a warning. Raises WeightMismatchError, changing nothing.
    """
    from .. import converters

    converters.load_weights(
        model, filepath, by_name=by_name, skip_mismatch=skip_mismatch, original_backend=original_backend
    )


def model_from_json(
    text: str, custom_objects: Mapping[str, Any] | None = None, image_dim_ordering: str | None = None
) -> Model:
    """A model without weights from architecture JSON of any generation; arguments as for `load_model`."""
    from ..converters.keras import reader

    with CustomObjectScope(custom_objects):
        return reader.model_from_json(text, in_effect(), image_dim_ordering)


def model_from_config(config: Mapping[str, Any], custom_objects: Mapping[str, Any] | None = None) -> Model:
    """A model from `{"class_name": ..., "config": ...}` of any generation."""
    from ..converters.keras import reader

    with CustomObjectScope(custom_objects):
        return reader.model_from_config(config, in_effect())


def to_json(model: Model, **json_arguments: Any) -> str:
    """A model's architecture as Keras 3 JSON."""
    import json

    from ..converters.keras import architecture

    return json.dumps(architecture.serialize_model(model), **json_arguments)


def restore_training(model: TrainableModel, state: TrainingState) -> None:
    """Compile a model with the settings and the optimizer variables of a file of any generation."""
    from ..converters.keras import training_reading

    with CustomObjectScope(state.custom_objects):
        training_reading.restore(model, state)
