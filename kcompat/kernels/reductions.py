"""Reductions along the middle of three axes, and what is made of them along rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from . import scalars
from .intrinsics import f32
from .shares import share_start

REASSOCIATED = {"contract", "nsz", "reassoc"}
"""A sum along a row may be split into as many sums as vectors have lanes: the same ones in every run."""

_START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -np.inf, "min": np.inf}
_COMBINE = {
    "sum": scalars.FLOAT["add"],
    "mean": scalars.FLOAT["add"],
    "prod": scalars.FLOAT["mul"],
    "max": scalars.maximum,
    "min": scalars.minimum,
}


def reduce(op: str) -> Any:
    """`y[outer, inner] = op over r of x[outer, r, inner]`; arguments: y, x, outer, count, inner."""
    start, combine, is_mean = np.float32(_START[op]), _COMBINE[op], op == "mean"

    @njit(inline="always")
    def row(y, x, count):
        total = start
        for r in range(count):
            total = combine(total, x[r])
        y[0] = total / np.float32(count) if is_mean else total

    @njit(inline="always")
    def columns(y, x, count, inner, first, end):
        for c in range(first, end):
            y[c] = start
        for r in range(count):
            for c in range(first, end):
                y[c] = combine(y[c], x[r * inner + c])
        if is_mean:
            divisor = np.float32(count)
            for c in range(first, end):
                y[c] = y[c] / divisor

    def kernel(a, thread, threads):
        count, inner = a[3], a[4]
        if a[2] == 1 and inner > 1:
            first, last = share_start(inner, thread, threads), share_start(inner, thread + 1, threads)
            columns(f32(a[0]), f32(a[1]), count, inner, first, last)
            return
        outer, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while outer < end:
            y, x = f32(a[0] + outer * inner * 4), f32(a[1] + outer * count * inner * 4)
            if inner == 1:
                row(y, x, count)
            else:
                columns(y, x, count, inner, 0, inner)
            outer += 1

    kernel.fastmath = REASSOCIATED  # type: ignore[attr-defined]
    return kernel


@njit(inline="always")
def _maximum(x, count):
    best = np.float32(-np.inf)
    for i in range(count):
        best = scalars.maximum(best, x[i])
    return best


@njit(fastmath=REASSOCIATED)
def _total(x, count):
    total = np.float32(0)
    for i in range(count):
        total += x[i]
    return total


def softmax(log: int) -> Any:
    """softmax of rows, or its logarithm; arguments: y, x, rows, length of a row."""

    @njit(inline="always")
    def row(y, x, count):
        best = _maximum(x, count)
        for i in range(count):
            y[i] = scalars.bounded_exp(x[i] - best)
        total = _total(y, count)
        if log:
            shift = scalars.log(total)
            for i in range(count):
                y[i] = x[i] - best - shift
        else:
            for i in range(count):
                y[i] = y[i] / total

    def kernel(a, thread, threads):
        at, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while at < end:
            row(f32(a[0] + at * a[3] * 4), f32(a[1] + at * a[3] * 4), a[3])
            at += 1

    return kernel
