"""Sums and products of everything up to each position of an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from .intrinsics import f32
from .shares import share_start


def scan(op: str) -> Any:
    """op: "cumsum" or "cumprod" along the middle of three axes.

    arguments: y, x, outer, count, inner, whether a position leaves itself out, whether it goes from the end.
    """
    is_sum = op == "cumsum"

    def kernel(a, thread, threads):
        count, inner = a[3], a[4]
        unit, end = share_start(a[2] * inner, thread, threads), share_start(a[2] * inner, thread + 1, threads)
        while unit < end:
            outer = unit // inner
            first = outer * count * inner + unit - outer * inner
            step = inner
            if a[6] != 0:
                first, step = first + (count - 1) * inner, -inner
            y, x = f32(a[0]), f32(a[1])
            total = np.float32(0) if is_sum else np.float32(1)
            for r in range(count):
                before, value = total, x[first + r * step]
                total = before + value if is_sum else before * value
                y[first + r * step] = before if a[5] != 0 else total
            unit += 1

    return kernel
