"""Rows of tables, by index."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import f32, i32, i64, u8, u32
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
            first = unit - outer * count
            for i in range(first, min(count, first + end - unit)):
                place = indices[i]
                if 0 <= place < size:
                    move(a[0] + unit * run, a[1] + (outer * size + place) * run, run)
                else:
                    i64(a[7])[0] = 1
                unit += 1

    return kernel


def check(index: str) -> Any:
    """Sets the flag for an index outside [0, size); arguments: indices, count, size, flag."""
    read = i32 if index == "int32" else i64

    def kernel(a, thread, threads):
        indices = read(a[0])
        for i in range(a[1]):
            if not 0 <= indices[i] < a[2]:
                i64(a[3])[0] = 1

    return kernel


def gather_gradient(index: str) -> Any:
    """`y[outer, r] = sum of dy[outer, i] where indices[i] is r`, runs of `inner` float32; all indices are right.

    arguments: y, dy, indices, outer, count of indices, size, inner. Threads share the elements of runs.
    """
    read = i32 if index == "int32" else i64

    @njit(inline="always")
    def accumulate(y, dy, indices, count, size, inner, first, end):
        for row in range(size):
            for c in range(first, end):
                y[row * inner + c] = np.float32(0)
        for i in range(count):
            place = indices[i] * inner
            for c in range(first, end):
                y[place + c] += dy[i * inner + c]

    def kernel(a, thread, threads):
        count, size, inner = a[4], a[5], a[6]
        first, end = share_start(inner, thread, threads), share_start(inner, thread + 1, threads)
        for outer in range(a[3]):
            y, dy = f32(a[0] + outer * size * inner * 4), f32(a[1] + outer * count * inner * 4)
            accumulate(y, dy, read(a[2]), count, size, inner, first, end)

    return kernel
