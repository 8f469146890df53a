"""Classes: which are the largest, vectors of them, the cross-entropy of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from . import scalars
from .intrinsics import f32, i32, i64
from .reductions import REASSOCIATED
from .shares import share_start


def largest(op: str) -> Any:
    """`y[outer, inner] = op over r of x[outer, r, inner]`, the first of equals, NaN before all; arguments: y (int32),
    x, outer, count, inner. op: "argmax" or "argmin"."""
    sign = np.float32(1 if op == "argmax" else -1)

    @njit(inline="always")
    def place_of(x, count, step):
        best, place = sign * x[0], 0
        for r in range(1, count):
            value = sign * x[r * step]
            if value > best or (value != value and best == best):
                best, place = value, r
        return place

    def kernel(a, thread, threads):
        y, count, inner = i32(a[0]), a[3], a[4]
        unit, end = share_start(a[2] * inner, thread, threads), share_start(a[2] * inner, thread + 1, threads)
        while unit < end:
            outer = unit // inner
            y[unit] = place_of(f32(a[1] + (outer * count * inner + unit - outer * inner) * 4), count, inner)
            unit += 1

    return kernel


def top() -> Any:
    """The `k` largest of each row, largest first, and their places; equals in the order they have, NaN
    before all. arguments: values, places (int32), x, rows, length, k."""

    @njit(inline="always")
    def is_less(x, y):
        return x < y or (y != y and x == x)

    @njit(inline="always")
    def row(values, places, x, length, k):
        held = 0
        for i in range(length):
            value = x[i]
            if held < k or is_less(values[k - 1], value):
                place = min(held, k - 1)
                while place > 0 and is_less(values[place - 1], value):
                    values[place], places[place] = values[place - 1], places[place - 1]
                    place -= 1
                values[place], places[place] = value, i
                held = min(held + 1, k)

    def kernel(a, thread, threads):
        length, k = a[4], a[5]
        unit, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while unit < end:
            row(f32(a[0] + unit * k * 4), i32(a[1] + unit * k * 4), f32(a[2] + unit * length * 4), length, k)
            unit += 1

    return kernel


def one_hot(index: str) -> Any:
    """Rows of zeros with a one where an index is in [0, depth); arguments: y (float32), indices, count, depth."""
    read = i32 if index == "int32" else i64

    def kernel(a, thread, threads):
        indices, depth = read(a[1]), a[3]
        unit, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while unit < end:
            y, place = f32(a[0] + unit * depth * 4), indices[unit]
            for i in range(depth):
                y[i] = np.float32(0)
            if 0 <= place < depth:
                y[place] = np.float32(1)
            unit += 1

    return kernel


def cross_entropy(index: str) -> Any:
    """`y[i] = -log(softmax(x[i]))[labels[i]]`; sets the flag for a label outside [0, classes).

    arguments: y, labels, x, rows, classes, flag.
    """
    read = i32 if index == "int32" else i64

    @njit(inline="always")
    def surprise(x, label, classes):
        best, total = np.float32(-np.inf), np.float32(0)
        for i in range(classes):
            best = scalars.maximum(best, x[i])
        for i in range(classes):
            total += scalars.bounded_exp(x[i] - best)
        return scalars.log(total) - (x[label] - best)

    def kernel(a, thread, threads):
        y, labels, classes = f32(a[0]), read(a[1]), a[4]
        row, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while row < end:
            label = labels[row]
            if 0 <= label < classes:
                y[row] = surprise(f32(a[2] + row * classes * 4), label, classes)
            else:
                i64(a[5])[0] = 1
            row += 1

    kernel.fastmath = REASSOCIATED  # type: ignore[attr-defined]
    return kernel
