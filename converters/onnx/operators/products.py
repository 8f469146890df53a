"""Products of matrices."""

from __future__ import annotations

from typing import Any

from kcompat.ir import Value
from kcompat.ir.types import is_float

from ..call import Call, NeedsHost, handles


@handles("MatMul")
def _matmul(c: Call) -> Any:
    x, y = c.x(0), c.x(1)
    return c.cast(c.b.matmul(c.wide(x), c.wide(y)), x.dtype)


@handles("Gemm")
def _gemm(c: Call) -> Any:
    """alpha A' B' + beta C, where C broadcasts."""
    dtype = c.x().dtype
    a, b, bias = c.x(0), c.x(1), c.opt(2)
    if not is_float(dtype):
        raise NeedsHost
    a = c.b.transpose(a, perm=(1, 0)) if c.get("transA", 0) else a
    b = c.b.transpose(b, perm=(1, 0)) if c.get("transB", 0) else b
    alpha, beta = c.get("alpha", 1.0), c.get("beta", 1.0)
    a, b = c.wide(a), c.wide(b)
    bias = None if bias is None or not beta else _scaled(c, c.wide(bias), beta)
    if bias is not None and alpha == 1 and bias.rank == 1 and bias.shape == b.shape[1:]:
        return c.cast(c.b.dense(a, b, bias), dtype)
    product = _scaled(c, c.b.matmul(a, b), alpha)
    return c.cast(product if bias is None else c.b.add(product, bias), dtype)


def _scaled(c: Call, x: Value, factor: float) -> Value:
    return x if factor == 1 else c.b.mul(x, float(factor))


@handles("Einsum")
def _einsum(c: Call) -> Any:
    """By an equation with an arrow and without ellipsis; others are written out first."""
    values = [c.x(i) for i in range(len(c))]
    equation = str(c.get("equation", "")).replace(" ", "")
    if "." in equation:
        raise NeedsHost
    if "->" not in equation:
        letters = equation.replace(",", "")
        equation += "->" + "".join(sorted(letter for letter in set(letters) if letters.count(letter) == 1))
    return c.b.einsum(*values, equation=equation)
