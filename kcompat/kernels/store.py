"""Kernels on disk, so that a kernel is compiled once for a machine.

A file is trusted only if its digest is right and its folder's name is that of the present kernel sources,
Numba, llvmlite and processor; anything else is compiled again. Files are written under a temporary name and
renamed, so processes may share a folder.
"""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from importlib.util import find_spec, source_hash

from .machine import processor

Key = tuple[str, tuple[tuple[str, int | str], ...]]
"""A kernel's name, "module.function", and its parameters."""

MAGIC = b"kcompat kernel 2\n"
_DIGEST = 8

LONGEST_NAME = 120
"""Letters of a file's name; names of more are digests."""


def cache_root() -> str:
    """The folder of all caches: $KCOMPAT_CACHE, or `kcompat` in the user's cache folder."""
    if folder := os.environ.get("KCOMPAT_CACHE"):
        return folder
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA", "~/AppData/Local")
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return os.path.join(os.path.expanduser(base), "kcompat")


@cache
def fingerprint() -> str:
    """What compiled code depends on, in 16 hexadecimal digits."""
    parts = [MAGIC, processor().encode()]
    folder = os.path.dirname(__file__)
    parts += [_content(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name.endswith(".py")]
    for compiler in ("numba", "llvmlite"):
        found = find_spec(compiler)
        if found is not None and found.origin is not None:
            parts.append(_content(os.path.join(os.path.dirname(found.origin), "_version.py")))
    return source_hash(b"".join(parts)).hex()


def write_file(path: str, data: bytes) -> None:
    """Write a file in a folder that exists, or leave what is there. Raises OSError."""
    import tempfile

    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path))
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.replace(temporary, path)
    except OSError:
        os.unlink(temporary)
        raise


def _content(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


class Store:
    """The kernels for this machine and these sources."""

    def __init__(self) -> None:
        self.folder = os.path.join(cache_root(), fingerprint())
        self._writable = True

    def read(self, key: Key) -> bytes | None:
        """What was written for a kernel, or None if there is no sound file."""
        try:
            data = _content(self._path(key))
        except OSError:
            return None
        head, digest, body = data[: len(MAGIC)], data[len(MAGIC) :][:_DIGEST], data[len(MAGIC) + _DIGEST :]
        return body if head == MAGIC and source_hash(body) == digest else None

    def write(self, key: Key, body: bytes) -> None:
        """Keep a kernel. A folder that cannot be written is reported once."""
        if not self._writable:
            return
        try:
            os.makedirs(self.folder, exist_ok=True)
            write_file(self._path(key), MAGIC + source_hash(body) + body)
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"kcompat cannot keep compiled kernels in {self.folder} ({error}); every process will compile "
                "them anew. Set KCOMPAT_CACHE to a folder that can be written.",
                RuntimeWarning,
                stacklevel=2,
            )

    def can_write(self) -> bool:
        """Whether a kernel that is written now will be found."""
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError:
            return False
        return os.access(self.folder, os.W_OK)

    def _path(self, key: Key) -> str:
        name, parameters = key
        stem = "-".join([name, *(f"{parameter}={value}" for parameter, value in parameters)])
        if len(stem) > LONGEST_NAME:
            stem = f"{name}-{source_hash(stem.encode()).hex()}"
        return os.path.join(self.folder, f"{stem}.kernel")
