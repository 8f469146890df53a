"""Booleans along the middle of three axes."""

from __future__ import annotations

from typing import Any

from .intrinsics import u8
from .shares import share_start


def reduce(op: str) -> Any:
    """op: "max" for whether any is true, "min" for all; arguments: y, x, outer, count, inner."""
    is_any = op == "max"

    def kernel(a, thread, threads):
        y, x, count, inner = u8(a[0]), u8(a[1]), a[3], a[4]
        for unit in range(share_start(a[2] * inner, thread, threads), share_start(a[2] * inner, thread + 1, threads)):
            outer = unit // inner
            first = outer * count * inner + unit - outer * inner
            found = x[first]
            for r in range(1, count):
                if is_any:
                    found |= x[first + r * inner]
                else:
                    found &= x[first + r * inner]
            y[unit] = found

    return kernel
