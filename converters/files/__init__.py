"""Safe access to the files that models come in; knows nothing of layers."""

from .archive import Archive, open_archive
from .atomic import replacing_file, replacing_folder
from .bounded_json import parse_json, read_json
from .hdf5 import Dataset, Group, Hdf5File, open_hdf5
from .limits import DEFAULT_LIMITS, Limits
from .npz import load_npz
from .sniff import FileKind, describe, sniff, wrong_file
from .source import FileSource, MemorySource, PathLike

__all__ = [
    "DEFAULT_LIMITS",
    "Archive",
    "Dataset",
    "FileKind",
    "FileSource",
    "Group",
    "Hdf5File",
    "Limits",
    "MemorySource",
    "PathLike",
    "describe",
    "load_npz",
    "open_archive",
    "open_hdf5",
    "parse_json",
    "read_json",
    "replacing_file",
    "replacing_folder",
    "sniff",
    "wrong_file",
]
