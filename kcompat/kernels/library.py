"""Kernels that are in memory: read from the store or compiled, loaded together, known by address."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterable
from contextlib import nullcontext, suppress
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
                found = {key: self._store.read(key) for key in missing}
                made = self._compile([key for key, body in found.items() if body is None])
                self._load({key: made[key] if body is None else body for key, body in found.items()})
            return {key: self._addresses[key] for key in wanted}

    def _compile(self, keys: list[Key]) -> dict[Key, bytes]:
        """What is to be stored of kernels, made here and, if they are many, in other processes."""
        if not keys:
            return {}
        if not self._announced:
            self._announced = True
            print("kcompat: compiling kernels for this machine (once; they are kept on disk)", file=sys.stderr)
        from .workers import Workers

        made: dict[Key, bytes] = {}
        waiting = deque(keys)
        with Workers(waiting) if self._store.can_write() else nullcontext():
            while waiting:
                with suppress(IndexError):
                    key = waiting.popleft()
                    made[key] = self._made(key)
        return {key: made.get(key) or self._store.read(key) or self._made(key) for key in keys}

    def _made(self, key: Key) -> bytes:
        body = compiled(key)
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


def compiled(key: Key) -> bytes:
    """What is to be stored of a kernel. Imports Numba."""
    from .imaging import image_of
    from .toolchain import compile_kernel

    symbol, file = compile_kernel(key)
    image = image_of(symbol, file)
    return _OBJECT + symbol.encode() + b"\n" + file if image is None else _IMAGE + image


_library: Library | None = None
_creation = RLock()


def addresses(keys: Iterable[Key]) -> dict[Key, int]:
    """Machine addresses of kernels, compiled where no process has compiled them before."""
    global _library
    with _creation:
        if _library is None:
            _library = Library()
    return _library.addresses(keys)
