"""Tensor data that lies in files beside the model.

Such a file is read only inside one folder: the model's, or the one that the caller names. Links are
followed first, and where they end must still be inside; what is there must be a regular file with a single
name, or a hard link could smuggle one in. Sources: onnx/docs/ExternalDataSecurity.md, CVE-2022-25882,
CVE-2024-27318, CVE-2026-34445, CVE-2026-34446.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from kcompat.errors import FormatError, UnsafeFileError

from ..files.source import FileSource

KEYS = ("location", "offset", "length", "checksum")


class ExternalData:
    """The files of one model; `folder` is None for a model that is not in a file."""

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        self.folder = None if folder is None else Path(os.path.realpath(folder))
        self.was_read = False
        self._sources: dict[str, FileSource] = {}

    def read(self, entries: Iterable[tuple[str, str]], expected: int, what: str) -> bytes:
        """The bytes that an `external_data` field names; there must be exactly `expected` of them.

        Raises UnsafeFileError for anything outside the folder, FormatError for what is malformed or missing.
        """
        fields: dict[str, str] = {}
        for key, value in entries:
            if key not in KEYS or key in fields:
                raise UnsafeFileError(f"{what}: external data has the key {key!r}; known, once each: {', '.join(KEYS)}")
            fields[key] = value
        if "location" not in fields:
            raise FormatError(f"{what}: external data names no location")
        source = self._source(fields["location"], what)
        self.was_read = True
        offset = _number(fields.get("offset", "0"), "offset", what)
        length = _number(fields["length"], "length", what) if "length" in fields else expected
        if length != expected:
            raise FormatError(f"{what}: external data of {length} bytes, its shape and dtype take {expected}")
        return bytes(source.read(offset, length))

    def close(self) -> None:
        for source in self._sources.values():
            source.close()
        self._sources.clear()

    def _source(self, location: str, what: str) -> FileSource:
        if location not in self._sources:
            self._sources[location] = FileSource(self._path(location, what), label=f"{what}: external data {location}")
        return self._sources[location]

    def _path(self, location: str, what: str) -> Path:
        if self.folder is None:
            raise UnsafeFileError(
                f"{what}: its data is in the file {location!r}, but the model itself is not in a file"
            )
        if "\0" in location or "\\" in location or os.path.isabs(location) or not location.strip():
            raise UnsafeFileError(f"{what}: external data at {location!r}; a path below the model's folder is allowed")
        path = Path(os.path.realpath(self.folder / location))
        if self.folder not in path.parents:
            raise UnsafeFileError(
                f"{what}: external data at {location!r} is outside {self.folder}; if that is intended, "
                "pass the folder that holds it as external_data_dir"
            )
        if not path.is_file():
            raise FormatError(f"{what}: its data is in {location!r}, which is no file in {self.folder}")
        if path.stat().st_nlink != 1:
            raise UnsafeFileError(f"{what}: external data {location!r} has several names (hard links); copy the file")
        return path


def _number(text: str, key: str, what: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise FormatError(f"{what}: external data has {key} {text!r}, a number of bytes is needed")
    return int(text)
