"""The gradients of pooling: each window's gradient goes to its elements. Threads share images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import f32, i32, stack
from .shares import share_start
from .windows import end_tap, first_tap, tap_offset

CHANNELS = 256
"""Channels that are done together, with a flag for each on the stack."""


@njit(inline="always")
def clear(y, first, end):
    for i in range(first, end):
        y[i] = np.float32(0)


def max_pool(ties: str) -> Any:
    """arguments: as `windows.pool`, x the input of the pooling, y the gradient by it; then dy and how many elements
    an image has. ties: "first" of equally large elements, or "all"."""
    only_first = ties == "first"
    flags_on_stack, best_on_stack = stack(CHANNELS // 2), stack(CHANNELS // 2)

    @njit(inline="always")
    def window(a, best, taken, image, d, h, w, channel, count):
        x, dx = f32(a[0]), f32(a[1])
        dy = f32(a[22] + (((image * a[7] + d) * a[8] + h) * a[9] + w) * a[3] * 4 + channel * 4)
        for c in range(count):
            best[c] = np.float32(-np.inf)
            taken[c] = 0
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    at = tap_offset(a, image, d, h, w, i, j, k) + channel
                    for c in range(count):
                        best[c] = x[at + c] if x[at + c] > best[c] else best[c]
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    at = tap_offset(a, image, d, h, w, i, j, k) + channel
                    for c in range(count):
                        hit = x[at + c] == best[c] and (not only_first or taken[c] == 0)
                        dx[at + c] += dy[c] if hit else np.float32(0)
                        taken[c] = 1 if hit else taken[c]

    def kernel(a, thread, threads):
        best, taken = f32(best_on_stack()), i32(flags_on_stack())
        image, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        clear(f32(a[1]), image * a[23], end * a[23])
        while image < end:
            for d in range(a[7]):
                for h in range(a[8]):
                    for w in range(a[9]):
                        for channel in range(0, a[3], CHANNELS):
                            window(a, best, taken, image, d, h, w, channel, min(CHANNELS, a[3] - channel))
            image += 1

    return kernel


def avg_pool() -> Any:
    """arguments: as `windows.pool`, x unused, y the gradient by the input; then dy, how many elements an image has,
    and whether padding counts."""

    @njit(inline="always")
    def window(a, image, d, h, w):
        dx = f32(a[1])
        dy = f32(a[22] + (((image * a[7] + d) * a[8] + h) * a[9] + w) * a[3] * 4)
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        inside = a[10] * a[11] * a[12] if a[24] != 0 else (d1 - d0) * (h1 - h0) * (w1 - w0)
        divisor = np.float32(inside)
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    at = tap_offset(a, image, d, h, w, i, j, k)
                    for c in range(a[3]):
                        dx[at + c] += dy[c] / divisor

    def kernel(a, thread, threads):
        image, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        clear(f32(a[1]), image * a[23], end * a[23])
        while image < end:
            for d in range(a[7]):
                for h in range(a[8]):
                    for w in range(a[9]):
                        window(a, image, d, h, w)
            image += 1

    return kernel
