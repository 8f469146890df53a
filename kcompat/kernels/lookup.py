"""Rows of tables, by index."""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import i32, i64, u8, u32
from .shares import share_start


def gather(index: str) -> Any:
    """`y[outer, i] = x[outer, indices[i]]`, runs of contiguous bytes; sets the flag for an index outside [0, size).

    index: "int32" or "int64". arguments: y, x, indices, outer, count of indices, size, bytes of a run, flag.
    """
    read = i32 if index == "int32" else i64

    @njit(inline="always")
    def move(target, source, size):
        if size % 4 == 0:
            y4, x4 = u32(target), u32(source)
            for i in range(size // 4):
                y4[i] = x4[i]
        else:
            y1, x1 = u8(target), u8(source)
            for i in range(size):
                y1[i] = x1[i]

    def kernel(a, thread, threads):
        indices, count, size, run = read(a[2]), a[4], a[5], a[6]
        unit, end = share_start(a[3] * count, thread, threads), share_start(a[3] * count, thread + 1, threads)
        while unit < end:
            outer = unit // count
            place = indices[unit - outer * count]
            if 0 <= place < size:
                move(a[0] + unit * run, a[1] + (outer * size + place) * run, run)
            else:
                i64(a[7])[0] = 1
            unit += 1

    return kernel
