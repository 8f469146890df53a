"""Reading, writing and converting model files. The content of a file decides its format, not its name."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from kcompat.catalogue import on_demand
from kcompat.errors import ArgumentError, FormatError, LoadError, SaveError

from .files.kinds import FileKind, sniff, sniff_source, wrong_file
from .files.source import MemorySource

if TYPE_CHECKING:
    from kcompat.models import Model

    from .batch import convert_folder as convert_folder
    from .checking import check as check
    from .conversion import convert as convert
    from .conversion import diff as diff

_NAMES = {"check": "checking", "convert": "conversion", "convert_folder": "batch", "diff": "conversion"}
"""Public name -> the file that defines it; imported on first use."""

__all__ = ["check", "convert", "convert_folder", "diff", "load", "load_weights", "save", "save_weights"]
__getattr__ = on_demand(__name__, _NAMES)[0]


def load(
    path: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    original_backend: str | None = None,
    image_dim_ordering: str | None = None,
    external_data_dir: Any = None,
    content: memoryview | None = None,
) -> Model:
    """A model from a file of any supported format; see `kcompat.models.load_model`.

    content: what the file holds, if it has been read already.
    """
    _check_choice("original_backend", original_backend, ("theano", "tensorflow"))
    _check_choice("image_dim_ordering", image_dim_ordering, ("th", "tf"))
    source = path if content is None else MemorySource(content, os.fspath(path))
    kind = sniff(path) if content is None else sniff_source(source)
    with _located(path):
        if kind is FileKind.HDF5:
            from .keras import hdf5_model

            return hdf5_model.load_model(source, custom_objects, compile, original_backend, image_dim_ordering)
        if kind in (FileKind.KERAS_ZIP, FileKind.KERAS_DIR):
            from .keras import archive_model

            return archive_model.load_model(source, custom_objects, compile)
        if kind in (FileKind.SAVEDMODEL_DIR, FileKind.TF_SAVEDMODEL_PB):
            from .keras import saved_model

            if kind is FileKind.TF_SAVEDMODEL_PB:
                raise saved_model.refusal_of_a_lone_file(path)
            return saved_model.load_model(path, custom_objects, compile)
        if kind is FileKind.ONNX:
            from . import onnx

            return onnx.load_model(path, external_data_dir, content)
        if kind is FileKind.JSON:
            raise FormatError(
                f"{path}: is JSON without weights; use model_from_json on its text, "
                "then load_weights on the weights file"
            )
        raise wrong_file(path, "a model (.keras, .h5, .onnx, SavedModel)")


def load_weights(
    model: Model,
    path: Any,
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
    original_backend: str | None = None,
) -> None:
    """Fill a model's weights from a file; see `kcompat.models.io.load_weights`."""
    _check_choice("original_backend", original_backend, ("theano", "tensorflow"))
    kind = sniff(path)
    with _located(path):
        if kind is FileKind.HDF5:
            from .keras import hdf5_model

            hdf5_model.load_weights(
                model, path, by_name=by_name, skip_mismatch=skip_mismatch, original_backend=original_backend
            )
        elif kind in (FileKind.KERAS_ZIP, FileKind.KERAS_DIR, FileKind.WEIGHTS_INDEX) and not by_name:
            from .keras import archive_model

            archive_model.load_weights(model, path, kind, skip_mismatch=skip_mismatch)
        elif by_name:
            raise wrong_file(path, "an HDF5 file with layer names (by_name=True)")
        else:
            raise wrong_file(path, "a weights file (.weights.h5, .weights.json, .h5, .keras)")


def save(
    model: Model,
    path: Any,
    *,
    overwrite: bool = True,
    include_optimizer: bool = True,
    form: str = "keras3",
    **onnx_options: Any,
) -> None:
    """Write a model: `.keras`, `.onnx`, or `.h5`/`.hdf5` in the form of Keras 3 or (form="keras2") of Keras 2.

    onnx_options: as for `onnx.save_model`, for `.onnx` alone.
    Raises SaveError for what the format cannot express and for any other ending; an existing file
    is replaced only when the new one is complete.
    """
    _check_choice("form", form, ("keras2", "keras3"))
    _check_overwrite(path, overwrite)
    ending = _ending(path)
    if onnx_options and ending != ".onnx":
        raise ArgumentError(f"{path}: {', '.join(onnx_options)} is for .onnx files")
    if ending == ".onnx":
        from . import onnx

        onnx.save_model(model, path, **onnx_options)
    elif ending in HDF5_ENDINGS:
        from .keras import hdf5_write

        hdf5_write.save(
            model, path, form="keras2" if form == "keras2" else "keras3", include_optimizer=include_optimizer
        )
    elif ending == ".keras":
        if form == "keras2":
            raise SaveError(f"{path}: form='keras2' is for .h5 files; .keras files are written as Keras 3 does")
        from .keras import archive_write

        archive_write.save(model, path, include_optimizer=include_optimizer)
    else:
        raise SaveError(f"{path}: a model is saved as .keras, .h5 or .onnx, received the ending '{ending}'")


def save_weights(model: Model, path: Any, *, overwrite: bool = True, form: str = "keras3") -> None:
    """Write weights: `.weights.h5` in Keras 3's layout, any other `.h5` with one group per layer."""
    _check_choice("form", form, ("keras2", "keras3"))
    _check_overwrite(path, overwrite)
    if str(path).endswith(".weights.h5"):
        from .keras import archive_write

        archive_write.save_weights(model, path)
    elif _ending(path) in HDF5_ENDINGS:
        from .keras import hdf5_write

        hdf5_write.save_weights(model, path, form="keras2" if form == "keras2" else "keras3")
    else:
        raise SaveError(f"{path}: weights are saved as .weights.h5 or .h5, received the ending '{_ending(path)}'")


HDF5_ENDINGS = (".h5", ".hdf5", ".hdf", ".he5")


def _ending(path: Any) -> str:
    return os.path.splitext(path)[1].lower()


def _check_choice(name: str, value: str | None, choices: tuple[str, ...]) -> None:
    if value is not None and value not in choices:
        raise ArgumentError(f"{name} must be one of {', '.join(map(repr, choices))}, received {value!r}")


def _check_overwrite(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise SaveError(f"{path}: exists; pass overwrite=True to replace it")


@contextmanager
def _located(path: Any) -> Iterator[None]:
    """Errors inside name the file, if they do not yet."""
    try:
        yield
    except LoadError as error:
        if os.path.basename(os.path.normpath(path)) in str(error):
            raise
        raise type(error)(f"{path}: {error}") from error
