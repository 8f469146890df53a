"""Products of matrices: dense, matmul, einsum."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Text, operator, same_dtype
from ..ir.types import Dim, TensorType, broadcast, same_dim, shape_text


def _dense_type(x: TensorType, w: TensorType, bias: TensorType | None) -> TensorType:
    same_dtype("dense", x, w, bias)
    if x.rank < 1 or w.rank != 2:
        raise ShapeError(f"dense: x {shape_text(x.shape)} must have axes and w {shape_text(w.shape)} two")
    same_dim(
        x.shape[-1],
        w.shape[0],
        f"dense: last axis of x {shape_text(x.shape)} and rows of w {shape_text(w.shape)}",
    )
    return x.with_shape((*x.shape[:-1], w.shape[1]))


dense = operator(
    "dense",
    "x w bias?",
    infer=_dense_type,
    meaning=lambda x, w, bias: x @ w if bias is None else x @ w + bias,
)
"""x (..., K) times w (K, N) plus bias (N,) -> (..., N)."""


def _matmul_type(x: TensorType, y: TensorType) -> TensorType:
    same_dtype("matmul", x, y)
    if not x.rank or not y.rank:
        raise ShapeError("matmul: operands must have axes")
    left = x.shape if x.rank > 1 else (1, *x.shape)
    right = y.shape if y.rank > 1 else (*y.shape, 1)
    same_dim(left[-1], right[-2], f"matmul: inner sizes of {shape_text(x.shape)} and {shape_text(y.shape)}")
    rows = left[-2:-1] if x.rank > 1 else ()
    columns = right[-1:] if y.rank > 1 else ()
    return x.with_shape(broadcast(left[:-2], right[:-2]) + rows + columns)


matmul = operator("matmul", "x y", infer=_matmul_type, meaning=np.matmul, onnx="MatMul")
"""NumPy's matmul: the last two axes are matrices, the others broadcast."""


def _einsum_type(*types: TensorType, equation: str) -> TensorType:
    terms, result = equation.split("->")
    sizes: dict[str, Dim] = {}
    names = terms.split(",")
    if len(names) != len(types):
        raise ShapeError(f"einsum {equation!r} takes {len(names)} operands, received {len(types)}")
    for term, type in zip(names, types, strict=True):
        if len(term) != type.rank:
            raise ShapeError(f"einsum {equation!r}: term {term!r} against shape {shape_text(type.shape)}")
        for letter, dim in zip(term, type.shape, strict=True):
            sizes[letter] = same_dim(sizes.get(letter), dim, f"einsum {equation!r}: sizes of {letter!r}")
    return TensorType(same_dtype("einsum", *types), tuple(sizes[letter] for letter in result))


einsum = operator(
    "einsum",
    "x*",
    attrs={"equation": Text},
    infer=_einsum_type,
    meaning=lambda *arrays, equation: np.einsum(equation, *arrays, optimize=True),
)
"""Sum of products by an explicit equation without ellipsis: "bij,bjk->bik"."""
