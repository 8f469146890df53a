"""Safe access to the files that models come in; knows nothing of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kcompat.catalogue import on_demand

_NAMES = {
    "DEFAULT_LIMITS": "limits",
    "Archive": "archive",
    "Dataset": "hdf5",
    "FileKind": "kinds",
    "FileSource": "source",
    "Group": "hdf5",
    "Hdf5File": "hdf5",
    "Limits": "limits",
    "MemorySource": "source",
    "PathLike": "source",
    "describe": "kinds",
    "load_npz": "npz",
    "open_archive": "archive",
    "open_hdf5": "hdf5",
    "parse_json": "bounded_json",
    "read_json": "bounded_json",
    "replacing_file": "atomic",
    "replacing_folder": "atomic",
    "sniff": "kinds",
    "wrong_file": "kinds",
}
"""Public name -> the file that defines it; imported on first use."""

__all__ = sorted(_NAMES)
__getattr__, __dir__ = on_demand(__name__, _NAMES)

if TYPE_CHECKING:
    from .archive import Archive as Archive
    from .archive import open_archive as open_archive
    from .atomic import replacing_file as replacing_file
    from .atomic import replacing_folder as replacing_folder
    from .bounded_json import parse_json as parse_json
    from .bounded_json import read_json as read_json
    from .hdf5 import Dataset as Dataset
    from .hdf5 import Group as Group
    from .hdf5 import Hdf5File as Hdf5File
    from .hdf5 import open_hdf5 as open_hdf5
    from .kinds import FileKind as FileKind
    from .kinds import describe as describe
    from .kinds import sniff as sniff
    from .kinds import wrong_file as wrong_file
    from .limits import DEFAULT_LIMITS as DEFAULT_LIMITS
    from .limits import Limits as Limits
    from .npz import load_npz as load_npz
    from .source import FileSource as FileSource
    from .source import MemorySource as MemorySource
    from .source import PathLike as PathLike
