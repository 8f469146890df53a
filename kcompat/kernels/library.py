"""Kernels that are in memory: read from the store or compiled, linked by llvmlite, known by address."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterable
from threading import RLock
from typing import Any

import llvmlite.binding as llvm

from .store import Key, Store

_UNREACHED = ("NRT_MemInfo_call_dtor", "numba_gil_ensure", "numba_gil_release")
"""What Numba's wrapper refers to for reporting exceptions, which kernels do not raise."""


class Library:
    """The kernels of this process."""

    def __init__(self) -> None:
        self._store = Store()
        self._lock = RLock()
        self._addresses: dict[Key, int] = {}
        self._linked: list[Any] = []
        self._session: Any = None
        self._announced = False

    def addresses(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The addresses of kernels; what is missing is linked together."""
        wanted = list(dict.fromkeys(keys))
        with self._lock:
            missing = [key for key in wanted if key not in self._addresses]
            if missing:
                self._link({key: self._code(key) for key in missing})
            return {key: self._addresses[key] for key in wanted}

    def _code(self, key: Key) -> tuple[str, bytes]:
        found = self._store.read(key)
        if found is not None:
            return found
        if not self._announced:
            self._announced = True
            print("kcompat: compiling kernels for this machine (once; they are kept on disk)", file=sys.stderr)
        from .toolchain import compile_kernel

        symbol, code = compile_kernel(key)
        self._store.write(key, symbol, code)
        return symbol, code

    def _link(self, codes: dict[Key, tuple[str, bytes]]) -> None:
        if self._session is None:
            llvm.initialize_native_target()
            llvm.initialize_native_asmprinter()
            machine = llvm.Target.from_default_triple().create_target_machine()
            self._session = llvm.create_lljit_compiler(machine, suppress_errors=True)
        builder = llvm.JITLibraryBuilder().add_current_process()
        unreached = ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p).value
        for name in _UNREACHED:
            builder.import_symbol(name, unreached)
        for symbol, code in codes.values():
            builder.add_object_img(code).export_symbol(symbol)
        linked = builder.link(self._session, f"kernels{len(self._linked)}")
        self._linked.append(linked)
        self._addresses.update({key: linked[symbol] for key, (symbol, _) in codes.items()})


_library: Library | None = None
_creation = RLock()


def addresses(keys: Iterable[Key]) -> dict[Key, int]:
    """Machine addresses of kernels, compiled where no process has compiled them before."""
    global _library
    with _creation:
        if _library is None:
            _library = Library()
    return _library.addresses(keys)
