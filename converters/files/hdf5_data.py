"""Where the elements of an HDF5 dataset are, and how they are read.

Source: HDF5 File Format Specification 3.0, III.A.1 (chunk B-trees), IV.A.2.i and l.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor
from .hdf5_filters import Filter, parse_pipeline, undo
from .hdf5_objects import CHUNK_NODES, EXTERNAL_FILES, FILTERS, LAYOUT, Header, Metadata, walk_btree
from .source import Source


class Compact(NamedTuple):
    """Elements inside the object header."""

    data: bytes

    @property
    def stored(self) -> int:
        return len(self.data)

    @property
    def declared(self) -> int:
        return len(self.data)

    def read(self, source: Source) -> bytes:
        return self.data


class Contiguous(NamedTuple):
    """Elements in one run of bytes."""

    address: int
    stored: int

    @property
    def declared(self) -> int:
        return self.stored

    def read(self, source: Source) -> bytes:
        """A copy, even of what is in memory: an array would keep all of that there."""
        return bytes(source.read(self.address, self.stored)) if self.stored else b""


class Chunk(NamedTuple):
    """A chunk: its first element and its bytes. Bit i of `skipped` says that filter i was not applied."""

    origin: tuple[int, ...]
    address: int
    size: int
    skipped: int


class Chunked(NamedTuple):
    """Elements in equal boxes, each filtered on its own. Boxes at the upper edges overhang the shape."""

    where: str
    shape: tuple[int, ...]
    chunk_shape: tuple[int, ...]
    item_size: int
    filters: tuple[Filter, ...]
    chunks: tuple[Chunk, ...]

    @property
    def stored(self) -> int:
        return sum(chunk.size for chunk in self.chunks)

    @property
    def declared(self) -> int:
        return len(self.chunks) * math.prod(self.chunk_shape) * self.item_size

    def read(self, source: Source) -> npt.NDArray[np.uint8]:
        """The bytes of all elements in C order."""
        whole = np.empty((*self.shape, self.item_size), np.uint8)
        chunk_bytes = math.prod(self.chunk_shape) * self.item_size
        for chunk in self.chunks:
            raw = source.read(chunk.address, chunk.size)
            data = undo(self.filters, chunk.skipped, raw, chunk_bytes, self.item_size, self.where)
            box = np.frombuffer(data, np.uint8).reshape(*self.chunk_shape, self.item_size)
            place = tuple(slice(o, o + c) for o, c in zip(chunk.origin, self.chunk_shape, strict=True))
            inside = tuple(slice(n - o) for n, o in zip(self.shape, chunk.origin, strict=True))
            whole[place] = box[inside]
        return whole


Storage = Compact | Contiguous | Chunked


def parse_storage(metadata: Metadata, header: Header, shape: tuple[int, ...], item_size: int) -> Storage:
    """Where a dataset's elements are; all of them are proven to be in the file.

    Raises:
        UnsafeFileError: they are in other files, virtual, behind a filter that needs a plugin,
            or their declared size differs from the stored one.
        FormatError: the layout is malformed or of a form that Keras does not write.
    """
    if EXTERNAL_FILES in header:
        raise UnsafeFileError(
            f"{header.where}: keeps its data in other files (HDF5 external storage). Loading reads no file "
            "that another file names; copy the data into the file."
        )
    filters = parse_pipeline(header.one(FILTERS, "filter pipeline")) if FILTERS in header else ()
    layout = header.one(LAYOUT, "data layout")
    version = layout.u8()
    if version not in (3, 4):
        layout.fail(f"data layout version {version} is not supported")
    kind = layout.u8()
    declared = math.prod(shape) * item_size
    if kind == 2 and version == 3:
        return _chunked(metadata, layout, shape, item_size, filters)
    if kind == 3:
        raise UnsafeFileError(
            f"{header.where}: is a virtual dataset, a view of other files. Loading reads no file that "
            "another file names; copy the data into the file."
        )
    if kind not in (0, 1):
        raise FormatError(
            f"{header.where}: has a data layout ({kind}, version {version}) that no Keras release writes. "
            "Copy the file with h5py's default settings (no libver='latest')."
        )
    if filters:
        layout.fail("filters on a dataset that is not chunked")
    return _compact(layout, declared) if kind == 0 else _contiguous(metadata, layout, declared)


def _compact(layout: Cursor, declared: int) -> Compact:
    size = layout.u16()
    _require_equal(layout.where, declared, size)
    return Compact(layout.take(size))


def _contiguous(metadata: Metadata, layout: Cursor, declared: int) -> Contiguous:
    address, size = layout.u64(), layout.u64()
    _require_equal(layout.where, declared, size)
    if size and address + size > metadata.end:
        raise FormatError(
            f"{layout.where}: its data are at bytes {address} to {address + size}, past the end of the file "
            "at "
            f"{metadata.end}. The file is truncated, or the dataset was never written; save the model again."
        )
    return Contiguous(address, size)


def _chunked(
    metadata: Metadata, layout: Cursor, shape: tuple[int, ...], item_size: int, filters: tuple[Filter, ...]
) -> Chunked:
    rank = layout.u8() - 1
    tree = layout.u64()
    chunk_shape = [layout.u32() for _ in range(rank)]
    chunk_item = layout.u32()
    if rank != len(shape) or rank < 1 or chunk_item != item_size or 0 in chunk_shape:
        layout.fail(f"chunks of {(*chunk_shape, chunk_item)} do not fit a shape of {shape}, {item_size} bytes each")
    grid = [-(-extent // chunk) for extent, chunk in zip(shape, chunk_shape, strict=True)]
    expected = math.prod(grid)
    if expected > metadata.limits.hdf5_chunks:
        raise UnsafeFileError(
            f"{layout.where}: {expected} chunks, more than limits.hdf5_chunks = "
            f"{metadata.limits.hdf5_chunks}. Raise the limit if you trust the file."
        )
    chunks = _chunks(metadata, tree, shape, chunk_shape, layout.where) if expected else ()
    if len(chunks) != expected:
        layout.fail(f"{len(chunks)} of its {expected} chunks are stored")
    return Chunked(layout.where, shape, tuple(chunk_shape), item_size, filters, chunks)


def _chunks(
    metadata: Metadata, tree: int, shape: tuple[int, ...], chunk_shape: list[int], where: str
) -> tuple[Chunk, ...]:
    chunks: dict[tuple[int, ...], Chunk] = {}
    for key, address in walk_btree(metadata, tree, CHUNK_NODES, 8 + 8 * (len(shape) + 1), where):
        size, skipped = key.u32(), key.u32()
        origin = tuple(key.u64() for _ in shape)
        if origin in chunks or any(o % c or o >= n for o, c, n in zip(origin, chunk_shape, shape, strict=True)):
            key.fail(f"a chunk at {origin} is out of place")
        if address + size > metadata.end:
            key.fail(f"the chunk at {origin} lies past the end of the file")
        if len(chunks) >= metadata.limits.hdf5_chunks:
            key.fail("more chunks than its shape has")
        chunks[origin] = Chunk(origin, address, size, skipped)
    return tuple(chunks.values())


def _require_equal(where: str, declared: int, stored: int) -> None:
    if declared != stored:
        raise UnsafeFileError(
            f"{where}: declares {declared} bytes, {stored} are stored. The dataset was never written, or the "
            "file is made to exhaust memory; save the model again."
        )
