"""Who wrote a model file, and when, as far as the file says so."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .files import FileKind, FileSource, Group, PathLike, open_archive, open_hdf5, read_json, sniff
from .files import describe as name_of
from .files.wire import Message

ORIGIN = "kcompat_origin"
"""The attribute, or key, under which Keras's formats keep the note of origin."""


@dataclass(frozen=True)
class FileInfo:
    """Facts about a file.

    format: in words. size: bytes, of a folder that of all its files.
    keras_version, backend, saved_at: what the file records; None where it records nothing.
    producer: the program that an ONNX file names. origin: kcompat's note of what the file was converted from.
    """

    format: str
    size: int
    keras_version: str | None = None
    backend: str | None = None
    saved_at: str | None = None
    producer: str | None = None
    origin: str | None = None


def describe(path: PathLike) -> FileInfo:
    """What a file or folder is and says of its origin. Raises FormatError if it cannot be read."""
    kind, size = sniff(path), _size(Path(path))
    if kind is FileKind.HDF5:
        return _hdf5(path, size)
    if kind in (FileKind.KERAS_ZIP, FileKind.KERAS_DIR):
        return _archive(path, kind, size)
    if kind is FileKind.ONNX:
        return _onnx(path, size)
    if kind is FileKind.SAVEDMODEL_DIR:
        return _saved_model(path, size)
    if kind is FileKind.JSON:
        document = read_json(path)
        version, backend = _entry(document, "keras_version"), _entry(document, "backend")
        return FileInfo("architecture in JSON", size, version, backend, origin=_entry(document, ORIGIN))
    return FileInfo(name_of(kind), size)


def _hdf5(path: PathLike, size: int) -> FileInfo:
    with open_hdf5(path) as root:
        whole = "model_config" in root.attrs
        places: list[Group] = [root, root.group("model_weights")] if "model_weights" in root else [root]
        return FileInfo(
            "HDF5 file of a whole model" if whole else "HDF5 file of weights",
            size,
            _attribute(places, "keras_version"),
            _attribute(places, "backend"),
            origin=_attribute(places, ORIGIN),
        )


def _archive(path: PathLike, kind: FileKind, size: int) -> FileInfo:
    with open_archive(path) as archive:
        metadata = archive.read_json("metadata.json") if "metadata.json" in archive else {}
    form = ".keras archive" if kind is FileKind.KERAS_ZIP else "unzipped .keras archive"
    version, date = _entry(metadata, "keras_version"), _entry(metadata, "date_saved")
    return FileInfo(form, size, version, saved_at=date, origin=_entry(metadata, ORIGIN))


def _onnx(path: PathLike, size: int) -> FileInfo:
    """From the outermost fields alone. Source: onnx/onnx.proto3, ModelProto."""
    source = FileSource(path)
    try:
        model = Message(source.map(0, source.size), source.label)
    finally:
        source.close()
    opsets = [f"{item.text(1)} {item.integer(2)}".strip() for item in model.messages(8)]
    notes = {item.text(1): item.text(2) for item in model.messages(14)}
    producer = f"{model.text(2)} {model.text(3)}".strip() or None
    form = f"ONNX model, opset {', '.join(opsets)}" if opsets else "ONNX model"
    return FileInfo(form, size, producer=producer, origin=notes.get("origin"))


def _saved_model(path: PathLike, size: int) -> FileInfo:
    from .keras.saved_model import written_by

    return FileInfo("TensorFlow SavedModel", size, *written_by(path))


def _attribute(places: list[Group], name: str) -> str | None:
    return next((group.attr_text(name) for group in places if name in group.attrs), None)


def _entry(document: Any, key: str) -> str | None:
    value = document.get(key) if isinstance(document, Mapping) else None
    return value if isinstance(value, str) else None


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    return sum(os.lstat(Path(folder) / name).st_size for folder, _, names in os.walk(path) for name in names)
