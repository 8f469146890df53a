"""Weighted sums of positions along an axis."""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import f32, i64
from .shares import share_start


def along() -> Any:
    """`y[outer, o, inner] = sum over t of weights[o, t] * x[outer, places[o, t], inner]`.

    Products are rounded before they are added: images are cut off to integers behind it.

    arguments: y, x, places (int64), weights, outer, size, result's size, inner, taps.
    """

    @njit(inline="always")
    def row(y, x, places, weights, inner, taps):
        first, weight = f32(x + places[0] * inner * 4), weights[0]
        for i in range(inner):
            y[i] = first[i] * weight
        for tap in range(1, taps):
            source, weight = f32(x + places[tap] * inner * 4), weights[tap]
            for i in range(inner):
                y[i] += source[i] * weight

    def kernel(a, thread, threads):
        size, out, inner, taps = a[5], a[6], a[7], a[8]
        unit, end = share_start(a[4] * out, thread, threads), share_start(a[4] * out, thread + 1, threads)
        while unit < end:
            outer = unit // out
            place = unit - outer * out
            row(
                f32(a[0] + unit * inner * 4), a[1] + outer * size * inner * 4,
                i64(a[2] + place * taps * 8), f32(a[3] + place * taps * 4), inner, taps,
            )  # fmt: skip
            unit += 1

    kernel.fastmath = {"nsz"}  # type: ignore[attr-defined]
    return kernel
