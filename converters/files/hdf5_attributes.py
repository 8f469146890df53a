"""HDF5 attributes (HDF5 File Format Specification 3.0, IV.A.2.m and III.E)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor
from .hdf5_groups import refuse_dense
from .hdf5_objects import ATTRIBUTE, ATTRIBUTE_INFO, UNDEFINED, Header, Metadata
from .hdf5_types import Datatype, Kind, element_count, parse_dataspace, parse_datatype

AttributeValue = str | bool | int | float | list[str] | npt.NDArray[np.generic]

_SHARED = 0x03


class Attribute(NamedTuple):
    """One attribute, its value still encoded."""

    where: str
    datatype: Datatype
    shape: tuple[int, ...] | None
    data: bytes


class GlobalHeaps:
    """The file's global heap collections, which hold variable-length strings."""

    def __init__(self, metadata: Metadata) -> None:
        self._metadata = metadata
        self._collections: dict[int, dict[int, tuple[int, int]]] = {}

    def read(self, address: int, index: int, size: int, where: str) -> bytes:
        """The first `size` bytes of object `index` of the collection at `address`."""
        objects = self._collections.get(address)
        if objects is None:
            objects = self._collections[address] = self._index(address, where)
        start, stored = objects.get(index, (0, -1))
        if size > stored:
            raise FormatError(
                f"{where}: a string of {size} bytes is not in the heap at {address} (object {index}). The "
                "file is damaged; fetch or save it again."
            )
        return bytes(self._metadata.source.read(start, size))

    def _index(self, address: int, where: str) -> dict[int, tuple[int, int]]:
        """Start and size of each object of one collection."""
        head = self._metadata.read(address, 16, where)
        head.expect(b"GCOL")
        if (version := head.u8()) != 1:
            head.fail(f"global heap version {version} is unknown")
        head.skip(3)
        end = address + head.u64()
        position = address + 16
        objects = {}
        while position + 16 <= end:
            entry = self._metadata.read(position, 16, where)
            index = entry.u16()
            entry.skip(6)
            size = entry.u64()
            if index == 0:  # the free space at the end
                break
            objects[index] = (position + 16, size)
            position += 16 + size + -size % 8
        return objects


def parse_attributes(header: Header) -> dict[str, Attribute]:
    """The attributes of an object by name, in stored order.

    Raises:
        UnsafeFileError: an attribute holds references.
        FormatError: an attribute is malformed or of a type that Keras does not write.
    """
    for message in header.all(ATTRIBUTE_INFO):
        _require_compact(message)
    attributes: dict[str, Attribute] = {}
    for message in header.all(ATTRIBUTE):
        name, attribute = _parse(message)
        if name in attributes:
            message.fail(f"attribute {name!r} is there twice")
        attributes[name] = attribute
    return attributes


def decode(attribute: Attribute, heaps: GlobalHeaps, limit: int) -> AttributeValue:
    """A scalar as str, bool, int or float; strings as a flat list; numbers as an array.

    What has no elements is an array of shape (0,), whatever its element type: h5py
    stores an empty list of names as float64.

    Raises:
        FormatError: the value is damaged, or decodes to more than `limit` bytes.
    """
    count = element_count(attribute.shape)
    kind = attribute.datatype.kind
    if count == 0:
        return np.empty(0)
    if kind in (Kind.STRING, Kind.VLEN_STRING):
        values = _strings(attribute, count, heaps, limit)
        return values[0] if attribute.shape == () else values
    numbers = _numbers(attribute)
    return numbers.item() if attribute.shape == () else numbers


def _parse(message: Cursor) -> tuple[str, Attribute]:
    version = message.u8()
    if version not in (1, 2, 3):
        message.fail(f"attribute version {version} is unknown")
    flags = message.u8()
    if version > 1 and flags & _SHARED:
        message.fail("an attribute with a committed type is not supported")
    sizes = (message.u16(), message.u16(), message.u16())
    message.skip(1 if version == 3 else 0)
    boundary = 8 if version == 1 else 1
    parts = []
    for size in sizes:
        parts.append(message.take(size))
        message.skip(-size % boundary)
    name = _text(parts[0].partition(b"\0")[0], message.where)
    where = f"{message.where}: attribute {name!r}"
    datatype = parse_datatype(Cursor(parts[1], where))
    shape = parse_dataspace(Cursor(parts[2], where))
    size = element_count(shape) * datatype.size
    if size > message.left:
        raise FormatError(f"{where}: declares {size} bytes, {message.left} are stored. The file is damaged.")
    return name, Attribute(where, datatype, shape, message.take(size))


def _strings(attribute: Attribute, count: int, heaps: GlobalHeaps, limit: int) -> list[str]:
    if attribute.datatype.kind is Kind.STRING:
        size = attribute.datatype.size
        encoded = [attribute.data[i * size : (i + 1) * size].partition(b"\0")[0] for i in range(count)]
    else:
        encoded = _variable_length(attribute, count, heaps, limit)
    return [_text(value, attribute.where) for value in encoded]


def _variable_length(attribute: Attribute, count: int, heaps: GlobalHeaps, limit: int) -> list[bytes]:
    cursor = Cursor(attribute.data, attribute.where)
    references = [(cursor.u32(), cursor.u64(), cursor.u32()) for _ in range(count)]
    if (total := sum(size for size, _, _ in references)) > limit:
        raise UnsafeFileError(
            f"{attribute.where}: its text has {total} bytes, more than limits.attribute_bytes = {limit}. "
            "Raise the limit if you trust the file."
        )
    return [
        heaps.read(address, index, size, attribute.where).partition(b"\0")[0] if size else b""
        for size, address, index in references
    ]


def _numbers(attribute: Attribute) -> npt.NDArray[np.generic]:
    stored = np.frombuffer(attribute.data, attribute.datatype.stored).reshape(attribute.shape or ())
    if attribute.datatype.kind is Kind.BOOL:
        return stored.astype(np.bool_)
    if attribute.datatype.kind is not Kind.NUMBER:
        raise FormatError(f"{attribute.where}: is neither text nor a number of a usual type. Save the model again.")
    return stored.astype(stored.dtype.newbyteorder("="))


def _require_compact(message: Cursor) -> None:
    if (version := message.u8()) != 0:
        message.fail(f"attribute info version {version} is unknown")
    message.skip(2 if message.u8() & 0x01 else 0)
    if message.u64() != UNDEFINED:
        refuse_dense(message.where, "attributes")


def _text(value: bytes, where: str) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise FormatError(
            f"{where}: {value[:40]!r} is not UTF-8 at byte {error.start}. The file is damaged; fetch or save it again."
        ) from None
