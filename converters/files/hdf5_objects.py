"""HDF5 superblock, object headers and version-1 B-trees, read without the HDF5 library.

libhdf5 is not memory-safe on hostile input: of 5,000 files with a few bytes changed,
HDF5 2.0 crashed the process on 3 and hung on 3. This reader covers
what Keras and h5py write by default and refuses the rest by name.

Source: HDF5 File Format Specification 3.0, sections II, III.A and IV.A.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor
from .limits import Limits
from .source import Source

SIGNATURE = b"\x89HDF\r\n\x1a\n"
UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF

DATASPACE = 0x01
LINK_INFO = 0x02
DATATYPE = 0x03
LINK = 0x06
EXTERNAL_FILES = 0x07
LAYOUT = 0x08
GROUP_INFO = 0x0A
FILTERS = 0x0B
ATTRIBUTE = 0x0C
CONTINUATION = 0x10
SYMBOL_TABLE = 0x11
ATTRIBUTE_INFO = 0x15

_INTERPRETED = frozenset(
    {DATASPACE, LINK_INFO, DATATYPE, LINK, EXTERNAL_FILES, LAYOUT, FILTERS}
    | {ATTRIBUTE, CONTINUATION, SYMBOL_TABLE, ATTRIBUTE_INFO}
)
_SHARED = 0x02
_FAIL_IF_UNKNOWN = 0x80
GROUP_NODES = 0
CHUNK_NODES = 1
_MOST_MESSAGES = 0xFFFF  # version 1 counts them in 16 bits
_SUPERBLOCK_SPAN = 104  # of version 1, the longest


class Metadata:
    """The structure of one HDF5 file, read within bounds.

    Counts what is read, so that structures which overlap or point back cannot
    cost more than the limits allow.
    """

    def __init__(self, source: Source, limits: Limits) -> None:
        self.source = source
        self.limits = limits
        self._budget = min(limits.hdf5_metadata_ratio * source.size + 65536, limits.hdf5_metadata_bytes)
        self.end, self.root = _superblock(source)

    def read(self, address: int, size: int, where: str) -> Cursor:
        """A cursor over `size` bytes of structure at `address`."""
        if address + size > self.end:
            raise FormatError(
                f"{where}: points at bytes {address} to {address + size}, past the end of the file at "
                f"{self.end}. The file is truncated or damaged; fetch it again."
            )
        self._budget -= size
        if self._budget < 0:
            raise UnsafeFileError(
                f"{where}: the structures of this file are larger than limits.hdf5_metadata_bytes or are "
                "read again and again because they overlap. Keras writes no such file."
            )
        return Cursor(self.source.read(address, size), where)


def _superblock(source: Source) -> tuple[int, int]:
    """End-of-file address and address of the root group's object header."""
    where = f"{source.label}: HDF5 superblock"
    cursor = Cursor(source.read(0, min(source.size, _SUPERBLOCK_SPAN)), where)
    cursor.expect(SIGNATURE)
    version = cursor.u8()
    if version in (0, 1):
        end, root = _superblock_with_symbol_table(cursor, version)
    elif version in (2, 3):
        end, root = _superblock_without_symbol_table(cursor)
    else:
        cursor.fail(f"version {version} is unknown")
    if end > source.size:
        raise FormatError(
            f"{source.label}: an HDF5 file of {end} bytes of which {source.size} are there. It is truncated; "
            "fetch it again."
        )
    return end, root


def _superblock_with_symbol_table(cursor: Cursor, version: int) -> tuple[int, int]:
    cursor.expect(bytes(2))  # versions of the free space and of the root group
    cursor.skip(2)
    _require_8_byte_addresses(cursor)
    cursor.skip(9 if version == 0 else 13)
    base = cursor.u64()
    cursor.skip(8)
    end = cursor.u64()
    driver = cursor.u64()
    _require_one_plain_file(cursor, base, driver)
    cursor.skip(8)
    return end, cursor.u64()


def _superblock_without_symbol_table(cursor: Cursor) -> tuple[int, int]:
    _require_8_byte_addresses(cursor)
    cursor.skip(1)
    base = cursor.u64()
    cursor.skip(8)
    end = cursor.u64()
    _require_one_plain_file(cursor, base, UNDEFINED)
    return end, cursor.u64()


def _require_8_byte_addresses(cursor: Cursor) -> None:
    sizes = (cursor.u8(), cursor.u8())
    if sizes != (8, 8):
        cursor.fail(f"addresses and lengths of {sizes} bytes are not supported, 8 and 8 are")


