"""Arithmetic of whole numbers, which wraps around as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .convert import POINTERS
from .intrinsics import i64, u8, u32
from .shares import share_start

_COMBINE = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "maximum": lambda x, y: max(x, y),
    "minimum": lambda x, y: min(x, y),
    "mod": lambda x, y: x - x if y == 0 or y == -1 else x % y,  # processors trap what these would give
}


def combine(op: str, dtype: str) -> Any:
    """`y[i] = op(x[i * xstep], z[i * zstep])`; arguments: y, x, z, count, xstep, zstep (0 for one number, else 1)."""
    pointer, apply, as_type = POINTERS[dtype], njit(inline="always")(_COMBINE[op]), np.dtype(dtype).type

    def kernel(a, thread, threads):
        y, x, z, xstep, zstep = pointer(a[0]), pointer(a[1]), pointer(a[2]), a[4], a[5]
        for i in range(share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)):
            y[i] = as_type(apply(x[i * xstep], z[i * zstep]))

    return kernel


def select(size: int) -> Any:
    """`y[i] = x[i * xstep] if condition[i * step] else z[i * zstep]`, elements of `size` bytes.

    arguments: y, condition, x, z, count, step, xstep, zstep (0 for one element, else 1).
    """
    pointer = i64 if size == 8 else u32

    def kernel(a, thread, threads):
        y, condition, x, z = pointer(a[0]), u8(a[1]), pointer(a[2]), pointer(a[3])
        for i in range(share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)):
            y[i] = x[i * a[6]] if condition[i * a[5]] != 0 else z[i * a[7]]

    return kernel
