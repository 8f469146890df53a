"""Sines and cosines of float32, reduced in float64."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from .intrinsics import fma

inline = njit(inline="always")
F, D = np.float32, np.float64

MOST = F(1 << 40)
"""Up to here the quarter turns in a number are a whole double whose product with a part of pi is not rounded."""
QUARTERS = D(6.3661977236758138e-1)
HIGH, LOW = D(1.5707963267948966), D(6.1232339957367660e-17)
"""A quarter turn."""
WHOLE = D(1.5 * 2.0**52)


@inline
def _turned(x, quarters):
    """The sine of x and some quarter turns: polynomials of Cephes within an eighth of a turn."""
    wide = D(x)
    n = fma(wide, QUARTERS, WHOLE) - WHOLE
    r = F(fma(-n, LOW, fma(-n, HIGH, wide)))
    n = n + quarters
    in_turn = n - D(4) * np.floor(n * D(0.25))
    z = r * r
    p = fma(F(-1.9515295891e-4), z, F(8.3321608736e-3))
    p = fma(p, z, F(-1.6666654611e-1))
    sine = fma(p * z, r, r)
    q = fma(F(2.443315711809948e-5), z, F(-1.388731625493765e-3))
    q = fma(q, z, F(4.166664568298827e-2))
    cosine = fma(q * z, z, fma(z, F(-0.5), F(1)))
    y = sine if in_turn == D(0) or in_turn == D(2) else cosine
    return -y if in_turn >= D(2) else y


@inline
def sin(x):
    return _turned(x, D(0))


@inline
def cos(x):
    return _turned(x, D(1))


@inline
def any_sin(x):
    return F(math.sin(x))


@inline
def any_cos(x):
    return F(math.cos(x))
