"""Object files made into images. Source of the format: ELF-64, System V ABI for AMD64.

Numba compiles for the large code model, in which all addresses are whole words; an object file with anything else
stays one, and LLVM links it.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from .images import ALIGNMENT, HEAD, WORD, address_of

_ELF_X86_64 = b"\x7fELF\x02\x01"
_MACHINE = 62
_FILE = Struct("<18xH20xQ10xHH")
_SECTION = Struct("<IIQ8xQQIIQ8x")
_SYMBOL = Struct("<IB1xHQ8x")
_RELOCATION = Struct("<QQq")
_SYMBOLS, _RELOCATIONS, _UNWINDING = 2, 4, 0x70000001
_WRITABLE, _ALLOCATED = 1, 2
_ABSOLUTE_WORD = 1
_UNDEFINED, _RESERVED = 0, 0xFF00


class _Section(NamedTuple):
    name: int
    kind: int
    flags: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int


class _Unsuitable(Exception):
    """An object file is not one that can become an image."""


def image_of(symbol: str, file: bytes) -> bytes | None:
    """The image of the kernel `symbol` in an object file; None where only a linker can load it."""
    try:
        return _Object(file).image(symbol)
    except _Unsuitable:
        return None


class _Object:
    """An object file, its sections laid out one after another."""

    def __init__(self, file: bytes) -> None:
        if not file.startswith(_ELF_X86_64):
            raise _Unsuitable
        machine, start, size, count = _FILE.unpack_from(file)
        if machine != _MACHINE:
            raise _Unsuitable
        self.file = file
        self.sections = [_Section(*_SECTION.unpack_from(file, start + size * number)) for number in range(count)]
        self.starts, self.code = self._laid_out()
        self.symbols = list(self._symbols())

    def image(self, symbol: str) -> bytes:
        entry = next(self._offset(section, value) for name, section, value in self.symbols if name == symbol)
        own, foreign = [], []
        for place, number, addend in self._relocations():
            name, section, value = self.symbols[number]
            if section == _UNDEFINED:
                if addend or address_of(name) is None:
                    raise _Unsuitable
                foreign.append((place, name))
            else:
                WORD.pack_into(self.code, place, self._offset(section, value) + addend)
                own.append(place)
        names = "\0".join(name for _, name in foreign).encode()
        places = [*own, *(place for place, _ in foreign)]
        head = HEAD.pack(entry, len(own), len(foreign), len(names), len(self.code))
        return head + Struct(f"<{len(places)}I").pack(*places) + names + self.code

    def _laid_out(self) -> tuple[dict[int, int], bytearray]:
        """Where the code holds each section that is needed at run time, and the code."""
        starts, code = {}, bytearray()
        for number, section in enumerate(self.sections):
            if section.flags & _ALLOCATED and section.kind != _UNWINDING and section.size:
                if section.flags & _WRITABLE or section.alignment > ALIGNMENT:
                    raise _Unsuitable
                code += bytes(-len(code) % max(section.alignment, 1))
                starts[number] = len(code)
                code += self._content(section)
        return starts, code

    def _content(self, section: _Section) -> bytes:
        return self.file[section.offset : section.offset + section.size]

    def _symbols(self) -> Iterator[tuple[str, int, int]]:
        """Name, section and value of each symbol."""
        table = next(section for section in self.sections if section.kind == _SYMBOLS)
        names = self._content(self.sections[table.link])
        for name, _, section, value in _SYMBOL.iter_unpack(self._content(table)):
            yield names[name : names.index(b"\0", name)].decode(), section, value

    def _relocations(self) -> Iterator[tuple[int, int, int]]:
        """Place in the code, symbol and addend of each word that holds an address."""
        for section in self.sections:
            if section.kind == _RELOCATIONS and section.info in self.starts:
                for place, info, addend in _RELOCATION.iter_unpack(self._content(section)):
                    if info & 0xFFFFFFFF != _ABSOLUTE_WORD:
                        raise _Unsuitable
                    yield self.starts[section.info] + place, info >> 32, addend

    def _offset(self, section: int, value: int) -> int:
        """The place in the code of what a symbol names."""
        if section >= _RESERVED or section not in self.starts:
            raise _Unsuitable
        return self.starts[section] + value
