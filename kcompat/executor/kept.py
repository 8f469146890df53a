"""Code on disk: what the model in a file ran as, so that later processes run it without reading or planning the model.

A folder is named after all that its code follows from, and holds a file for each combination of input shapes. A file
is trusted only if its digest is right and the sources of kcompat that made it have the size and the time that they had
then, as Python trusts its bytecode. Files are written under a temporary name and renamed, so processes may share them,
and map them.
"""

from __future__ import annotations

import marshal
import mmap
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from importlib.util import source_hash
from struct import Struct
from typing import Any

import numpy as np

from ..kernels.store import cache_root, fingerprint, write_file
from .code import Code
from .serialization import ALIGNMENT, Writer, code_of

LARGEST = 64 << 20
"""Bytes of a model file, and of the code of one, from which on code is not kept: both would be in memory, and code
with Winograd's convolutions is half as large again as the file."""

BUDGET, MOST = 256 << 20, 512
"""Bytes and number of all files; those that were used longest ago make room."""

_MAGIC = b"kcompat code 2\n\0"
_HEAD = Struct("<16s8sQ")
"""The magic bytes, the digest of all that follows the head, and the bytes of the description, in Python's `marshal`."""

_PACKAGE = __name__.partition(".")[0]


def folder_of(content: memoryview, *circumstances: Any) -> str:
    """Where the code of a file with this content is kept. circumstances: what else the code follows from."""
    from hashlib import sha256

    digest = sha256(content)
    place = sys.modules[_PACKAGE].__file__
    lanes = os.environ.get("KCOMPAT_LANES")
    digest.update(repr((fingerprint(), np.__version__, sys.version, place, lanes, circumstances)).encode())
    return os.path.join(_root(), digest.hexdigest())


def paths(folder: str) -> list[str]:
    """The files in a folder, the one that was used last first."""
    return [path for _, _, path in sorted(_files(folder), reverse=True)]


def path_of(folder: str, shapes: Sequence[Sequence[int]]) -> str:
    """The file for inputs of these shapes."""
    return os.path.join(folder, "_".join("x".join(map(str, shape)) for shape in shapes) + ".code")


def read(path: str) -> tuple[Code, dict[str, Any]] | None:
    """Code and what was noted with it; None if there is no sound file."""
    try:
        content = memoryview(_mapped(path))
        magic, digest, size = _HEAD.unpack_from(content) if len(content) > _HEAD.size else (b"", b"", 0)
        body = content[_HEAD.size :]
        if magic != _MAGIC or source_hash(body) != digest:
            return None
        description = marshal.loads(body[:size])
        sources = description["sources"]
        if _stamps(path for path, *_ in sources) != sources:
            return None
        code = code_of(description["code"], np.frombuffer(body[size:], np.uint8))
    except (OSError, ValueError):
        return None
    with suppress(OSError):  # a folder that others fill
        os.utime(path)
    return code, description["note"]


def write(path: str, code: Code, note: Mapping[str, Any]) -> None:
    """Keep code without steps of the host, unless it is too large or nothing can be written."""
    writer = Writer()
    description = {"code": writer.describe(code), "note": note, "sources": _stamps(_sources())}
    if writer.size >= LARGEST:
        return
    text = marshal.dumps(description)
    if marshal.loads(text) != description:  # it takes numbers of NumPy for bytes
        return
    text += bytes(-(_HEAD.size + len(text)) % ALIGNMENT)
    content = memoryview(bytearray(_HEAD.size + len(text) + writer.size))
    body = content[_HEAD.size :]
    body[: len(text)] = text
    writer.fill(body[len(text) :])
    _HEAD.pack_into(content, 0, _MAGIC, source_hash(body), len(text))
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        write_file(path, content)  # type: ignore[arg-type]  # a file takes any buffer
        _make_room()
    except OSError:
        return


def _root() -> str:
    return os.path.join(cache_root(), "code")


def _files(folder: str) -> list[tuple[float, int, str]]:
    """When each file in a folder was last used, its bytes, its path."""
    try:
        with os.scandir(folder) as entries:
            return [
                (entry.stat().st_mtime, entry.stat().st_size, entry.path)
                for entry in entries
                if entry.name.endswith(".code")
            ]
    except OSError:
        return []


def _make_room() -> None:
    """Remove what was used longest ago until the rest is within its bounds."""
    with os.scandir(_root()) as folders:
        files = sorted(file for folder in folders for file in _files(folder.path))
    total = sum(size for _, size, _ in files)
    for number, (_, size, path) in enumerate(files):
        if total <= BUDGET and len(files) - number <= MOST:
            break
        os.unlink(path)
        total -= size
        with suppress(OSError):  # others are in it
            os.rmdir(os.path.dirname(path))


def _mapped(path: str) -> mmap.mmap:
    """A file's pages, which no one writes to. Raises OSError, and ValueError for an empty file."""
    with open(path, "rb") as file:
        if sys.platform != "linux":
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE | mmap.MAP_POPULATE, mmap.PROT_READ)


def _sources() -> list[str]:
    """The files of kcompat that this process has read."""
    modules = [module for name, module in sys.modules.items() if name.partition(".")[0] == _PACKAGE]
    return sorted({file for module in modules if (file := getattr(module, "__file__", None))})


def _stamps(files: Iterable[str]) -> list[tuple[str, int, int]]:
    """Each file with its size and time. Raises OSError."""
    found = [(file, os.stat(file)) for file in files]
    return [(file, status.st_size, int(status.st_mtime)) for file, status in found]
