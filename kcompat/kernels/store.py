"""Object files of kernels on disk, so that a kernel is compiled once for a machine.

A file is trusted only if its digest is right and its folder's name is that of the present kernel sources,
Numba, llvmlite and processor; anything else is compiled again. Files are written under a temporary name and
renamed, so processes may share a folder.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import tempfile
import warnings
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

Key = tuple[str, tuple[tuple[str, int | str], ...]]
"""A kernel's name, "module.function", and its parameters."""

MAGIC = b"kcompat kernel 1\n"
_DIGEST = 32


def cache_root() -> Path:
    """The folder of all caches: $KCOMPAT_CACHE, or `kcompat` in the user's cache folder."""
    if folder := os.environ.get("KCOMPAT_CACHE"):
        return Path(folder)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", "~/AppData/Local"))
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches")
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return base.expanduser() / "kcompat"


def fingerprint() -> str:
    """What compiled code depends on, in 32 hexadecimal digits."""
    digest = hashlib.sha256(MAGIC)
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    numba = importlib.util.find_spec("numba")
    if numba is not None and numba.origin is not None:
        digest.update((Path(numba.origin).parent / "_version.py").read_bytes())
    machine = (llvmlite.__version__, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    digest.update("\n".join(machine).encode())
    return digest.hexdigest()[:32]


class Store:
    """The object files for this machine and these sources."""

    def __init__(self) -> None:
        self.folder = cache_root() / fingerprint()
        self._writable = True

    def read(self, key: Key) -> tuple[str, bytes] | None:
        """Symbol and object file, or None if there is no sound file."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        head, digest, body = data[: len(MAGIC)], data[len(MAGIC) :][:_DIGEST], data[len(MAGIC) + _DIGEST :]
        if head != MAGIC or hashlib.sha256(body).digest() != digest:
            return None
        symbol, _, code = body.partition(b"\n")
        return symbol.decode(), code

    def write(self, key: Key, symbol: str, code: bytes) -> None:
        """Keep a kernel. A folder that cannot be written is reported once."""
        if not self._writable:
            return
        body = symbol.encode() + b"\n" + code
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._replace(self._path(key), MAGIC + hashlib.sha256(body).digest() + body)
        except OSError as error:
            self._writable = False
            warnings.warn(
                f"kcompat cannot keep compiled kernels in {self.folder} ({error}); every process will compile "
                "them anew. Set KCOMPAT_CACHE to a folder that can be written.",
                RuntimeWarning,
                stacklevel=2,
            )

    def _path(self, key: Key) -> Path:
        name, parameters = key
        return self.folder / ("-".join([name, *(f"{parameter}={value}" for parameter, value in parameters)]) + ".o")

    def _replace(self, path: Path, data: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=self.folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise
