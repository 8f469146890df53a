"""Compiles a kernel with Numba. Imported only when a kernel is not on disk."""

from __future__ import annotations

import importlib
from typing import Any

from numba import cfunc, types

from .store import Key

ARGUMENTS = types.CPointer(types.int64), types.int64, types.int64
FASTMATH = {"contract", "nsz"}
"""NaN and infinity propagate, and sums keep their order; a product may be fused into a sum."""


def compile_kernel(key: Key) -> tuple[str, bytes]:
    """The symbol and the object file of a kernel.

    A maker in a kernel module returns the kernel's Python function, which may carry `fastmath` flags of its own, and
    the type that it `returns`. The symbol is made of the kernel's key: Numba numbers functions in each process alike.
    """
    name, parameters = key
    module, maker = name.split(".")
    function: Any = getattr(importlib.import_module(f".{module}", __package__), maker)(**dict(parameters))
    function.__qualname__ = "_".join([name, *(f"{parameter}={value}" for parameter, value in parameters)])
    flags = getattr(function, "fastmath", FASTMATH)
    compiled: Any = cfunc(getattr(function, "returns", types.void)(*ARGUMENTS), error_model="numpy", fastmath=flags)(
        function
    )
    return compiled._wrapper_name, compiled._library._get_compiled_object()