def _require_one_plain_file(cursor: Cursor, base: int, driver: int) -> None:
    if base != 0:
        cursor.fail(f"a base address of {base} is not supported")
    if driver != UNDEFINED:
        raise UnsafeFileError(
            f"{cursor.where}: the file is part of a set of files (HDF5 driver information). Only single "
            "files are read; join it with h5repack."
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The messages of one object, by type, in stored order."""

    where: str
    messages: dict[int, list[Cursor]]

    def __contains__(self, kind: int) -> bool:
        return kind in self.messages

    def all(self, kind: int) -> list[Cursor]:
        return self.messages.get(kind, [])

    def one(self, kind: int, name: str) -> Cursor:
        """The only message of its type; FormatError if there are none or several."""
        found = self.all(kind)
        if len(found) != 1:
            raise FormatError(
                f"{self.where}: {len(found)} {name} messages in its header, 1 expected. The file is damaged; "
                "fetch or save it again."
            )
        return found[0]


def read_header(metadata: Metadata, address: int, where: str) -> Header:
    """Reads the object header at `address` with all of its continuation blocks."""
    if bytes(metadata.read(address, 4, where).data) == b"OHDR":
        blocks = _header_version_2(metadata, address, where)
    else:
        blocks = _header_version_1(metadata, address, where)
    messages: dict[int, list[Cursor]] = {}
    for kind, flags, body in blocks:
        if kind in _INTERPRETED and flags & _SHARED:
            body.fail(f"message {kind:#x} is shared with other objects, which is not supported")
        if kind not in _INTERPRETED and flags & _FAIL_IF_UNKNOWN:
            body.fail(f"message {kind:#x} is unknown and must be understood")
        messages.setdefault(kind, []).append(body)
        if len(messages[kind]) > _MOST_MESSAGES:
            body.fail(f"more than {_MOST_MESSAGES} messages of type {kind:#x}")
    return Header(where, messages)


Message = tuple[int, int, Cursor]


def _header_version_1(metadata: Metadata, address: int, where: str) -> Iterator[Message]:
    prefix = metadata.read(address, 16, where)
    if (version := prefix.u8()) != 1:
        prefix.fail(f"object header version {version} is unknown")
    prefix.skip(1)
    remaining = prefix.u16()
    prefix.skip(4)
    blocks = [(address + 16, prefix.u32())]
    for start, size in blocks:  # continuation messages lengthen the list
        block = metadata.read(start, size, where)
        while block.left >= 8 and remaining:
            kind, length, flags = block.u16(), block.u16(), block.u8()
            block.skip(3)
            body = Cursor(block.take(length), where)
            remaining -= 1
            if kind == CONTINUATION:
                blocks.append((body.u64(), body.u64()))
            else:
                yield kind, flags, body


def _header_version_2(metadata: Metadata, address: int, where: str) -> Iterator[Message]:
    prefix = metadata.read(address, min(38, metadata.end - address), where)
    prefix.expect(b"OHDR")
    if (version := prefix.u8()) != 2:
        prefix.fail(f"object header version {version} is unknown")
    flags = prefix.u8()
    prefix.skip((16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0))
    size = prefix.unsigned(1 << (flags & 0x03))
    creation_order = 2 if flags & 0x04 else 0
    blocks = [(address + prefix.position, size)]
    for start, length in blocks:  # continuation messages lengthen the list
        block = metadata.read(start, length, where)
        while block.left >= 4 + creation_order:
            kind, body_size, message_flags = block.u8(), block.u16(), block.u8()
            block.skip(creation_order)
            body = Cursor(block.take(body_size), where)
            if kind == CONTINUATION:
                blocks.append(_continuation_version_2(metadata, body))
            else:
                yield kind, message_flags, body


def _continuation_version_2(metadata: Metadata, body: Cursor) -> tuple[int, int]:
    """Start and size of the messages between the block's signature and its checksum."""
    start, size = body.u64(), body.u64()
    metadata.read(start, 4, body.where).expect(b"OCHK")
    if size < 8:
        body.fail(f"a continuation block of {size} bytes is impossible")
    return start + 4, size - 8


def walk_btree(metadata: Metadata, root: int, kind: int, key_size: int, where: str) -> Iterator[tuple[Cursor, int]]:
    """Key and child of every leaf entry of a version-1 B-tree, in stored order."""
    pending: list[tuple[int, int | None]] = [(root, None)]
    seen = {root}
    while pending:
        address, expected_level = pending.pop()
        head = metadata.read(address, 24, where)
        head.expect(b"TREE")
        found_kind, level, used = head.u8(), head.u8(), head.u16()
        if found_kind != kind or expected_level not in (None, level):
            head.fail(f"a B-tree node of type {found_kind} and level {level} is out of place")
        entries = metadata.read(address + 24, used * (key_size + 8), where)
        children = []
        for _ in range(used):
            key = Cursor(entries.take(key_size), where)
            child = entries.u64()
            if child in seen:
                raise UnsafeFileError(f"{where}: its B-tree reaches the node at {child} twice. The file is damaged.")
            seen.add(child)
            if level == 0:
                yield key, child
            else:
                children.append((child, level - 1))
        pending.extend(reversed(children))
