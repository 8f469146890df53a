"""The links of an HDF5 group (HDF5 File Format Specification 3.0, III.A-D and IV.A.2.c, g, r)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor
from .hdf5_objects import (
    GROUP_INFO,
    GROUP_NODES,
    LINK,
    LINK_INFO,
    SYMBOL_TABLE,
    UNDEFINED,
    Header,
    Metadata,
    walk_btree,
)

_LINK_KINDS = {1: "a soft", 64: "an external"}
_CACHED_SOFT = 2


def is_group(header: Header) -> bool:
    return any(kind in header for kind in (SYMBOL_TABLE, LINK_INFO, LINK, GROUP_INFO))


def links(metadata: Metadata, header: Header) -> Iterator[tuple[str, int]]:
    """Name and object-header address of every link, in stored order.

    Raises:
        UnsafeFileError: a link is soft or external. It is refused by its own record;
            what it points at is never looked up.
    """
    if SYMBOL_TABLE in header:
        yield from _symbol_table(metadata, header.one(SYMBOL_TABLE, "symbol table"))
        return
    if LINK_INFO in header:
        _require_compact(header.one(LINK_INFO, "link info"))
    for message in header.all(LINK):
        yield _link(message)


def _symbol_table(metadata: Metadata, message: Cursor) -> Iterator[tuple[str, int]]:
    where = message.where
    tree, heap_address = message.u64(), message.u64()
    names = _local_heap(metadata, heap_address, where)
    for _, node in walk_btree(metadata, tree, GROUP_NODES, 8, where):
        head = metadata.read(node, 8, where)
        head.expect(b"SNOD\x01")
        head.skip(1)
        count = head.u16()
        entries = metadata.read(node + 8, 40 * count, where)
        for _ in range(count):
            name_offset, address, cache = entries.u64(), entries.u64(), entries.u32()
            entries.skip(20)
            name = _heap_name(names, name_offset, where)
            if cache > _CACHED_SOFT:
                entries.fail(f"the entry for {name!r} is of the unknown kind {cache}")
            if cache == _CACHED_SOFT or address == UNDEFINED:
                _refuse_link(where, name, "a soft")
            yield name, address


def _local_heap(metadata: Metadata, address: int, where: str) -> bytes:
    head = metadata.read(address, 32, where)
    head.expect(b"HEAP\0")
    head.skip(3)
    size = head.u64()
    head.skip(8)
    return bytes(metadata.read(head.u64(), size, where).data)


def _heap_name(names: bytes, offset: int, where: str) -> str:
    end = names.find(b"\0", offset)
    if offset >= len(names) or end < 0:
        raise FormatError(f"{where}: a link name lies outside its heap. The file is damaged; fetch or save it again.")
    return _decoded(names[offset:end], where)


def _link(message: Cursor) -> tuple[str, int]:
    if (version := message.u8()) != 1:
        message.fail(f"link message version {version} is unknown")
    flags = message.u8()
    kind = message.u8() if flags & 0x08 else 0
    message.skip((8 if flags & 0x04 else 0) + (1 if flags & 0x10 else 0))
    name = _decoded(message.take(message.unsigned(1 << (flags & 0x03))), message.where)
    if kind != 0:
        _refuse_link(message.where, name, _LINK_KINDS.get(kind, f"a user-defined ({kind})"))
    return name, message.u64()


def _require_compact(message: Cursor) -> None:
    if (version := message.u8()) != 0:
        message.fail(f"link info version {version} is unknown")
    flags = message.u8()
    message.skip(8 if flags & 0x01 else 0)
    if message.u64() != UNDEFINED:
        refuse_dense(message.where, "links")


def refuse_dense(where: str, what: str) -> NoReturn:
    """Refuses the storage of many links or attributes in a fractal heap."""
    raise FormatError(
        f"{where}: keeps its {what} in a fractal heap, a form that no Keras release writes. Copy the file "
        "with h5py's default settings (neither libver='latest' nor track_order=True)."
    )


def _decoded(name: bytes, where: str) -> str:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        raise FormatError(f"{where}: the link name {name!r} is not UTF-8. The file is damaged.") from None
    if text in ("", ".") or "/" in text:
        raise FormatError(f"{where}: {text!r} is no valid link name. The file is damaged.")
    return text


def _refuse_link(where: str, name: str, kind: str) -> NoReturn:
    raise UnsafeFileError(
        f"{where}: {name!r} is {kind} link. Links may lead out of the file and no Keras release writes them; "
        "copy the data into the file instead."
    )
