"""Steps of a scale, and the numbers that they stand for: instructions of chains; what finds a tensor's own scale."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import f32, i8, i32, u8
from .scalars import ONE, ZERO, F, inline, maximum, minimum, rint_
from .shares import share_start
from .windows import by_rows, end_tap, first_tap, tap_offset

_POINTERS = {"f": f32, "i": i8, "u": u8, "w": i32}
"""By letter: float32, int8, uint8, int32."""

_LIMITS = {"i": (F(-128), F(127)), "u": (F(0), F(255))}


@inline
def _quantize(x, scale, zero):
    return rint_(x / scale) + F(zero)


@inline
def _requantize(x, factor, zero):
    return rint_(F(x) * factor) + F(zero)


@inline
def _dequantize(x, scale, zero):
    return F(np.int32(x) - np.int32(zero)) * scale


_STEPS = {"quantize": _quantize, "requantize": _requantize, "dequantize": _dequantize}


def step(op: str, source: str, target: str, single: int) -> Any:
    """`target[i] = op(x[i], factor[i], zero[i])` for i < count, as an instruction of `chains.run`.

    source, target: letters of the dtypes. single: 1 where x is one element, plus 2 where factor is, plus 4 where zero.
    """
    read, write, apply = _POINTERS[source], _POINTERS[target], _STEPS[op]
    zeros = write if target != "f" else read
    low, high = _LIMITS.get(target, (ZERO, ZERO))
    stays = target == "f"
    x_step, one_factor, one_zero = int(not single & 1), bool(single & 2), bool(single & 4)

    def kernel(a, count, _):
        y, x, factors, offsets = write(a[0]), read(a[1]), f32(a[2]), zeros(a[3])
        only_factor, only_offset = factors[0], offsets[0]
        for i in range(count):
            factor = only_factor if one_factor else factors[i]
            offset = only_offset if one_zero else offsets[i]
            value = apply(x[i * x_step], factor, offset)
            if stays:
                y[i] = value
            else:
                limited = low if value < low else value
                limited = high if limited > high else limited
                y[i] = np.int32(limited)

    return kernel


BLOCK = 4096
"""Elements whose least and largest are found together."""


def extremes() -> Any:
    """The least and the largest of each block of elements; arguments: the pairs, x, count."""

    @njit(inline="always")
    def of_block(x, count):
        low, high = ZERO, ZERO
        for i in range(count):
            low, high = min(low, x[i]), max(high, x[i])
        return low, high

    def kernel(a, thread, threads):
        blocks = (a[2] + BLOCK - 1) // BLOCK
        for block in range(share_start(blocks, thread, threads), share_start(blocks, thread + 1, threads)):
            pair = f32(a[0] + 8 * block)
            first = block * BLOCK
            pair[0], pair[1] = of_block(f32(a[1] + 4 * first), min(BLOCK, a[2] - first))

    kernel.fastmath = {"nnan", "nsz", "reassoc"}  # type: ignore[attr-defined]
    return kernel


def scale() -> Any:
    """The scale and the zero with which uint8 cover a range and zero; arguments: scale, zero, pairs of extremes, how
    many."""

    def kernel(a, thread, threads):
        pairs, low, high = f32(a[2]), ZERO, ZERO
        for number in range(a[3]):
            low, high = minimum(low, pairs[2 * number]), maximum(high, pairs[2 * number + 1])
        factor = (high - low) / F(255) if high > low else ONE
        f32(a[0])[0] = factor
        u8(a[1])[0] = np.int32(rint_(minimum(maximum(-low / factor, ZERO), F(255))))

    return kernel


def quantize() -> Any:
    """float32 as uint8 in steps of a scale; arguments: y, x, scale, zero, count."""

    def kernel(a, thread, threads):
        y, x, factor, offset = u8(a[0]), f32(a[1]), f32(a[2])[0], u8(a[3])[0]
        for i in range(share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)):
            value = _quantize(x[i], factor, offset)
            limited = ZERO if value < ZERO else value
            y[i] = np.int32(F(255) if limited > F(255) else limited)

    return kernel


def pool(dtype: str) -> Any:
    """The largest bytes of windows; arguments: as of `pooling.images`, of three spatial axes."""
    pointer, lowest = (i8, -128) if dtype == "int8" else (u8, 0)

    @njit(inline="always")
    def one(a, image, d, h, w):
        channels = a[3]
        y = pointer(a[1] + ((((image * a[7] + d) * a[8] + h) * a[9]) + w) * channels)
        for c in range(channels):
            y[c] = lowest
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    x = pointer(a[0] + tap_offset(a, image, d, h, w, i, j, k))
                    for c in range(channels):
                        y[c] = x[c] if x[c] > y[c] else y[c]

    return by_rows(one)
