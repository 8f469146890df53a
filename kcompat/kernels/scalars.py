"""Pointwise functions of float32, written so that LLVM makes vector loops of them: no calls, no branches.

Polynomials follow Cephes (exp, log, tanh, sin) and Eigen (erf); their largest errors against float64 are measured by
the tests. NaN and infinity propagate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.extending import intrinsic

from . import powers, trigonometry
from .intrinsics import float_bits, float_of_bits, fma

F = np.float32


def _llvm_unary(name: str) -> Any:
    @intrinsic
    def unary(context, x):
        def codegen(context, builder, signature, args):
            function = builder.module.declare_intrinsic(f"llvm.{name}", [args[0].type])
            return builder.call(function, args)

        return x(x), codegen

    return unary


floor_ = _llvm_unary("floor")
ceil_ = _llvm_unary("ceil")
rint_ = _llvm_unary("rint")
abs_ = _llvm_unary("fabs")
sqrt_ = _llvm_unary("sqrt")

inline = njit(inline="always")
ZERO, HALF, ONE, TWO = F(0), F(0.5), F(1), F(2)
LOG2E = F(1.44269504088896341)
LN2 = F(0.69314718055994531)
LN2_HIGH, LN2_LOW = F(0.693359375), F(-2.12194440e-4)
WHOLE = F(12582912)
"""1.5 * 2^23: added to a float it rounds it to a whole number, which is then in the low bits."""
EXPM1 = (
    F(1.9875691500e-4), F(1.3981999507e-3), F(8.3334519073e-3),
    F(4.1665795894e-2), F(1.6666665459e-1), F(5.0000001201e-1),
)  # fmt: skip
"""The coefficients of p in exp(r) = 1 + r + r^2 p(r), highest first, from Cephes expf."""
EXP = (
    F(1.381459878757596e-3), F(8.368716575205326e-3), F(4.166838899254799e-2),
    F(1.666652113199234e-1), F(4.999999403953552e-1), ONE, ONE,
)  # fmt: skip
"""The minimax polynomial of degree 6 for exp(r), |r| <= ln(2) / 2, highest coefficient first: within 3.1e-9."""
TANH_HIGH = F(9.1)
"""Beyond it, tanh is 1 in float32."""
EXP_HIGH, EXP_LOW = F(89), F(-106)
"""Beyond these, exp is infinite or 0."""


@inline
def power_of_two(shifted):
    """2^n for a whole n in [-126, 127], of WHOLE + n."""
    return float_of_bits((float_bits(shifted) << np.int32(23)) + np.int32(0x3F800000))


@inline
def exp_reduced(r):
    """exp(r) for |r| <= ln(2) / 2."""
    p = fma(EXP[0], r, EXP[1])
    p = fma(p, r, EXP[2])
    p = fma(p, r, EXP[3])
    p = fma(p, r, EXP[4])
    return fma(fma(p, r, EXP[5]), r, EXP[6])


@inline
def expm1_reduced(r):
    """exp(r) - 1 for |r| <= ln(2) / 2: r + r^2 p(r)."""
    p = fma(EXPM1[0], r, EXPM1[1])
    p = fma(p, r, EXPM1[2])
    p = fma(p, r, EXPM1[3])
    p = fma(p, r, EXPM1[4])
    p = fma(p, r, EXPM1[5])
    return fma(p, r * r, r)


@inline
def exp(x):
    """2^n in two factors, whose product may vanish or overflow."""
    x = EXP_LOW if x < EXP_LOW else x
    x = EXP_HIGH if x > EXP_HIGH else x
    shifted = fma(x, LOG2E, WHOLE)
    n = shifted - WHOLE
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    half = fma(n, HALF, WHOLE)
    return exp_reduced(r) * power_of_two(half) * power_of_two(shifted - (half - WHOLE))


@inline
def bounded_exp(x):
    """exp(x), but 0 below 2^-126.5 and infinity from 2^127.5 on: quicker, where such results vanish in a sum."""
    x = F(-88) if x < F(-88) else x
    x = F(89) if x > F(89) else x
    shifted = fma(x, LOG2E, WHOLE)
    r = fma(shifted - WHOLE, -LN2, x)
    return exp_reduced(r) * power_of_two(shifted)


@inline
def expm1(x):
    x = F(-30) if x < F(-30) else x
    x = EXP_HIGH if x > EXP_HIGH else x
    shifted = fma(x, LOG2E, WHOLE)
    n = shifted - WHOLE
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, x))
    half = fma(n, HALF, WHOLE)
    low, high = power_of_two(half), power_of_two(shifted - (half - WHOLE))
    return fma(expm1_reduced(r) * low, high, low * high - ONE)


@inline
def log(x):
    small = x < F(1.17549435e-38)
    scaled = x * F(8388608.0) if small else x
    bits = float_bits(scaled)
    e = F((bits >> np.int32(23)) - np.int32(126)) - (F(23) if small else ZERO)
    m = float_of_bits((bits & np.int32(0x007FFFFF)) | np.int32(0x3F000000))
    low = m < F(0.707106781186547524)
    e = e - ONE if low else e
    m = (m + m if low else m) - ONE
    z = m * m
    p = fma(F(7.0376836292e-2), m, F(-1.1514610310e-1))
    p = fma(p, m, F(1.1676998740e-1))
    p = fma(p, m, F(-1.2420140846e-1))
    p = fma(p, m, F(1.4249322787e-1))
    p = fma(p, m, F(-1.6668057665e-1))
    p = fma(p, m, F(2.0000714765e-1))
    p = fma(p, m, F(-2.4999993993e-1))
    p = fma(p, m, F(3.3333331174e-1))
    y = fma(e, LN2_LOW, p * m * z)
    y = fma(z, F(-0.5), y)
    y = fma(e, LN2_HIGH, m + y)
    y = F(np.inf) if x == F(np.inf) else y
    y = F(-np.inf) if x == ZERO else y
    return y if x >= ZERO else F(np.nan)


@inline
def log1p(x):
    u = x + ONE
    c = x - (u - ONE)
    y = log(u) + (c / u if u > ZERO and u < F(np.inf) else ZERO)
    return x if abs_(x) < F(1e-7) else y


@inline
def sigmoid(x):
    return ONE / (ONE + bounded_exp(-x))


@inline
def tanh(x):
    """t / (t + 2), t being exp(2x) - 1."""
    a = -TANH_HIGH if x < -TANH_HIGH else x
    a = TANH_HIGH if a > TANH_HIGH else a
    shifted = fma(a + a, LOG2E, WHOLE)
    n = shifted - WHOLE
    r = fma(n, -LN2_LOW, fma(n, -LN2_HIGH, a + a))
    power = power_of_two(shifted)
    t = fma(expm1_reduced(r), power, power - ONE)
    return t / (t + TWO)


@inline
def erf(x):
    """The quotient of polynomials of Eigen (generic_fast_erf_float) up to 4, where erf is 1 in float32."""
    a = F(-4) if x < F(-4) else x
    a = F(4) if a > F(4) else a
    z = a * a
    p = fma(F(-2.72614225801306e-10), z, F(2.77068142495902e-08))
    p = fma(p, z, F(-2.10102402082508e-06))
    p = fma(p, z, F(-5.69250639462346e-05))
    p = fma(p, z, F(-7.34990630326855e-04))
    p = fma(p, z, F(-2.95459980854025e-03))
    p = fma(p, z, F(-1.60960333262415e-02))
    q = fma(F(-1.45660718464996e-05), z, F(-2.13374055278905e-04))
    q = fma(q, z, F(-1.68282697438203e-03))
    q = fma(q, z, F(-7.37332916720468e-03))
    q = fma(q, z, F(-1.42647390514189e-02))
    y = a * p / q
    y = ONE if x > F(4) else y
    return -ONE if x < F(-4) else y


@inline
def softplus(x):
    return max(x, ZERO) + log1p(bounded_exp(-abs_(x))) if x == x else x


@inline
def relu(x, negative_slope, max_value, threshold):
    above = max_value if x > max_value else x
    below = negative_slope * (x - threshold) if negative_slope != ZERO else ZERO
    return above if x > threshold or (threshold == ZERO and x != x) else below


@inline
def gelu(x, approximate):
    if approximate != ZERO:
        inner = F(0.7978845608028654) * (x + F(0.044715) * x * x * x)
        return HALF * x * (ONE + tanh(inner))
    return HALF * x * (ONE + erf(x * F(0.7071067811865476)))


@inline
def silu(x):
    return x / (ONE + bounded_exp(-x))


@inline
def elu(x, alpha):
    return x if x > ZERO else alpha * expm1(x)


@inline
def selu(x):
    return F(1.0507009873554805) * (x if x > ZERO else F(1.6732632423543772) * expm1(x))


@inline
def celu(x, alpha):
    return x if x > ZERO else alpha * expm1(x / alpha)


@inline
def softsign(x):
    return x / (ONE + abs_(x))


@inline
def hard_sigmoid(x, alpha, beta):
    return minimum(maximum(alpha * x + beta, ZERO), ONE)


@inline
def hard_silu(x):
    return x * minimum(maximum(x + F(3), ZERO), F(6)) / F(6)


@inline
def mish(x):
    return x * tanh(softplus(x))


@inline
def log_sigmoid(x):
    return -softplus(-x)


@inline
def tanh_shrink(x):
    return x - tanh(x)


@inline
def soft_shrink(x, threshold):
    return x - threshold if x > threshold else (x + threshold if x < -threshold else ZERO)


@inline
def hard_shrink(x, threshold):
    return x if abs_(x) > threshold else ZERO


@inline
def sparse_plus(x):
    y = F(0.25) * (x + ONE) * (x + ONE)
    return ZERO if x <= -ONE else (y if x < ONE else x)


@inline
def squareplus(x, b):
    return (x + sqrt_(x * x + b)) * HALF


@inline
def threshold(x, threshold, value):
    return x if x > threshold else value


@inline
def clip(x, low, high):
    y = low if x < low else x
    return high if y > high else y


@inline
def maximum(x, y):
    z = x if x >= y else y
    return x if x != x else z


@inline
def minimum(x, y):
    z = x if x <= y else y
    return x if x != x else z


@inline
def prelu(x, slope):
    return slope * x if x < ZERO else x


@inline
def sign(x):
    y = ONE if x > ZERO else (-ONE if x < ZERO else ZERO)
    return y if x == x else x


@inline
def rsqrt(x):
    return ONE / sqrt_(x)


FLOAT: dict[str, Callable[..., Any]] = {
    "add": inline(lambda x, y: x + y),
    "sub": inline(lambda x, y: x - y),
    "mul": inline(lambda x, y: x * y),
    "div": inline(lambda x, y: x / y),
    "maximum": maximum,
    "minimum": minimum,
    "pow": powers.power,
    "neg": inline(lambda x: -x),
    "abs": abs_,
    "sqrt": sqrt_,
    "rsqrt": rsqrt,
    "square": inline(lambda x: x * x),
    "round": rint_,
    "reciprocal": inline(lambda x: ONE / x),
    "exp": exp,
    "log": log,
    "floor": floor_,
    "ceil": ceil_,
    "sign": sign,
    "expm1": expm1,
    "log1p": log1p,
    "sin": trigonometry.sin,
    "cos": trigonometry.cos,
    "tanh": tanh,
    "sigmoid": sigmoid,
    "erf": erf,
    "relu": relu,
    "gelu": gelu,
    "silu": silu,
    "elu": elu,
    "selu": selu,
    "celu": celu,
    "softplus": softplus,
    "softsign": softsign,
    "hard_sigmoid": hard_sigmoid,
    "hard_silu": hard_silu,
    "mish": mish,
    "log_sigmoid": log_sigmoid,
    "tanh_shrink": tanh_shrink,
    "soft_shrink": soft_shrink,
    "hard_shrink": hard_shrink,
    "sparse_plus": sparse_plus,
    "squareplus": squareplus,
    "threshold": threshold,
    "prelu": prelu,
    "clip": clip,
    "equal": inline(lambda x, y: x == y),
    "not_equal": inline(lambda x, y: x != y),
    "less": inline(lambda x, y: x < y),
    "less_equal": inline(lambda x, y: x <= y),
    "greater": inline(lambda x, y: x > y),
    "greater_equal": inline(lambda x, y: x >= y),
    "logical_and": inline(lambda x, y: (x != 0) & (y != 0)),
    "logical_or": inline(lambda x, y: (x != 0) | (y != 0)),
    "logical_not": inline(lambda x: x == 0),
}
"""By operator: operands, then attributes, as float32; comparisons give booleans."""

BOUNDED: dict[str, tuple[np.float32, Callable[..., Any]]] = {
    "sin": (trigonometry.MOST, trigonometry.any_sin),
    "cos": (trigonometry.MOST, trigonometry.any_cos),
}
"""Operators whose function is for numbers up to a bound: the bound, and what computes others."""
