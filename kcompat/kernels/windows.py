"""Sliding windows over channels-last images: depthwise convolution, in three spatial axes.

Images with fewer axes have ones in front.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import as_f32, f32
from .shares import share_start

GEOMETRY = 4 + 6 * 3
"""Words: x, y, images, channels; then three each of input sizes, output sizes, window, strides, low pads, dilations."""


@njit(inline="always")
def taps_to(distance, dilation):
    """How many taps begin before a place; divisions take long."""
    return distance if dilation == 1 else (distance + dilation - 1) // dilation


@njit(inline="always")
def first_tap(place, low, dilation):
    """The first tap of a window whose first tap is at `place - low` that lies inside."""
    return taps_to(low - place, dilation) if low > place else 0


@njit(inline="always")
def end_tap(place, low, dilation, size, window):
    """One past the last tap that lies inside."""
    return min(window, taps_to(size - (place - low), dilation)) if place - low < size else 0


@njit(inline="always")
def tap_offset(a, image, d, h, w, i, j, k):
    """The element at which a tap's channels begin; d, h, w are the window's first place without padding."""
    place = image * a[4] + d - a[16] + i * a[19]
    place = place * a[5] + h - a[17] + j * a[20]
    return (place * a[6] + w - a[18] + k * a[21]) * a[3]


@njit(inline="always")
def reaching(place, tap, low, stride, dilation, size):
    """Which input pixel's tap falls on an output place of a transposed convolution; negative if none."""
    at = place + low - tap * dilation
    return at // stride if at >= 0 and at % stride == 0 and at // stride < size else -1


def by_rows(one: Any) -> Any:
    """The kernel that computes each output pixel with `one(a, image, d, h, w)`; threads share rows of pixels."""

    def kernel(a, thread, threads):
        rows = a[2] * a[7] * a[8]
        row, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        while row < end:
            image, rest = row // (a[7] * a[8]), row % (a[7] * a[8])
            for w in range(a[9]):
                one(a, image, rest // a[8], rest % a[8], w)
            row += 1

    return kernel


def depthwise() -> Any:
    """Each channel convolved with its own kernel, and clamped.

    arguments after GEOMETRY: weights (taps, channels), bias, residual or 0, bits of low and high.
    """

    @njit(inline="always")
    def one(a, image, d, h, w):
        channels = a[3]
        pixel = (((image * a[7] + d) * a[8] + h) * a[9] + w) * channels * 4
        y, bias = f32(a[1] + pixel), f32(a[23])
        for c in range(channels):
            y[c] = bias[c]
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    at = tap_offset(a, image, d, h, w, i, j, k)
                    x = f32(a[0] + at * 4)
                    weights = f32(a[22] + ((i * a[11] + j) * a[12] + k) * channels * 4)
                    for c in range(channels):
                        y[c] += x[c] * weights[c]
        if a[24] != 0:
            residual = f32(a[24] + pixel)
            for c in range(channels):
                y[c] += residual[c]
        low, high = as_f32(a[25]), as_f32(a[26])
        for c in range(channels):
            value = low if y[c] < low else y[c]
            y[c] = high if value > high else value

    return by_rows(one)
