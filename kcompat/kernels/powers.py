"""Powers of float32, by logarithms in float64: correct to the last bits, in loops that LLVM makes vectors of."""

from __future__ import annotations

import numpy as np
from numba import njit, types

from .intrinsics import bit_cast, fma

inline = njit(inline="always")
F, D = np.float32, np.float64
_bits, _of_bits = bit_cast(types.float64, types.int64), bit_cast(types.int64, types.float64)

WHOLE = D(1.5 * 2.0**52)
"""Added to a double it rounds it to a whole number, which is then in the low bits."""
ROOT = np.int64(0x3FE6A09E667F3BCD)
"""The bits of sqrt(1/2)."""
TWO_BY_LN2 = D(2.8853900817779268)


@inline
def log2(x):
    """Of a positive double: the series of the area hyperbolic tangent, to 1e-12; 0 and infinity as powers need them."""
    shifted = _bits(x) - ROOT
    exponent = shifted >> np.int64(52)
    m = _of_bits((shifted & np.int64(0xFFFFFFFFFFFFF)) + ROOT)
    s = (m - D(1)) / (m + D(1))
    z = s * s
    p = fma(D(1 / 13), z, D(1 / 11))
    p = fma(p, z, D(1 / 9))
    p = fma(p, z, D(1 / 7))
    p = fma(p, z, D(1 / 5))
    p = fma(p, z, D(1 / 3))
    p = fma(p, z, D(1))
    y = fma(p * s, TWO_BY_LN2, D(exponent))
    y = D(-np.inf) if x == D(0) else y
    return D(np.inf) if x == D(np.inf) else y


@inline
def exp2(x):
    """Between what a float32 vanishes and overflows at: Taylor's series, to 1e-11."""
    x = D(-160) if x < D(-160) else x
    x = D(130) if x > D(130) else x
    shifted = x + WHOLE
    r = x - (shifted - WHOLE)
    p = fma(D(1.0178086009239700e-7), r, D(1.3215486790144310e-6))
    p = fma(p, r, D(1.5252733804059841e-5))
    p = fma(p, r, D(1.5403530393381610e-4))
    p = fma(p, r, D(1.3333558146428443e-3))
    p = fma(p, r, D(9.6181291076284772e-3))
    p = fma(p, r, D(5.5504108664821580e-2))
    p = fma(p, r, D(2.4022650695910071e-1))
    p = fma(p, r, D(6.9314718055994531e-1))
    p = fma(p, r, D(1))
    return p * _of_bits((_bits(shifted) << np.int64(52)) + np.int64(0x3FF0000000000000))


@inline
def power(x, y):
    """As C's pow: 1 for y = 0 and for x = 1, NaN for negative x and an y that is not whole."""
    magnitude = F(exp2(D(y) * log2(D(abs(x)))))
    half = y * F(0.5)
    is_whole, is_odd = np.floor(y) == y, np.floor(half) != half
    z = -magnitude if is_whole and is_odd and (x < F(0) or F(1) / x < F(0)) else magnitude
    z = F(np.nan) if x < F(0) and x > F(-np.inf) and not is_whole else z
    z = F(1) if x == F(-1) and abs(y) == F(np.inf) else z
    z = x + y if x != x or y != y else z
    return F(1) if x == F(1) or y == F(0) else z
