"""NumPy `.npz` archives without pickles."""

from __future__ import annotations

import io
import math

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from kcompat.errors import FormatError, UnsafeFileError

from .hdf5_types import MAX_EXTENT
from .kinds import wrong_file
from .limits import DEFAULT_LIMITS, Limits
from .source import FileSource, PathLike, Source
from .zip_directory import read_directory, read_entry

Arrays = dict[str, npt.NDArray[np.generic]]

_LONGEST_HEADER = 10_000  # NumPy's own default


def load_npz(path: PathLike, limits: Limits = DEFAULT_LIMITS) -> Arrays:
    """All arrays of an `.npz` file by name, each in native byte order; see `parse_npz`."""
    return parse_npz(FileSource(path), limits)


def parse_npz(source: Source, limits: Limits = DEFAULT_LIMITS) -> Arrays:
    """All arrays of an `.npz` archive by name. Closes `source`.

    Raises:
        FormatError: it is no `.npz` file, or damaged.
        UnsafeFileError: an array holds Python objects, which are stored as pickles, or
            declares another number of bytes than are stored; or the archive exceeds `limits`.
    """
    try:
        if source.size < 4 or source.read(0, 2) != b"PK":
            raise wrong_file(source, "an .npz file")
        arrays: Arrays = {}
        for entry in read_directory(source, limits):
            if not entry.name.endswith(".npy"):
                raise FormatError(f"{source.label}: member {entry.name!r} is no .npy array, so this is no .npz file.")
            where = f"{source.label}: array {entry.name!r}"
            arrays[entry.name.removesuffix(".npy")] = _array(read_entry(source, entry), where)
        return arrays
    finally:
        source.close()


def _array(data: bytes, where: str) -> npt.NDArray[np.generic]:
    shape, fortran_order, dtype, start = _header(data, where)
    if dtype.hasobject:
        raise UnsafeFileError(
            f"{where}: holds pickled Python objects, which run code when they are loaded. Keras stores .npz "
            "weights so; save them as .weights.h5 instead."
        )
    declared = math.prod(shape) * dtype.itemsize
    if dtype.kind not in "biuf" or declared != len(data) - start:
        raise UnsafeFileError(
            f"{where}: declares {declared} bytes of {dtype}, {len(data) - start} are stored. Numbers of "
            "exactly their declared size are expected; save the file again."
        )
    flat = np.frombuffer(data, dtype, math.prod(shape), start)
    array = flat.reshape(shape, order="F" if fortran_order else "C")
    return array.astype(dtype.newbyteorder("="), order="C", copy=False)


def _header(data: bytes, where: str) -> tuple[tuple[int, ...], bool, np.dtype[np.generic], int]:
    """Shape, whether in Fortran order, dtype, and where the elements start."""
    stream = io.BytesIO(data)
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            header = npy.read_array_header_1_0(stream, _LONGEST_HEADER)
        elif version == (2, 0):
            header = npy.read_array_header_2_0(stream, _LONGEST_HEADER)
        else:
            raise ValueError(f".npy version {version} is not supported")
        # NumPy multiplies the extents of an empty array too.
        if min(header[0], default=0) < 0 or math.prod(extent or 1 for extent in header[0]) > MAX_EXTENT:
            raise ValueError(f"a shape of {header[0]} is impossible")
    except (
        ValueError,
        TypeError,
        KeyError,
        SyntaxError,
        RecursionError,
        MemoryError,
        OverflowError,
    ) as error:
        raise FormatError(f"{where}: its header is damaged: {error}") from None
    return *header, stream.tell()
