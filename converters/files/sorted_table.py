"""LevelDB's table of sorted keys, in which TensorFlow keeps the index of a checkpoint.

Blocks of entries, an index block that points at them, and a footer that points at the index. TensorFlow does not
compress them. Source: https://github.com/google/leveldb/blob/main/doc/table_format.md.
"""

from __future__ import annotations

from collections.abc import Iterator

from kcompat.errors import FormatError

from . import crc32c
from .cursor import Cursor
from .source import Source
from .wire import varint

MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"

_FOOTER = 48
_TRAILER = 5  # type of compression, checksum
_LARGEST = 256 << 20


def read_table(source: Source) -> dict[bytes, memoryview]:
    """All entries of a table. Raises FormatError for a damaged or compressed one."""
    if not _FOOTER <= source.size <= _LARGEST:
        raise FormatError(f"{source.label}: {source.size} bytes, the index of a checkpoint has {_FOOTER} to {_LARGEST}")
    data = memoryview(source.read(0, source.size))
    footer = Cursor(data[-_FOOTER:], f"{source.label}: footer")
    if bytes(data[-len(MAGIC) :]) != MAGIC:
        footer.fail("it does not end as a table does")
    _handle(footer)
    entries: dict[bytes, memoryview] = {}
    for _, pointer in _entries(_block(data, _handle(footer), source.label), source.label):
        handle = _handle(Cursor(pointer, f"{source.label}: index block"))
        for key, value in _entries(_block(data, handle, source.label), source.label):
            if key in entries:
                raise FormatError(f"{source.label}: the key {key!r} occurs twice. The file is damaged; fetch it again.")
            entries[key] = value
    return entries


def _handle(cursor: Cursor) -> tuple[int, int]:
    return varint(cursor), varint(cursor)


def _block(data: memoryview, handle: tuple[int, int], label: str) -> memoryview:
    """The entries of a block, without the restart points that follow them."""
    offset, size = handle
    cursor = Cursor(data, f"{label}: block at {offset}")
    cursor.skip(offset)
    content = cursor.view(size)
    trailer = Cursor(cursor.view(_TRAILER), cursor.where)
    if trailer.u8():
        cursor.fail("it is compressed, which TensorFlow's are not")
    if crc32c.masked(bytes(content) + b"\0") != trailer.u32():
        cursor.fail("its checksum is another one")
    if size < 4:
        cursor.fail("it is too short")
    restarts = Cursor(content[-4:], cursor.where).u32()
    end = size - 4 - 4 * restarts
    if end < 0:
        cursor.fail(f"{restarts} restart points do not fit into it")
    return content[:end]


def _entries(block: memoryview, label: str) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values; each key begins with a part of the one before."""
    cursor, key = Cursor(block, f"{label}: block"), b""
    while cursor.left:
        shared, rest, size = varint(cursor), varint(cursor), varint(cursor)
        if shared > len(key):
            cursor.fail(f"a key shares {shared} bytes with one of {len(key)}")
        key = key[:shared] + cursor.take(rest)
        yield key, cursor.view(size)
