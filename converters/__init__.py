"""Reading, writing and converting model files. The content of a file decides its format, not its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kcompat.errors import ArgumentError, FormatError, LoadError
from kcompat.models import Model

from .files import FileKind, sniff, wrong_file


def load(
    path: Any,
    *,
    custom_objects: Mapping[str, Any] | None = None,
    compile: bool = True,
    original_backend: str | None = None,
) -> Model:
    """A model from a file of any supported format; see `kcompat.models.load_model`."""
    if original_backend not in (None, "theano", "tensorflow"):
        raise ArgumentError(f"original_backend must be 'theano' or 'tensorflow', received {original_backend!r}")
    kind = sniff(path)
    try:
        return _load(path, kind, custom_objects, compile, original_backend)
    except LoadError as error:
        raise _located(error, path) from error


def _load(
    path: Any, kind: FileKind, custom_objects: Mapping[str, Any] | None, compile: bool, original_backend: str | None
) -> Model:
    if kind is FileKind.HDF5:
        from .keras import hdf5_model

        return hdf5_model.load_model(path, custom_objects, compile, original_backend)
    if kind in (FileKind.KERAS_ZIP, FileKind.KERAS_DIR):
        from .keras import archive_model

        return archive_model.load_model(path, custom_objects, compile)
    if kind is FileKind.JSON:
        raise FormatError(
            f"{path}: is JSON without weights; use model_from_json on its text, then load_weights on the weights file"
        )
    raise wrong_file(path, "a Keras model (.keras, .h5)")


def load_weights(
    model: Model,
    path: Any,
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
    original_backend: str | None = None,
) -> None:
    """Fill a model's weights from a file; see `kcompat.models.io.load_weights`."""
    kind = sniff(path)
    try:
        if kind is FileKind.HDF5:
            from .keras import hdf5_model

            hdf5_model.load_weights(
                model, path, by_name=by_name, skip_mismatch=skip_mismatch, original_backend=original_backend
            )
        else:
            raise wrong_file(path, "a weights file (.weights.h5, .h5)")
    except LoadError as error:
        raise _located(error, path) from error


def _located(error: LoadError, path: Any) -> LoadError:
    """The error with the file's name, if it does not say it yet."""
    name = Path(str(path)).name
    return error if name in str(error) else type(error)(f"{path}: {error}")
