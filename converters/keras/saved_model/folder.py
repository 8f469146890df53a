"""The files of a SavedModel, none of which a name in a file chooses."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from kcompat.errors import FormatError, UnsafeFileError

from ...files import FileSource

GRAPH = "saved_model.pb"
METADATA = "keras_metadata.pb"
INDEX = "variables/variables.index"


class Folder:
    """A SavedModel's folder. Links are followed, and must end inside."""

    def __init__(self, path: Any) -> None:
        self.label = os.fspath(path)
        self._root = Path(os.path.realpath(path))

    def __contains__(self, name: str) -> bool:
        return os.path.lexists(self._root / name)

    def open(self, name: str) -> FileSource:
        """A file of the folder. Raises FormatError where there is none, UnsafeFileError for a link out of it."""
        label = f"{self.label}/{name}"
        real = Path(os.path.realpath(self._root / name))
        if self._root not in real.parents:
            raise UnsafeFileError(f"{label}: is a link out of the folder, to {str(real)!r}; copy the file to its place")
        if not real.exists():
            raise FormatError(f"{label}: no such file. The SavedModel is incomplete; copy the whole folder.")
        return FileSource(real, label=label)

    def open_shard(self, number: int, count: int) -> FileSource:
        """A file with the bytes of tensors."""
        return self.open(f"variables/variables.data-{number:05d}-of-{count:05d}")


def refusal_of_a_lone_file(path: Any) -> FormatError:
    """The error for a graph's file passed in place of its folder."""
    return FormatError(
        f"{path}: is one file of a TensorFlow SavedModel, which is a folder; pass the folder {str(Path(path).parent)!r}"
    )
