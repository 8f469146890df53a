"""Normalisation by own statistics."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import as_f32, f32
from .scalars import sqrt_
from .shares import share_start

REASSOCIATED = {"contract", "nsz", "reassoc"}
"""A sum along a row is split into as many sums as vectors have lanes: the same ones in every run."""


@njit(fastmath=REASSOCIATED)
def _total(x, count):
    total = np.float32(0)
    for i in range(count):
        total += x[i]
    return total


@njit(fastmath=REASSOCIATED)
def _power(x, count):
    total = np.float32(0)
    for i in range(count):
        total += x[i] * x[i]
    return total


def rows(mode: str) -> Any:
    """Rows normalised, times gamma, plus beta; arguments: y, x, gamma, beta, rows, length of a row, epsilon's bits.

    mode: "layer" for mean 0 and variance 1, "rms" for mean square 1, "l2" for sum of squares 1, at least epsilon.
    """

    @njit(inline="always")
    def factor(power, count, epsilon):
        if mode == "l2":
            return np.float32(1) / sqrt_(epsilon if power < epsilon else power)
        return np.float32(1) / sqrt_(power / np.float32(count) + epsilon)

    @njit(inline="always")
    def row(y, x, gamma, beta, count, epsilon):
        if mode == "layer":
            mean = _total(x, count) / np.float32(count)
            for i in range(count):
                y[i] = x[i] - mean
            scale = factor(_power(y, count), count, epsilon)
            for i in range(count):
                y[i] = y[i] * scale * gamma[i] + beta[i]
        else:
            scale = factor(_power(x, count), count, epsilon)
            for i in range(count):
                y[i] = x[i] * scale * gamma[i] + beta[i]

    def kernel(a, thread, threads):
        at, end = share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)
        while at < end:
            row(f32(a[0] + at * a[5] * 4), f32(a[1] + at * a[5] * 4), f32(a[2]), f32(a[3]), a[5], as_f32(a[6]))
            at += 1

    return kernel


def groups() -> Any:
    """Mean 0 and variance 1 for each sample and group of channels, channels last, then gamma and beta by channel.

    arguments: y, x, gamma, beta, samples, positions, groups, channels of a group, epsilon's bits.
    """

    @njit(inline="always")
    def group(y, x, gamma, beta, positions, step, channels, epsilon):
        count = np.float32(positions * channels)
        total = np.float32(0)
        for p in range(positions):
            total += _total(f32(x + p * step), channels)
        mean, power = total / count, np.float32(0)
        for p in range(positions):
            source, target = f32(x + p * step), f32(y + p * step)
            for c in range(channels):
                target[c] = source[c] - mean
            power += _power(target, channels)
        scale = np.float32(1) / sqrt_(power / count + epsilon)
        for p in range(positions):
            target = f32(y + p * step)
            for c in range(channels):
                target[c] = target[c] * scale * gamma[c] + beta[c]

    def kernel(a, thread, threads):
        positions, count, channels = a[5], a[6], a[7]
        step = count * channels * 4
        unit, end = share_start(a[4] * count, thread, threads), share_start(a[4] * count, thread + 1, threads)
        while unit < end:
            sample = unit // count
            first = (unit - sample * count) * channels * 4
            start = sample * positions * step + first
            group(
                a[0] + start, a[1] + start, f32(a[2] + first), f32(a[3] + first),
                positions, step, channels, as_f32(a[8]),
            )  # fmt: skip
            unit += 1

    return kernel
