"""Little-endian fields read one after the other from a bounded buffer."""

from __future__ import annotations

import struct
from typing import NoReturn

from kcompat.errors import FormatError

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class Cursor:
    """Reads `data` from the front; `where` names the structure in messages.

    Every method raises FormatError when the data end too early.
    """

    __slots__ = ("data", "position", "where")

    def __init__(self, data: bytes | memoryview, where: str) -> None:
        self.data = data
        self.position = 0
        self.where = where

    @property
    def left(self) -> int:
        return len(self.data) - self.position

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        return bytes(self.data[self._advance(size) : self.position])

    def view(self, size: int) -> memoryview:
        """The next `size` bytes, not copied."""
        return memoryview(self.data)[self._advance(size) : self.position]

    def skip(self, size: int) -> None:
        self._advance(size)

    def align(self, boundary: int, start: int = 0) -> None:
        """Skips to the next multiple of `boundary`, counted from `start`."""
        self._advance(-(self.position - start) % boundary)

    def u8(self) -> int:
        return self.data[self._advance(1)]

    def u16(self) -> int:
        return int(_U16.unpack_from(self.data, self._advance(2))[0])

    def u32(self) -> int:
        return int(_U32.unpack_from(self.data, self._advance(4))[0])

    def u64(self) -> int:
        return int(_U64.unpack_from(self.data, self._advance(8))[0])

    def unsigned(self, size: int) -> int:
        """An unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def expect(self, signature: bytes) -> None:
        """Consumes `signature`, which must come next."""
        found = self.take(len(signature))
        if found != signature:
            self.fail(f"{signature!r} expected, {found!r} found")

    def fail(self, problem: str) -> NoReturn:
        raise FormatError(f"{self.where}: {problem}. The file is damaged; fetch or save it again.")

    def _advance(self, size: int) -> int:
        start = self.position
        if size < 0 or size > self.left:
            self.fail(f"{size} more bytes expected after {start}, {self.left} left")
        self.position = start + size
        return start
