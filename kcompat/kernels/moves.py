"""Moving elements: strided copies, padding, filling."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import i64, u8, u32
from .shares import share_start

AXES = 8


@njit(inline="always")
def _run(target, source, count, target_stride, source_stride, size):
    """Copy `count` elements of `size` bytes; strides in bytes."""
    if target_stride == 4 and source_stride == 4 and size == 4:
        y4, x4 = u32(target), u32(source)
        for i in range(count):
            y4[i] = x4[i]
    elif target_stride == size and source_stride == size:
        y8, x8 = u8(target), u8(source)
        for i in range(count * size):
            y8[i] = x8[i]
    elif size == 4:
        for i in range(count):
            u32(target + i * target_stride)[0] = u32(source + i * source_stride)[0]
    elif size == 1:
        y8, x8 = u8(target), u8(source)
        for i in range(count):
            y8[i * target_stride] = x8[i * source_stride]
    elif size == 8:
        for i in range(count):
            i64(target + i * target_stride)[0] = i64(source + i * source_stride)[0]
    elif size == 1:
        for i in range(count):
            u8(target + i * target_stride)[0] = u8(source + i * source_stride)[0]
    else:
        for i in range(count):
            y8, x8 = u8(target + i * target_stride), u8(source + i * source_stride)
            for byte in range(size):
                y8[byte] = x8[byte]


def copy() -> Any:
    """A copy of elements in AXES axes, outermost first.

    arguments: target, source, bytes of an element; then, for each axis: size, bytes from element to element in the
    target, and in the source (0 to repeat, negative to go backwards).
    """

    def kernel(a, thread, threads):
        last = 3 + 3 * (AXES - 1)
        rows = 1
        for axis in range(AXES - 1):
            rows *= a[3 + 3 * axis]
        row, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        while row < end:
            target, source, rest = a[0], a[1], row
            axis = AXES - 2
            while axis >= 0:
                at = 3 + 3 * axis
                outer = rest // a[at]
                place = rest - outer * a[at]
                target += place * a[at + 1]
                source += place * a[at + 2]
                rest = outer
                axis -= 1
            before = last - 3
            until = min(end, row - row % a[before] + a[before])
            while row < until:
                _run(target, source, a[last], a[last + 1], a[last + 2], a[2])
                target += a[before + 1]
                source += a[before + 2]
                row += 1

    return kernel


@njit(inline="always")
def _fill(target, count, bits, size):
    """Write `count` elements of `size` bytes: 1, 4 or 8."""
    if size == 4:
        y4 = u32(target)
        for i in range(count):
            y4[i] = bits
    elif size == 8:
        y8 = i64(target)
        for i in range(count):
            y8[i] = bits
    else:
        y1 = u8(target)
        for i in range(count):
            y1[i] = bits


def fill() -> Any:
    """arguments: target, count, bits of the element, bytes of an element (1, 4 or 8)."""

    def kernel(a, thread, threads):
        first, end = share_start(a[1], thread, threads), share_start(a[1], thread + 1, threads)
        _fill(a[0] + first * a[3], end - first, a[2], a[3])

    return kernel


def pad() -> Any:
    """A contiguous array with one value around it.

    arguments: target, source, address of the value, bytes of an element (1, 4 or 8); then, for each of AXES axes,
    outermost first: size of the target, elements of the value in front, size of the source.
    """

    @njit(inline="always")
    def source_rows(a, number):
        """Which rows of the source, along the last axis but one, are among those of the target; -1 if none is."""
        found, step, axis = 0, 1, AXES - 3
        while axis >= 0:
            at = 4 + 3 * axis
            outer = number // a[at] if number > 0 else 0
            place = number - outer * a[at] - a[at + 1]
            if place < 0 or place >= a[at + 2]:
                return -1
            found += place * step
            step *= a[at + 2]
            number = outer
            axis -= 1
        return found

    def kernel(a, thread, threads):
        last, size = 4 + 3 * (AXES - 1), a[3]
        bits = i64(a[2])[0] if size == 8 else np.int64(u32(a[2])[0]) if size == 4 else np.int64(u8(a[2])[0])
        rows = 1
        for axis in range(AXES - 1):
            rows *= a[4 + 3 * axis]
        width, before, inside = a[last], a[last + 1], a[last + 2]
        together, above, height = a[last - 3], a[last - 2], a[last - 1]
        row, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        while row < end:
            number = row // together
            found, place = source_rows(a, number), row - number * together
            until = min(end, row - place + together)
            while row < until:
                target, y = a[0] + row * width * size, place - above
                if found < 0 or y < 0 or y >= height:
                    _fill(target, width, bits, size)
                else:
                    own = target + before * size
                    _fill(target, before, bits, size)
                    _run(own, a[1] + (found * height + y) * inside * size, inside, size, size, size)
                    _fill(own + inside * size, width - before - inside, bits, size)
                row, place = row + 1, place + 1

    return kernel
