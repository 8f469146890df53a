"""A `.keras` archive or its unzipped folder, behind one interface. Nothing is extracted to disk."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from kcompat.errors import FormatError, UnsafeFileError

from .bounded_json import parse_json
from .hdf5 import Hdf5File, open_hdf5
from .kinds import FileKind, sniff, wrong_file
from .limits import DEFAULT_LIMITS, Limits
from .source import FileSource, MemorySource, PathLike, Source
from .zip_directory import STORED, Entry, check_stored_crc, read_directory, read_entry, stored_bytes

if TYPE_CHECKING:
    from .npz import Arrays


class _Members(Protocol):
    """Where the members of an archive come from."""

    label: str

    def names(self) -> list[str]: ...

    def size(self, name: str) -> int: ...

    def stored_size(self, name: str) -> int: ...

    def read(self, name: str) -> bytes: ...

    def source(self, name: str) -> Source: ...

    def close(self) -> None: ...


class Archive(AbstractContextManager["Archive"]):
    """The members of a `.keras` file or folder by name, with forward slashes: `assets/vocabulary.txt`."""

    def __init__(self, members: _Members, limits: Limits) -> None:
        self._members = members
        self._names = frozenset(members.names())
        self._limits = limits
        self.label = members.label

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def names(self) -> list[str]:
        """The names of all files in the archive, folders aside, sorted."""
        return sorted(self._names)

    def size(self, name: str) -> int:
        """Bytes of a member once decompressed."""
        self._require(name)
        return self._members.size(name)

    def read(self, name: str, limit: int | None = None) -> bytes:
        """A member's content, its checksum verified.

        Raises:
            FormatError: there is no such member, or it is damaged.
            UnsafeFileError: it has more than `limit` bytes.
        """
        size = self.size(name)
        if limit is not None and size > limit:
            raise UnsafeFileError(f"{self.label}: member {name!r} has {size} bytes, more than the {limit} allowed.")
        return self._members.read(name)

    def read_json(self, name: str) -> Any:
        """A JSON member, parsed within the limits."""
        text = self.read(name, self._limits.json_bytes)
        return parse_json(text, f"{self.label}: {name}", self._limits)

    def read_npz(self, name: str) -> Arrays:
        """The arrays of an `.npz` member by name."""
        from .npz import parse_npz

        return parse_npz(self._source(name), self._limits)

    def open_hdf5(self, name: str, *, mapped: bool = False) -> Hdf5File:
        """An HDF5 member; see `open_hdf5`. A stored one is read in place, without a copy of the whole."""
        source = self._source(name)
        # What the zip has used up of the ratio is not there for the chunks inside.
        ratio = self._limits.expansion_ratio * self._members.stored_size(name) // max(source.size, 1)
        return open_hdf5(source, replace(self._limits, expansion_ratio=max(ratio, 1)), mapped=mapped)

    def close(self) -> None:
        self._members.close()

    def _source(self, name: str) -> Source:
        self._require(name)
        return self._members.source(name)

    def _require(self, name: str) -> None:
        if name not in self._names:
            present = ", ".join(map(repr, self.names()[:20])) or "none"
            raise FormatError(f"{self.label}: has no member {name!r}; present: {present}.")


def open_archive(file: PathLike | Source, limits: Limits = DEFAULT_LIMITS) -> Archive:
    """Opens a `.keras` file, or the folder it was unzipped to.

    Raises:
        FormatError: it is neither, or it is damaged.
        UnsafeFileError: a member leads out of it, is encrypted, there twice, or exceeds `limits`.
    """
    if isinstance(file, (FileSource, MemorySource)):
        return _open_zip(file, limits)
    if os.path.isdir(file):
        if sniff(file) is not FileKind.KERAS_DIR:
            raise wrong_file(file, "a .keras archive or its unzipped folder")
        from .archive_folder import FolderMembers

        return Archive(FolderMembers(file, limits), limits)
    return _open_zip(FileSource(file), limits)


def _open_zip(source: Source, limits: Limits) -> Archive:
    try:
        if source.size < 4 or source.read(0, 4) != b"PK\x03\x04":
            raise wrong_file(source, "a .keras archive")
        return Archive(_ZipMembers(source, limits), limits)
    except BaseException:
        source.close()
        raise


class _ZipMembers:
    def __init__(self, source: Source, limits: Limits) -> None:
        self._source = source
        self._entries: dict[str, Entry] = {
            entry.name: entry for entry in read_directory(source, limits) if not entry.name.endswith("/")
        }
        self.label = source.label

    def names(self) -> list[str]:
        return list(self._entries)

    def size(self, name: str) -> int:
        return self._entries[name].size

    def stored_size(self, name: str) -> int:
        return self._entries[name].stored_size

    def read(self, name: str) -> bytes:
        return read_entry(self._source, self._entries[name])

    def source(self, name: str) -> Source:
        entry = self._entries[name]
        label = f"{self.label}: {name}"
        if entry.method != STORED:
            return MemorySource(self.read(name), label)
        start, size = stored_bytes(self._source, entry)
        check_stored_crc(self._source, entry, start)
        return self._source.part(start, size, label)

    def close(self) -> None:
        self._source.close()
