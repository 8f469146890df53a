"""Arithmetic of numbers that chains do not hold; that of whole numbers wraps around as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .convert import COMPARE, POINTERS
from .intrinsics import i64, u8, u32
from .shares import share_start

OUTER = 4
"""Axes before the last one."""

_COMBINE = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "div": lambda x, y: x / y,
    "maximum": lambda x, y: max(x, y),
    "minimum": lambda x, y: min(x, y),
    "mod": lambda x, y: x - x if y == 0 or y == -1 else x % y,  # processors trap what these would give
}


def combine(op: str, dtype: str) -> Any:
    """`y = op(x, z)`, or as booleans if it compares, in rows; arguments: y, x, z, elements of a row, elements from one
    to the next in a row of x and of z (0 or 1), then for each of OUTER axes: size, elements from one to the next in x,
    and in z."""
    compares = op in COMPARE
    pointer, apply = POINTERS[dtype], njit(inline="always")(COMPARE[op] if compares else _COMBINE[op])
    write, as_type = (u8, np.uint8) if compares else (pointer, np.dtype(dtype).type)
    size = 1 if compares else np.dtype(dtype).itemsize
    bytes_of = np.dtype(dtype).itemsize

    @njit(inline="always")
    def row(y, x, z, count, xstep, zstep):
        if xstep == zstep:
            for i in range(count):
                y[i] = as_type(apply(x[i * xstep], z[i * xstep]))
        elif zstep == 0:
            one = z[0]
            for i in range(count):
                y[i] = as_type(apply(x[i], one))
        else:
            one = x[0]
            for i in range(count):
                y[i] = as_type(apply(one, z[i]))

    @njit(inline="always")
    def place(a, at, side):
        """How many elements of x (side 1) or z (2) come before a row."""
        elements, axis = 0, OUTER - 1
        while axis >= 0:
            whole = at // a[6 + 3 * axis]
            elements += (at - whole * a[6 + 3 * axis]) * a[6 + 3 * axis + side]
            at, axis = whole, axis - 1
        return elements

    def kernel(a, thread, threads):
        rows, count = 1, a[3]
        for axis in range(OUTER):
            rows *= a[6 + 3 * axis]
        apart = count if rows == 1 else rows
        first, end = share_start(apart, thread, threads), share_start(apart, thread + 1, threads)
        if rows == 1:
            x, z = a[1] + first * a[4] * bytes_of, a[2] + first * a[5] * bytes_of
            row(write(a[0] + first * size), pointer(x), pointer(z), end - first, a[4], a[5])
            return
        for at in range(first, end):
            x, z = a[1] + place(a, at, 1) * bytes_of, a[2] + place(a, at, 2) * bytes_of
            row(write(a[0] + at * count * size), pointer(x), pointer(z), count, a[4], a[5])

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
