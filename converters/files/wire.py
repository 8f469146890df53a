"""Protocol buffers without their schema: the fields of one message, read strictly.

Source: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

from .cursor import Cursor

_LONGEST_VARINT = 10


class Message:
    """The fields of one message by number, in the order of the bytes. `where` names it in errors.

    Every method raises FormatError for a field of another wire type than the one it reads.
    """

    def __init__(self, data: memoryview | bytes, where: str) -> None:
        self.where = where
        self._fields: dict[int, list[int | memoryview]] = {}
        cursor = Cursor(memoryview(data), where)
        while cursor.left:
            key = varint(cursor)
            number, wire_type = key >> 3, key & 7
            if not number:
                cursor.fail("a field has the number 0")
            self._fields.setdefault(number, []).append(_value(cursor, wire_type))

    def __contains__(self, number: int) -> bool:
        return number in self._fields

    def integer(self, number: int, default: int = 0) -> int:
        """The last value of a varint field, as an unsigned 64-bit integer."""
        values = self._fields.get(number)
        if not values:
            return default
        value = values[-1]
        if not isinstance(value, int):
            Cursor(b"", self.where).fail(f"field {number} is no integer")
        return value

    def fixed32(self, number: int, default: int = 0) -> int:
        """The last value of a field of four bytes, as an unsigned integer."""
        values = list(self.all_bytes(number))
        if values and len(values[-1]) != 4:
            Cursor(b"", self.where).fail(f"field {number} has {len(values[-1])} bytes, 4 are expected")
        return int.from_bytes(values[-1], "little") if values else default

    def all_bytes(self, number: int) -> Iterator[memoryview]:
        """The values of a length-delimited field."""
        for value in self._fields.get(number, ()):
            if isinstance(value, int):
                Cursor(b"", self.where).fail(f"field {number} is an integer, bytes are expected")
            yield value

    def text(self, number: int) -> str:
        """The last value of a string field, "" where there is none."""
        values = list(self.all_bytes(number))
        try:
            return str(values[-1], "utf-8") if values else ""
        except UnicodeDecodeError as error:
            Cursor(b"", self.where).fail(f"field {number} is no text: {error}")

    def messages(self, number: int) -> Iterator[Message]:
        """The values of a message field."""
        for value in self.all_bytes(number):
            yield Message(value, self.where)


def varint(cursor: Cursor) -> int:
    """An integer in groups of seven bits, the lowest first."""
    value = 0
    for shift in range(_LONGEST_VARINT):
        byte = cursor.u8()
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            if value >> 64:
                cursor.fail("an integer has more than 64 bits")
            return value
    return cursor.fail("an integer has no end")


def _value(cursor: Cursor, wire_type: int) -> int | memoryview:
    match wire_type:
        case 0:
            return varint(cursor)
        case 1:
            return cursor.view(8)
        case 2:
            return cursor.view(varint(cursor))
        case 5:
            return cursor.view(4)
        case _:
            return cursor.fail(f"wire type {wire_type} is not used")
