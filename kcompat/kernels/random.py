"""Random numbers by Philox4x32-10, the same bits as operators/random.py states."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import f32, stack, u32
from .shares import share_start

_FIRST, _SECOND = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL_0, _WEYL_1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _HALF = np.uint64(0xFFFFFFFF), np.uint64(32)
_UNIT = np.float32(2.0**-24)


@njit(inline="always")
def philox(block, seed, counter):
    """The four words of a block of the stream, as uint64."""
    c0, c1, c2, c3 = block & _LOW, block >> _HALF, counter, np.uint64(0)
    k0, k1 = seed, np.uint64(0)
    for _ in range(10):
        first, second = _FIRST * c0, _SECOND * c2
        c0, c1, c2, c3 = (second >> _HALF) ^ c1 ^ k0, second & _LOW, (first >> _HALF) ^ c3 ^ k1, first & _LOW
        k0, k1 = (k0 + _WEYL_0) & _LOW, (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@njit(inline="always")
def unit_of(word):
    """A word as a multiple of 2^-24 in [0, 1)."""
    return np.float32(word >> np.uint64(8)) * _UNIT


def uniform() -> Any:
    """Numbers in [0, 1); arguments: y, state (uint32 seed and counter), count."""
    last_on_stack = stack(2)

    @njit(inline="always")
    def fill(y, block, seed, counter):
        c0, c1, c2, c3 = philox(np.uint64(block), seed, counter)
        y[4 * block] = unit_of(c0)
        y[4 * block + 1] = unit_of(c1)
        y[4 * block + 2] = unit_of(c2)
        y[4 * block + 3] = unit_of(c3)

    def kernel(a, thread, threads):
        y, count, state = f32(a[0]), a[2], u32(a[1])
        seed, counter = np.uint64(state[0]), np.uint64(state[1])
        blocks = (count + 3) // 4
        first, end = share_start(blocks, thread, threads), share_start(blocks, thread + 1, threads)
        for block in range(first, min(end, count // 4)):
            fill(y, block, seed, counter)
        if end * 4 > count:
            block, last = count // 4, last_on_stack()
            fill(f32(last - 16 * block), block, seed, counter)
            for i in range(4 * block, count):
                y[i] = f32(last)[i - 4 * block]

    return kernel
