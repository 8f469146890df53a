"""TensorFlow's checkpoints: an index of tensors, and shards with their bytes.

Source: tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/tensor_bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod

import numpy as np

from kcompat.errors import FormatError

from . import crc32c
from .cursor import Cursor
from .sorted_table import read_table
from .source import Source
from .wire import Message, varint

_HEADER = b""
_LARGEST_STRINGS = 256 << 20
_STRING = 7

_NUMBERS = {
    **dict(zip(("?", "i1", "<i2", "<i4", "<i8"), (10, 6, 5, 3, 9), strict=True)),
    **dict(zip(("u1", "<u2", "<u4", "<u8"), (4, 17, 22, 23), strict=True)),
    **dict(zip(("<f2", "<f4", "<f8", "<c8", "<c16"), (19, 1, 2, 8, 18), strict=True)),
}
"""The numbers that TensorFlow gives to dtypes."""

_DTYPES = {number: dtype for dtype, number in _NUMBERS.items()}
_BFLOAT16 = 14


@dataclass(frozen=True)
class Entry:
    """Where a tensor lies. dtype: TensorFlow's number. checksum: masked, of all its bytes."""

    dtype: int
    shape: tuple[int, ...]
    shard: int
    offset: int
    size: int
    checksum: int


class TensorBundle:
    """A checkpoint. open_shard(number, count) gives the file with the bytes.

    Raises FormatError for what is damaged, and for what only a cluster writes.
    """

    def __init__(self, index: Source, open_shard: Callable[[int, int], Source]) -> None:
        self.where = index.label
        entries = read_table(index)
        if _HEADER not in entries:
            raise FormatError(f"{self.where}: has no header. The file is damaged; fetch it again.")
        header = Message(entries.pop(_HEADER), f"{self.where}: header")
        self._shards = header.integer(1)
        if header.integer(2):
            raise FormatError(f"{self.where}: was written on a big-endian machine, which is not supported")
        self._entries = {self._text(key): self._entry(key, value) for key, value in entries.items()}
        self._open_shard = open_shard
        self._sources: dict[int, Source] = {}

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def array(self, key: str) -> np.ndarray:
        """A tensor; strings as an array of bytes objects."""
        entry = self._found(key)
        source = self._source(entry.shard)
        if entry.dtype == _STRING:
            return np.array(self._strings(entry, key), dtype=object).reshape(entry.shape)
        name = _DTYPES.get(entry.dtype, "<u2" if entry.dtype == _BFLOAT16 else None)
        if name is None:
            raise FormatError(f"{self.where}: '{key}' has TensorFlow's dtype {entry.dtype}, which is not supported")
        dtype = np.dtype(name)
        if entry.size != prod(entry.shape) * dtype.itemsize:
            raise FormatError(
                f"{self.where}: '{key}' has {entry.size} bytes, its shape {entry.shape} and dtype {dtype} take "
                f"{prod(entry.shape) * dtype.itemsize}. The file is damaged; fetch it again."
            )
        data = source.read(entry.offset, entry.size)
        self._verify(key, entry, crc32c.masked(data))
        array = np.frombuffer(data, dtype).reshape(entry.shape)
        return (array.astype("<u4") << 16).view("<f4") if entry.dtype == _BFLOAT16 else array

    def close(self) -> None:
        for source in self._sources.values():
            source.close()
        self._sources.clear()

    def _found(self, key: str) -> Entry:
        if key not in self._entries:
            raise FormatError(
                f"{self.where}: has no tensor '{key}'. The checkpoint is incomplete; save the model again."
            )
        return self._entries[key]

    def _text(self, key: bytes) -> str:
        try:
            return key.decode()
        except UnicodeDecodeError:
            raise FormatError(f"{self.where}: the key {key!r} is no text. The file is damaged.") from None

    def _entry(self, key: bytes, value: memoryview) -> Entry:
        message = Message(value, f"{self.where}: entry {key!r}")
        if 7 in message:
            raise FormatError(f"{message.where} is in parts, as a cluster writes it, which is not supported")
        dims = [size for shape in message.messages(2) for size in shape.messages(2)]
        shard = message.integer(3)
        if shard >= self._shards:
            raise FormatError(f"{message.where} is in shard {shard} of {self._shards}. The file is damaged.")
        shape = tuple(dim.integer(1) for dim in dims)
        place = message.integer(4), message.integer(5)
        return Entry(message.integer(1), shape, shard, *place, message.fixed32(6))

    def _source(self, shard: int) -> Source:
        if shard not in self._sources:
            self._sources[shard] = self._open_shard(shard, self._shards)
        return self._sources[shard]

    def _verify(self, key: str, entry: Entry, checksum: int) -> None:
        if checksum != entry.checksum:
            raise FormatError(
                f"{self._source(entry.shard).label}: the checksum of '{key}' is {checksum:#010x}, not "
                f"{entry.checksum:#010x}. The file is damaged; fetch it again."
            )

    def _strings(self, entry: Entry, key: str) -> list[bytes]:
        """All lengths, their checksum, then the strings one after the other."""
        if entry.size > _LARGEST_STRINGS:
            raise FormatError(f"{self.where}: '{key}' has strings of {entry.size} bytes, over {_LARGEST_STRINGS}")
        count = prod(entry.shape)
        cursor = Cursor(self._source(entry.shard).read(entry.offset, entry.size), f"{self.where}: '{key}'")
        if count > entry.size:
            cursor.fail(f"{count} strings do not fit into {entry.size} bytes")
        lengths = [varint(cursor) for _ in range(count)]
        of_lengths = b"".join(length.to_bytes(4 if length < 1 << 32 else 8, "little") for length in lengths)
        begun = crc32c.extended(0, of_lengths + cursor.take(4))
        strings = [cursor.take(length) for length in lengths]
        self._verify(key, entry, crc32c.mask(crc32c.extended(begun, b"".join(strings))))
        if cursor.left:
            cursor.fail(f"{cursor.left} bytes are left over")
        return strings
