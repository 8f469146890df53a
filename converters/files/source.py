"""Random access to the bytes of a file, of a part of a file, or of memory."""

from __future__ import annotations

import mmap
import os
import stat
import threading
from typing import BinaryIO

from kcompat.errors import ArgumentError, FormatError

PathLike = str | os.PathLike[str]


class MemorySource:
    """Bytes that are in memory already. `label` names them in messages."""

    def __init__(self, data: bytes | bytearray | memoryview, label: str = "<memory>") -> None:
        self._data = memoryview(data).cast("B").toreadonly()
        self.label = label
        self.size = len(self._data)

    def read(self, offset: int, size: int) -> memoryview:
        """Exactly `size` bytes from `offset`; FormatError if there are fewer."""
        check_range(self, offset, size)
        return self._data[offset : offset + size]

    map = read

    def part(self, start: int, size: int, label: str) -> MemorySource:
        """A source of its own for `size` bytes from `start`."""
        return MemorySource(self.read(start, size), label)

    def close(self) -> None:
        """Nothing to give up."""


class FileSource:
    """A regular file, or the `size` bytes of it that start at `start`.

    Raises:
        FormatError: there is no such file, it is no regular file, or it is shorter than that.
    """

    def __init__(self, path: PathLike, start: int = 0, size: int | None = None, label: str | None = None) -> None:
        self.label = label or os.fspath(path)
        self._path = path
        self._file, length = open_regular(path, self.label)
        self._lock = threading.Lock()
        self._start = start
        self.size = length - start if size is None else size
        if not 0 <= start <= start + self.size <= length:
            self._file.close()
            raise FormatError(
                f"{self.label}: needs bytes {start} to {start + self.size} of {os.fspath(path)}, which has "
                f"{length}. The file is truncated; fetch it again."
            )

    def read(self, offset: int, size: int) -> bytes:
        """Exactly `size` bytes from `offset`; FormatError if there are fewer."""
        check_range(self, offset, size)
        try:
            with self._lock:
                self._file.seek(self._start + offset)
                data = self._file.read(size)
        except ValueError:
            raise ArgumentError(
                f"{self.label}: read after the file was closed. Read datasets inside the `with` block."
            ) from None
        except OSError as error:
            raise FormatError(f"{self.label}: cannot read {size} bytes at {offset}: {error}") from error
        if len(data) != size:
            raise FormatError(
                f"{self.label}: {size} bytes expected at {offset}, {len(data)} found. The file was shortened "
                "while it was read; load it again."
            )
        return data

    def map(self, offset: int, size: int) -> memoryview:
        """Maps the pages of the file.

        Renaming or deleting the file leaves the mapping intact, so kcompat's own saves do.
        Writing into the file changes the array, and shortening it lets the operating system
        kill the process that touches the lost pages: Keras and h5py do both when they save
        over a file. Hence nothing is mapped unless the caller asks for it.
        """
        check_range(self, offset, size)
        begin = self._start + offset
        skip = begin % mmap.ALLOCATIONGRANULARITY
        try:
            with self._lock:
                pages = mmap.mmap(self._file.fileno(), size + skip, access=mmap.ACCESS_READ, offset=begin - skip)
        except (OSError, ValueError):  # a file system without mmap, or a file closed or shortened by now
            return memoryview(self.read(offset, size))
        return memoryview(pages)[skip:]

    def part(self, start: int, size: int, label: str) -> FileSource:
        """A source of its own for `size` bytes from `start`, which can outlive this one."""
        check_range(self, start, size)
        part = FileSource(self._path, self._start + start, size, label)
        if not os.path.samestat(os.fstat(part._file.fileno()), os.fstat(self._file.fileno())):
            part.close()
            raise FormatError(f"{label}: the file was replaced while it was read; load it again.")
        return part

    def close(self) -> None:
        """Gives up the file. Mapped memory stays valid."""
        self._file.close()


Source = FileSource | MemorySource


def check_range(source: Source, offset: int, size: int) -> None:
    """Raises FormatError unless `size` bytes lie at `offset`."""
    if offset < 0 or size < 0 or offset + size > source.size:
        raise FormatError(
            f"{source.label}: points at bytes {offset} to {offset + size}, outside its {source.size} bytes. "
            "The file is truncated or damaged; fetch it again."
        )


def open_regular(path: PathLike, label: str | None = None) -> tuple[BinaryIO, int]:
    """Opens a regular file and gives its size. Pipes and devices are refused before they can block.

    Raises:
        FormatError: there is no such file, or it is no regular file, or it cannot be read.
    """
    label = label or os.fspath(path)
    try:
        _require_regular(os.stat(path), label)
        file = open(path, "rb")  # noqa: SIM115 -- handed to the caller
    except FormatError:
        raise
    except FileNotFoundError:
        raise FormatError(f"{label}: no such file. Check the path; it was {os.fspath(path)!r}.") from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise FormatError(f"{label}: cannot be opened: {error}") from error
    status = os.fstat(file.fileno())
    if not stat.S_ISREG(status.st_mode):
        file.close()
    _require_regular(status, label)
    return file, status.st_size


def _require_regular(status: os.stat_result, label: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = "a directory" if stat.S_ISDIR(status.st_mode) else "no regular file"
        raise FormatError(f"{label}: is {kind}; a file was expected here.")
