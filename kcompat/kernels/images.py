"""Kernels as images: machine code complete but for the addresses in it, so that no linker is needed to run it.

An image is a head (`HEAD`), the places of words that hold an offset in the image, the places of words that hold the
address of a symbol of the process, those symbols, and the code, in which the words' offsets are filled in.
"""

from __future__ import annotations

import ctypes
import mmap
from collections.abc import Sequence
from struct import Struct

HEAD = Struct("<5I")
"""Offset of the kernel in the code; numbers of own and of foreign words; bytes of the symbols and of the code."""

WORD = Struct("<Q")
ALIGNMENT = 64
_READ_EXECUTE = 5

UNREACHED = frozenset({"NRT_MemInfo_call_dtor", "numba_gil_ensure", "numba_gil_release"})
"""What Numba's wrapper refers to for reporting exceptions, which kernels do not raise."""


def address_of(symbol: str) -> int | None:
    """Where the process has a symbol; where it has some function for those that are never reached."""
    name = "Py_IsInitialized" if symbol in UNREACHED else symbol
    try:
        return ctypes.cast(getattr(ctypes.pythonapi, name), ctypes.c_void_p).value
    except AttributeError:
        return None


def load(images: Sequence[bytes]) -> list[int]:
    """The addresses of kernels, which stay in memory as long as the process. Raises OSError."""
    starts, size = [], 0
    for image in images:
        starts.append(size)
        size += -(-HEAD.unpack_from(image)[4] // ALIGNMENT) * ALIGNMENT
    memory = mmap.mmap(-1, max(size, 1), flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    base = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    symbols: dict[bytes, int] = {}
    entries = [_place(image, memory, start, base, symbols) for image, start in zip(images, starts, strict=True)]
    if ctypes.pythonapi.mprotect(ctypes.c_void_p(base), ctypes.c_size_t(size), _READ_EXECUTE):
        raise OSError("the system does not let memory with kernels be executed")
    _loaded.append(memory)
    return entries


_loaded: list[mmap.mmap] = []


def _place(image: bytes, memory: mmap.mmap, start: int, base: int, symbols: dict[bytes, int]) -> int:
    """Copy an image to a place in memory and fill in its addresses; returns that of the kernel."""
    entry, own, foreign, text, size = HEAD.unpack_from(image)
    places = Struct(f"<{own + foreign}I").unpack_from(image, HEAD.size)
    names = image[HEAD.size + 4 * (own + foreign) :][:text].split(b"\0")
    memory[start : start + size] = image[len(image) - size :]
    for place in places[:own]:
        (offset,) = WORD.unpack_from(memory, start + place)
        WORD.pack_into(memory, start + place, base + start + offset)
    for place, name in zip(places[own:], names, strict=False):
        if name not in symbols:
            symbols[name] = _required(name.decode())
        WORD.pack_into(memory, start + place, symbols[name])
    return base + start + entry


def _required(symbol: str) -> int:
    address = address_of(symbol)
    if address is None:
        raise OSError(f"a kernel calls {symbol}, which this process does not have")
    return address
