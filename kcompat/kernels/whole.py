"""Reductions of whole numbers, which wrap around as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import i32, i64
from .shares import share_start

_COMBINE = {
    "sum": njit(lambda x, y: x + y, inline="always"),
    "prod": njit(lambda x, y: x * y, inline="always"),
    "max": njit(lambda x, y: max(x, y), inline="always"),
    "min": njit(lambda x, y: min(x, y), inline="always"),
}


def reduce(op: str, dtype: str) -> Any:
    """`y[o, n] = op of x[o, i, n] for all i`; arguments: y, x, outer, count, inner."""
    memory, number, combine = i32 if dtype == "int32" else i64, np.dtype(dtype).type, _COMBINE[op]

    def kernel(a, thread, threads):
        y, x, count, inner = memory(a[0]), memory(a[1]), a[3], a[4]
        unit, end = share_start(a[2] * inner, thread, threads), share_start(a[2] * inner, thread + 1, threads)
        while unit < end:
            first = unit // inner * count * inner + unit % inner
            total = np.int64(x[first])
            for i in range(1, count):
                total = combine(total, np.int64(x[first + i * inner]))
            y[unit] = number(total)
            unit += 1

    return kernel
