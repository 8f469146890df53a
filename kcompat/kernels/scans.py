"""Sums and products of everything up to each position of an axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import f32
from .scalars import FLOAT
from .shares import share_start


def scan(op: str) -> Any:
    """op: "cumsum" or "cumprod" along the middle of three axes.

    arguments: y, x, outer, count, inner, whether a position leaves itself out, whether it goes from the end.
    """
    combine, neutral = (FLOAT["add"], np.float32(0)) if op == "cumsum" else (FLOAT["mul"], np.float32(1))

    @njit(inline="always")
    def line(y, x, count, step, excludes):
        total = neutral
        for r in range(count):
            before, total = total, combine(total, x[r * step])
            y[r * step] = before if excludes != 0 else total

    @njit(inline="always")
    def columns(y, x, first, end, count, step, excludes):
        """Position by position: what lies behind each is contiguous."""
        for c in range(first, end):
            y[c] = neutral if excludes != 0 else x[c]
        for r in range(1, count):
            target, source = r * step, (r - 1) * step if excludes != 0 else r * step
            for c in range(first, end):
                y[target + c] = combine(y[target - step + c], x[source + c])

    def kernel(a, thread, threads):
        outer, count, inner = a[2], a[3], a[4]
        apart = inner if outer == 1 else outer
        first, end = share_start(apart, thread, threads), share_start(apart, thread + 1, threads)
        start, step = ((count - 1) * inner, -inner) if a[6] != 0 else (0, inner)
        if outer == 1:
            columns(f32(a[0] + start * 4), f32(a[1] + start * 4), first, end, count, step, a[5])
            return
        for place in range(first, end):
            at = (place * count * inner + start) * 4
            if inner == 1:
                line(f32(a[0] + at), f32(a[1] + at), count, step, a[5])
            else:
                columns(f32(a[0] + at), f32(a[1] + at), 0, inner, count, step, a[5])

    return kernel
