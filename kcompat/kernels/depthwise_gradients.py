"""Depthwise convolution backwards: what its input and its kernel get. Arguments begin as in `windows`."""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import f32
from .shares import share_start
from .windows import by_rows, reaching

BLOCK = 16
"""Channels that stay with one thread."""


@njit(inline="always")
def first_window(tap, low, stride, dilation):
    """The first window whose tap lies inside."""
    outside = low - tap * dilation
    return (outside + stride - 1) // stride if outside > 0 else 0


@njit(inline="always")
def end_window(tap, low, stride, dilation, size, windows):
    """One past the last window whose tap lies inside."""
    last = size - 1 + low - tap * dilation
    return min(windows, last // stride + 1) if last >= 0 else 0


def kernel() -> Any:
    """`dw[tap, channel]`, the sum of x times dy over all windows; arguments after `windows.GEOMETRY`: dy."""

    @njit(inline="always")
    def row(a, image, d, h, tap_d, tap_h, first, count):
        """Of one row of windows and one row of taps."""
        in_d, in_h = d * a[13] - a[16] + tap_d * a[19], h * a[14] - a[17] + tap_h * a[20]
        if not (0 <= in_d < a[4] and 0 <= in_h < a[5]):
            return
        x_row = ((image * a[4] + in_d) * a[5] + in_h) * a[6]
        y_row = ((image * a[7] + d) * a[8] + h) * a[9]
        for k in range(a[12]):
            dw = f32(a[1] + (((tap_d * a[11] + tap_h) * a[12] + k) * a[3] + first) * 4)
            w, end = first_window(k, a[18], a[15], a[21]), end_window(k, a[18], a[15], a[21], a[6], a[9])
            while w < end:
                x = f32(a[0] + ((x_row + w * a[15] - a[18] + k * a[21]) * a[3] + first) * 4)
                dy = f32(a[22] + ((y_row + w) * a[3] + first) * 4)
                for c in range(count):
                    dw[c] += x[c] * dy[c]
                w += 1

    def kernel(a, thread, threads):
        blocks, taps = (a[3] + BLOCK - 1) // BLOCK, a[10] * a[11] * a[12]
        first = share_start(blocks, thread, threads) * BLOCK
        count = min(share_start(blocks, thread + 1, threads) * BLOCK, a[3]) - first
        for tap in range(taps):
            dw = f32(a[1] + (tap * a[3] + first) * 4)
            for c in range(count):
                dw[c] = 0
        for line in range(a[2] * a[7] * a[8]):
            image, rest = line // (a[7] * a[8]), line % (a[7] * a[8])
            for i in range(a[10]):
                for j in range(a[11]):
                    row(a, image, rest // a[8], rest % a[8], i, j, first, count)

    return kernel


def transposed() -> Any:
    """Each output pixel is the sum of the pixels that reach it, times their taps; as in `transposed.collect`.

    arguments after `windows.GEOMETRY`: weights (taps, channels), bias.
    """

    @njit(inline="always")
    def one(a, image, d, h, w):
        y = f32(a[1] + (((image * a[7] + d) * a[8] + h) * a[9] + w) * a[3] * 4)
        bias = f32(a[23])
        for c in range(a[3]):
            y[c] = bias[c]
        for i in range(a[10]):
            from_d = reaching(d, i, a[16], a[13], a[19], a[4])
            for j in range(a[11]):
                from_h = reaching(h, j, a[17], a[14], a[20], a[5])
                if from_d >= 0 and from_h >= 0:
                    for k in range(a[12]):
                        from_w = reaching(w, k, a[18], a[15], a[21], a[6])
                        if from_w >= 0:
                            x = f32(a[0] + (((image * a[4] + from_d) * a[5] + from_h) * a[6] + from_w) * a[3] * 4)
                            weights = f32(a[22] + ((i * a[11] + j) * a[12] + k) * a[3] * 4)
                            for c in range(a[3]):
                                y[c] += x[c] * weights[c]

    return by_rows(one)
