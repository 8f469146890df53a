"""Object files of kernels linked by LLVM, where they cannot become images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from .images import UNREACHED, address_of

_linked: list[Any] = []
"""What keeps the kernels in memory."""


@cache
def _session() -> Any:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine()
    return llvm.create_lljit_compiler(machine, suppress_errors=True)


def load(objects: Sequence[tuple[str, bytes]]) -> list[int]:
    """The addresses of kernels from their symbols and object files."""
    builder = llvm.JITLibraryBuilder().add_current_process()
    for name in UNREACHED:
        builder.import_symbol(name, address_of(name))
    for symbol, code in objects:
        builder.add_object_img(code).export_symbol(symbol)
    linked = builder.link(_session(), f"kernels{len(_linked)}")
    _linked.append(linked)
    return [linked[symbol] for symbol, _ in objects]
