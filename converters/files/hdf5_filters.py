"""The filters of chunked HDF5 datasets that need no plugin: deflate, shuffle, fletcher32.

Source: HDF5 File Format Specification 3.0, IV.A.2.l; H5Zshuffle.c, H5Zfletcher32.c.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor

DEFLATE = 1
SHUFFLE = 2
FLETCHER32 = 3
_SUPPORTED = (DEFLATE, SHUFFLE, FLETCHER32)
_MOST_FILTERS = 32  # H5Z_MAX_NFILTERS


class Filter(NamedTuple):
    """A filter by its registered number."""

    number: int


def parse_pipeline(message: Cursor) -> tuple[Filter, ...]:
    """The filters in the order in which the writer applied them."""
    version, count = message.u8(), message.u8()
    if version not in (1, 2) or count > _MOST_FILTERS:
        message.fail(f"a filter pipeline of version {version} with {count} filters is unknown")
    message.skip(6 if version == 1 else 0)
    return tuple(_parse_filter(message, version) for _ in range(count))


def undo(
    filters: tuple[Filter, ...],
    skipped: int,
    data: bytes | memoryview,
    size: int,
    item_size: int,
    where: str,
) -> bytes | memoryview:
    """One chunk as it was before the filters, which is `size` bytes."""
    for position in reversed(range(len(filters))):
        if skipped >> position & 1:
            continue
        match filters[position].number:
            case 1:
                data = _inflate(data, size, where)
            case 2:
                data = _unshuffle(data, item_size)
            case 3:
                data = _checked(data, where)
    if len(data) != size:
        raise FormatError(f"{where}: a chunk has {len(data)} bytes, {size} expected. The file is damaged.")
    return data


def _parse_filter(message: Cursor, version: int) -> Filter:
    number = message.u16()
    name_size = message.u16() if version == 1 or number >= 256 else 0
    message.skip(2)
    values = message.u16()
    name = message.take(name_size).partition(b"\0")[0]
    if number not in _SUPPORTED:
        raise UnsafeFileError(
            f"{message.where}: is compressed with HDF5 filter {number} {name.decode(errors='replace')!r}, "
            "which is a plugin. Loading runs no plugins; rewrite the file with `h5repack -f GZIP=4` or "
            "without a filter."
        )
    message.skip(-name_size % 8 if version == 1 else 0)
    message.skip(4 * values + (4 if version == 1 and values % 2 else 0))
    return Filter(number)


def _inflate(data: bytes | memoryview, size: int, where: str) -> bytes:
    checksum_size = 4  # fletcher32, where it was applied before deflate
    stream = zlib.decompressobj()
    try:
        plain = stream.decompress(data, size + checksum_size + 1)
    except zlib.error as error:
        raise FormatError(f"{where}: a compressed chunk is damaged: {error}. Fetch or save the file again.") from None
    if not stream.eof:
        raise FormatError(f"{where}: a compressed chunk is longer than its {size} bytes or cut short.")
    return plain


def _unshuffle(data: bytes | memoryview, item_size: int) -> bytes | memoryview:
    """Puts the bytes of each element together again; a rest that fills no element stays at the end."""
    count = len(data) // item_size
    planes = np.frombuffer(data, np.uint8, count * item_size).reshape(item_size, count)
    elements: bytes = planes.T.tobytes()
    return elements + bytes(data[count * item_size :])


def _checked(data: bytes | memoryview, where: str) -> bytes | memoryview:
    """Compares the checksum in the last 4 bytes."""
    if len(data) < 4:
        raise FormatError(f"{where}: a chunk is too short for its checksum. The file is damaged.")
    body, stored = data[:-4], int.from_bytes(data[-4:], "little")
    if any(
        (computed - half) % 65535 for computed, half in zip(_fletcher32(body), divmod(stored, 1 << 16), strict=True)
    ):
        raise FormatError(f"{where}: a chunk differs from its checksum. The file is damaged; fetch or save it again.")
    return body


def _fletcher32(data: bytes | memoryview) -> tuple[int, int]:
    """High and low half, modulo 65535, over big-endian 16-bit words."""
    padded = bytes(data) + b"\0" * (len(data) % 2)
    words = np.frombuffer(padded, ">u2").astype(np.int64)
    weights = np.arange(len(words), 0, -1) % 65535
    return int((words * weights).sum()) % 65535, int(words.sum()) % 65535
