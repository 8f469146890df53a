"""Kernels that are in memory: read from the store or compiled, loaded together, known by address."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from threading import RLock

from . import images
from .store import Key, Store

_IMAGE, _OBJECT = b"image\n", b"object\n"
"""How what is stored of a kernel begins; the symbol of an object file is the next line."""


class Library:
    """The kernels of this process."""

    def __init__(self) -> None:
        self._store = Store()
        self._lock = RLock()
        self._addresses: dict[Key, int] = {}
        self._announced = False

    def addresses(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The addresses of kernels; what is missing is loaded together."""
        wanted = list(dict.fromkeys(keys))
        with self._lock:
            missing = [key for key in wanted if key not in self._addresses]
            if missing:
                self._load({key: self._store.read(key) or self._compiled(key) for key in missing})
            return {key: self._addresses[key] for key in wanted}

    def _compiled(self, key: Key) -> bytes:
        if not self._announced:
            self._announced = True
            print("kcompat: compiling kernels for this machine (once; they are kept on disk)", file=sys.stderr)
        from .imaging import image_of
        from .toolchain import compile_kernel

        symbol, file = compile_kernel(key)
        image = image_of(symbol, file)
        body = _OBJECT + symbol.encode() + b"\n" + file if image is None else _IMAGE + image
        self._store.write(key, body)
        return body

    def _load(self, bodies: dict[Key, bytes]) -> None:
        ready = {key: body[len(_IMAGE) :] for key, body in bodies.items() if body.startswith(_IMAGE)}
        self._addresses.update(zip(ready, images.load(list(ready.values())), strict=True))
        others = {key: body[len(_OBJECT) :].partition(b"\n") for key, body in bodies.items() if key not in ready}
        if others:
            from . import linker

            objects = [(symbol.decode(), file) for symbol, _, file in others.values()]
            self._addresses.update(zip(others, linker.load(objects), strict=True))


_library: Library | None = None
_creation = RLock()


def addresses(keys: Iterable[Key]) -> dict[Key, int]:
    """Machine addresses of kernels, compiled where no process has compiled them before."""
    global _library
    with _creation:
        if _library is None:
            _library = Library()
    return _library.addresses(keys)
