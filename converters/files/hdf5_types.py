"""HDF5 datatype and dataspace messages (HDF5 File Format Specification 3.0, IV.A.2.b and d)."""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import NamedTuple

import numpy as np

from kcompat.errors import FormatError, UnsafeFileError

from .cursor import Cursor

MAX_RANK = 32  # both of HDF5 (H5S_MAX_RANK) and of NumPy before 2.0
MAX_EXTENT = 1 << 56


class Kind(Enum):
    """What an element is; `Datatype.stored` is how its bytes are read."""

    NUMBER = auto()
    BOOL = auto()
    BFLOAT16 = auto()
    OPAQUE = auto()
    STRING = auto()
    VLEN_STRING = auto()


class Datatype(NamedTuple):
    """The type of an element: `stored` has the file's byte order and the element's size in the file."""

    kind: Kind
    stored: np.dtype[np.generic]

    @property
    def size(self) -> int:
        return self.stored.itemsize


CLASSES = (
    "fixed-point",
    "floating-point",
    "time",
    "string",
    "bit field",
    "opaque",
    "compound",
    "reference",
    "enumeration",
    "variable-length",
    "array",
    "complex",
)

# (size, sign location, exponent location and size, mantissa location and size, exponent bias)
_FLOATS = {
    (2, 15, 10, 5, 0, 10, 15): (Kind.NUMBER, "f2"),
    (2, 15, 7, 8, 0, 7, 127): (Kind.BFLOAT16, "u2"),
    (4, 31, 23, 8, 0, 23, 127): (Kind.NUMBER, "f4"),
    (8, 63, 52, 11, 0, 52, 1023): (Kind.NUMBER, "f8"),
}


def parse_datatype(cursor: Cursor) -> Datatype:
    """Reads a datatype message.

    Raises:
        UnsafeFileError: the type is a reference.
        FormatError: the type is none that Keras writes, or is malformed.
    """
    head = cursor.u8()
    bits = cursor.unsigned(3)
    size = cursor.u32()
    match head & 0x0F:
        case 0:
            return _fixed_point(cursor, bits, size)
        case 1:
            return _floating_point(cursor, bits, size)
        case 3:
            return _string(cursor, size)
        case 5 if 0 < size <= 16:
            return Datatype(Kind.OPAQUE, np.dtype(f"V{size}"))
        case 7:
            raise UnsafeFileError(
                f"{cursor.where}: holds HDF5 references. No weights file needs them; save the model again with Keras."
            )
        case 8:
            return _boolean(cursor, head >> 4, bits, size)
        case 9 if bits & 0x0F == 1 and size == 16:
            return Datatype(Kind.VLEN_STRING, np.dtype("V16"))
        case number:
            name = CLASSES[number] if number < len(CLASSES) else f"number {number}"
            raise FormatError(
                f"{cursor.where}: has an element type of class {name} and {size} bytes; numbers and strings "
                "are supported. Keras writes no other; save the model again with Keras."
            )


def parse_dataspace(cursor: Cursor) -> tuple[int, ...] | None:
    """Reads a dataspace message: the shape, () for a scalar, None for an empty (null) space."""
    version = cursor.u8()
    rank = cursor.u8()
    flags = cursor.u8()
    if version == 1:
        cursor.skip(5)
        null = False
    elif version == 2:
        null = cursor.u8() == 2
    else:
        cursor.fail(f"dataspace version {version} is unknown")
    if rank > MAX_RANK or flags & ~0x03:
        cursor.fail(f"a dataspace of rank {rank} with flags {flags:#x} is impossible")
    shape = tuple(cursor.u64() for _ in range(rank))
    if math.prod(extent or 1 for extent in shape) > MAX_EXTENT:  # NumPy multiplies so even if one is 0
        cursor.fail(f"a shape of {shape} is impossible")
    return None if null else shape


def element_count(shape: tuple[int, ...] | None) -> int:
    return 0 if shape is None else math.prod(shape)


def _fixed_point(cursor: Cursor, bits: int, size: int) -> Datatype:
    offset, precision = cursor.u16(), cursor.u16()
    if size not in (1, 2, 4, 8) or offset != 0 or precision != 8 * size:
        cursor.fail(f"an integer of {precision} bits at bit {offset} of {size} bytes is not supported")
    sign = "i" if bits & 0x08 else "u"
    return Datatype(Kind.NUMBER, np.dtype(f"{_byte_order(bits)}{sign}{size}"))


def _floating_point(cursor: Cursor, bits: int, size: int) -> Datatype:
    offset, precision = cursor.u16(), cursor.u16()
    exponent = (cursor.u8(), cursor.u8())
    mantissa = (cursor.u8(), cursor.u8())
    bias = cursor.u32()
    layout = (size, bits >> 8 & 0xFF, *exponent, *mantissa, bias)
    implied_bit_and_no_vax_order = bits & 0x70 == 0x20
    if layout not in _FLOATS or offset != 0 or precision != 8 * size or not implied_bit_and_no_vax_order:
        cursor.fail(f"a float of {precision} bits with layout {layout} is not supported")
    kind, code = _FLOATS[layout]
    return Datatype(kind, np.dtype(f"{_byte_order(bits)}{code}"))


def _string(cursor: Cursor, size: int) -> Datatype:
    if not 0 < size < 1 << 31:
        cursor.fail(f"a string of {size} bytes is impossible")
    return Datatype(Kind.STRING, np.dtype(f"S{size}"))


def _boolean(cursor: Cursor, version: int, bits: int, size: int) -> Datatype:
    """h5py stores bool as an enumeration of int8 with the members FALSE and TRUE."""
    base_size = _enumeration_base(cursor)
    names: list[bytes] = []
    for _ in range(min(bits & 0xFFFF, 3)):
        start = cursor.position
        names.append(_terminated(cursor))
        if version < 3:
            cursor.align(8, start)
    values = cursor.take(len(names))
    if (base_size, size, names, values) != (1, 1, [b"FALSE", b"TRUE"], b"\x00\x01"):
        cursor.fail("an enumeration other than h5py's boolean is not supported")
    return Datatype(Kind.BOOL, np.dtype("u1"))


def _enumeration_base(cursor: Cursor) -> int:
    head = cursor.u8()
    bits = cursor.unsigned(3)
    size = cursor.u32()
    if head & 0x0F != 0:
        cursor.fail("an enumeration of anything but integers is not supported")
    _fixed_point(cursor, bits, size)
    return size


def _terminated(cursor: Cursor) -> bytes:
    end = bytes(cursor.data[cursor.position :]).find(b"\0")
    if end < 0:
        cursor.fail("an unterminated name")
    name = cursor.take(end)
    cursor.skip(1)
    return name


def _byte_order(bits: int) -> str:
    return ">" if bits & 0x01 else "<"
