"""Saving so that a failure leaves the old file as it was."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kcompat.errors import SaveError

from .source import PathLike


@contextmanager
def replacing_file(path: PathLike) -> Iterator[Path]:
    """Gives a temporary path to write to; at the end of the block it becomes `path`.

    The content reaches the disk before the name changes. When the block raises, `path`
    is as before and the temporary file is gone. An existing file keeps its permissions;
    a symbolic link is kept, and the file it points to is replaced.

    Raises:
        SaveError: the operating system refuses (no such folder, no space, no permission).
    """
    target = _resolved(path)
    if target.is_dir():
        raise SaveError(f"{os.fspath(path)}: is a directory; pass the path of a file, or remove it first.")
    temporary = _temporary_beside(target)
    try:
        with _as_save_error(path):
            mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else None
            _create(temporary, 0o666 if mode is None else mode | stat.S_IRUSR | stat.S_IWUSR)
            yield temporary
            _flush(temporary)
            if mode is not None:
                os.chmod(temporary, mode)
            os.replace(temporary, target)
            _flush_folder(target.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: PathLike) -> Iterator[Path]:
    """Gives a temporary folder to fill; at the end of the block it becomes `path`.

    As `replacing_file`, with one difference: no system call swaps two folders everywhere, so
    that between two renames there is no folder at `path`. A failure there puts the old one back.

    Raises:
        SaveError: the operating system refuses, or there is a file at `path`.
    """
    target = _resolved(path)
    if target.exists() and not target.is_dir():
        raise SaveError(f"{os.fspath(path)}: is a file; pass the path of a folder, or remove it first.")
    temporary = _temporary_beside(target)
    try:
        with _as_save_error(path):
            os.mkdir(temporary)
            yield temporary
            _flush_tree(temporary)
            _swap(temporary, target)
            _flush_folder(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _create(path: Path, mode: int) -> None:
    """Makes an empty file, exclusively: no other program can have prepared the name."""
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))


def _swap(temporary: Path, target: Path) -> None:
    if not target.exists():
        os.rename(temporary, target)
        return
    os.chmod(temporary, stat.S_IMODE(target.stat().st_mode))
    old = _temporary_beside(target)
    os.rename(target, old)
    try:
        os.rename(temporary, target)
    except BaseException:
        os.rename(old, target)
        raise
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def _as_save_error(path: PathLike) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SaveError(f"{os.fspath(path)}: cannot be saved: {error}. What was there before is unchanged.") from error


def _resolved(path: PathLike) -> Path:
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise SaveError(f"{os.fspath(path)}: the folder {str(target.parent)!r} does not exist; create it first.")
    return target


def _temporary_beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")


def _flush_tree(folder: Path) -> None:
    for parent, _, files in os.walk(folder):
        for file in files:
            _flush(Path(parent, file))
        _flush_folder(Path(parent))


def _flush(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Makes a rename durable, on the systems and file systems that allow it."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
