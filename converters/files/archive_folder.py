"""An unzipped `.keras` archive: the members are files below a folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from kcompat.errors import UnsafeFileError

from .limits import Limits
from .source import FileSource, PathLike


class FolderMembers:
    """Files below a folder.

    A symbolic link may point inside the folder, or to the blobs of the Hugging Face cache
    when the folder is a snapshot there, and nowhere else.
    """

    def __init__(self, folder: PathLike, limits: Limits) -> None:
        self.label = os.fspath(folder)
        root = Path(folder).resolve()
        self._allowed = [root]
        if root.parent.name == "snapshots":
            self._allowed.append(root.parent.parent / "blobs")
        self._files = dict(self._scan(root, limits))

    def names(self) -> list[str]:
        return list(self._files)

    def size(self, name: str) -> int:
        return os.stat(self._files[name]).st_size

    stored_size = size

    def read(self, name: str) -> bytes:
        source = self.source(name)
        try:
            return bytes(source.read(0, source.size))
        finally:
            source.close()

    def source(self, name: str) -> FileSource:
        return FileSource(self._files[name], label=f"{self.label}/{name}")

    def close(self) -> None:
        """Every member is opened and closed on its own."""

    def _scan(self, root: Path, limits: Limits) -> Iterator[tuple[str, Path]]:
        """Name and resolved path of every file. Folders that are symbolic links are not entered."""
        count = 0
        for folder, _, files in os.walk(root):
            for file in files:
                count += 1
                if count > limits.archive_members:
                    raise UnsafeFileError(
                        f"{self.label}: more than limits.archive_members = {limits.archive_members} files. "
                        "Pass the folder of one model."
                    )
                path = Path(folder, file)
                yield path.relative_to(root).as_posix(), self._contained(path)

    def _contained(self, path: Path) -> Path:
        target = path.resolve()
        if not any(target.is_relative_to(folder) for folder in self._allowed):
            raise UnsafeFileError(
                f"{path}: is a symbolic link to {target}, outside the model's folder. Copy the file into the folder."
            )
        return target
