"""The outermost fields of a protocol buffer, as far as recognising a format needs them."""

from __future__ import annotations

from .source import Source

_MOST_FIELDS = 100_000  # a frozen graph has one field per node
_LONGEST_VARINT = 10


def top_level_fields(source: Source) -> set[tuple[int, int]] | None:
    """Number and wire type of every outermost field; None when the bytes are no protocol buffer.

    Values are stepped over, not read. A last field that is cut short counts.
    """
    found: set[tuple[int, int]] = set()
    position = 0
    for _ in range(_MOST_FIELDS):
        if position == source.size:
            return found
        key, position = _varint(source, position)
        number, wire_type = key >> 3, key & 0x07
        if position < 0 or number == 0:
            return None
        position = _after_value(source, position, wire_type)
        if position < 0:
            return None
        found.add((number, wire_type))
        if position > source.size:
            return found
    return found


def _after_value(source: Source, position: int, wire_type: int) -> int:
    """Where the next field starts; -1 for a malformed value."""
    match wire_type:
        case 0:
            return _varint(source, position)[1]
        case 1:
            return position + 8
        case 2:
            size, position = _varint(source, position)
            return position + size if position >= 0 else -1
        case 5:
            return position + 4
        case _:
            return -1


def _varint(source: Source, position: int) -> tuple[int, int]:
    """The integer at `position` and where it ends, (0, -1) when it has no end."""
    value = 0
    for shift, byte in enumerate(source.read(position, min(_LONGEST_VARINT, source.size - position))):
        value |= (byte & 0x7F) << 7 * shift
        if byte < 0x80:
            return value, position + shift + 1
    return 0, -1
