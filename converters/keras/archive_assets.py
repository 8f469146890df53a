"""The files that archives keep for layers beside their weights, such as vocabularies: `assets/<place>/<name>`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kcompat.errors import ArgumentError, FormatError

from ..files import Archive
from .saveables import Place

if TYPE_CHECKING:
    from zipfile import ZipFile

_FOLDER = "assets"


def read(archive: Archive, places: Sequence[Place]) -> None:
    """Give every layer its files. Raises LoadError for a file that is missing or is not what the layer keeps."""
    names = [name for name in archive.names() if name.startswith(f"{_FOLDER}/")]
    for place in places:
        prefix = "/".join((_FOLDER, *place.path, ""))
        files = {name[len(prefix) :]: archive.read(name) for name in names if _is_in(name, prefix)}
        try:
            place.layer.take_assets(files)
        except ArgumentError as error:
            raise FormatError(f"{archive.label}: {prefix}: {error}") from None


def _is_in(name: str, prefix: str) -> bool:
    return name.startswith(prefix) and "/" not in name[len(prefix) :]


def write(archive: ZipFile, places: Sequence[Place]) -> None:
    """Write the files of every layer."""
    for place in places:
        for name, content in place.layer.stored_assets().items():
            archive.writestr("/".join((_FOLDER, *place.path, name)), content)
