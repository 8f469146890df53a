"""Products of matrices: dense, matmul, einsum."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, Text, not_differentiable, operator, require_bias, same_dtype
from ..ir.types import Dim, TensorType, broadcast, same_dim, shape_text
from .gradients import Gradients, spread, unbroadcast


def _dense_type(x: TensorType, w: TensorType, bias: TensorType | None) -> TensorType:
    same_dtype("dense", x, w, bias)
    if x.rank < 1 or w.rank != 2:
        raise ShapeError(f"dense: x {shape_text(x.shape)} must have axes and w {shape_text(w.shape)} two")
    same_dim(
        x.shape[-1],
        w.shape[0],
        f"dense: last axis of x {shape_text(x.shape)} and rows of w {shape_text(w.shape)}",
    )
    require_bias("dense", bias, w.shape[1])
    return x.with_shape((*x.shape[:-1], w.shape[1]))


def rows(b: Builder, x: Value) -> Value:
    """x with all axes but the last as one."""
    return x if x.rank == 2 else b.reshape(x, shape=(-1, x.shape[-1]))


def _dense_gradient(b: Builder, gradients: Sequence[Value], inputs: Sequence[Any], outputs: Any) -> Gradients:
    (dy,), (x, w, bias) = gradients, inputs
    by_w = b.matmul(rows(b, x), rows(b, dy), transpose_a=True)
    by_bias = None if bias is None else b.reduce_sum(dy, axes=range(dy.rank - 1))
    return [b.matmul(dy, w, transpose_b=True), by_w, by_bias]


dense = operator(
    "dense",
    "x w bias?",
    infer=_dense_type,
    meaning=lambda x, w, bias: x @ w if bias is None else x @ w + bias,
    gradient=_dense_gradient,
)
"""x (..., K) times w (K, N) plus bias (N,) -> (..., N)."""


def _matmul_type(x: TensorType, y: TensorType, *, transpose_a: bool, transpose_b: bool) -> TensorType:
    same_dtype("matmul", x, y)
    if not x.rank or not y.rank:
        raise ShapeError("matmul: operands must have axes")
    if (transpose_a and x.rank < 2) or (transpose_b and y.rank < 2):
        raise ShapeError(f"matmul: a vector has no transpose: {shape_text(x.shape)} and {shape_text(y.shape)}")
    left = x.shape if x.rank > 1 else (1, *x.shape)
    right = y.shape if y.rank > 1 else (*y.shape, 1)
    left = (*left[:-2], left[-1], left[-2]) if transpose_a else left
    right = (*right[:-2], right[-1], right[-2]) if transpose_b else right
    same_dim(left[-1], right[-2], f"matmul: inner sizes of {shape_text(x.shape)} and {shape_text(y.shape)}")
    rows = left[-2:-1] if x.rank > 1 else ()
    columns = right[-1:] if y.rank > 1 else ()
    return x.with_shape(broadcast(left[:-2], right[:-2]) + rows + columns)


def _matmul(x: np.ndarray, y: np.ndarray, *, transpose_a: bool, transpose_b: bool) -> np.ndarray:
    left = np.swapaxes(x, -1, -2) if transpose_a else x
    right = np.swapaxes(y, -1, -2) if transpose_b else y
    return np.matmul(left, right)


def _matmul_gradient(
    b: Builder,
    gradients: Sequence[Value],
    inputs: Sequence[Value],
    outputs: Any,
    *,
    transpose_a: bool,
    transpose_b: bool,
) -> Gradients:
    (dy,), (x, y) = gradients, inputs
    left = x if x.rank > 1 else b.expand_dims(x, axes=(0,))
    right = y if y.rank > 1 else b.expand_dims(y, axes=(1,))
    dy = dy if y.rank > 1 else b.expand_dims(dy, axes=(-1,))
    dy = dy if x.rank > 1 else b.expand_dims(dy, axes=(-2,))
    if transpose_a:
        by_left = b.matmul(right, dy, transpose_a=transpose_b, transpose_b=True)
    else:
        by_left = b.matmul(dy, right, transpose_b=not transpose_b)
    if transpose_b:
        by_right = b.matmul(dy, left, transpose_a=True, transpose_b=transpose_a)
    else:
        by_right = b.matmul(left, dy, transpose_a=not transpose_a)
    by_left = _unbroadcast_stack(b, by_left, left, right)
    by_right = _unbroadcast_stack(b, by_right, right, left)
    return [
        by_left if x.rank > 1 else b.squeeze(by_left, axes=(0,)),
        by_right if y.rank > 1 else b.squeeze(by_right, axes=(1,)),
    ]


def _unbroadcast_stack(b: Builder, gradient: Value, operand: Value, other: Value) -> Any:
    """A gradient summed over stacks of matrices along which `operand` was repeated."""
    stacked = Value(other.type.with_shape((*other.shape[:-2], *operand.shape[-2:])))
    return unbroadcast(b, gradient, operand, stacked)


matmul = operator(
    "matmul",
    "x y",
    attrs={"transpose_a": Bool(False), "transpose_b": Bool(False)},
    infer=_matmul_type,
    meaning=_matmul,
    gradient=_matmul_gradient,
    onnx="MatMul",
)
"""NumPy's matmul: the last two axes are matrices, the others broadcast.

transpose_a, transpose_b: with the matrices of x, of y transposed; ONNX has no such attributes.
"""


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


def _einsum_gradient(
    b: Builder, gradients: Sequence[Value], inputs: Sequence[Value], outputs: Any, *, equation: str
) -> Gradients:
    terms, result = equation.split("->")
    names = terms.split(",")
    made: Gradients = []
    for place, (term, x) in enumerate(zip(names, inputs, strict=True)):
        others = [*zip(names[:place], inputs[:place], strict=True)]
        others += zip(names[place + 1 :], inputs[place + 1 :], strict=True)
        made.append(_einsum_operand(b, term, x, [(result, gradients[0]), *others]))
    return made


def _einsum_operand(b: Builder, term: str, x: Value, others: Sequence[tuple[str, Value]]) -> Any:
    """The gradient of one operand.

    Of a letter that it has twice only the diagonal counts; letters that no other term has were summed, and
    are spread again.
    """
    free = (letter for letter in ascii_letters if not any(letter in other for other in (term, *dict(others))))
    for axis, letter in enumerate(term):
        if letter in term[:axis]:
            size, new = x.shape[axis], next(free)
            if not isinstance(size, int):
                return not_differentiable
            term = term[:axis] + new + term[axis + 1 :]
            others = [*others, (letter + new, b.constant(np.eye(size), x.dtype))]
    named = {letter for other, _ in others for letter in other}
    found = "".join(letter for letter in term if letter in named)
    equation = ",".join(other for other, _ in others) + "->" + found
    gradient = b.einsum(*(value for _, value in others), equation=equation)
    summed = [axis for axis, letter in enumerate(term) if letter not in named]
    return spread(b, b.expand_dims(gradient, axes=summed), x) if summed else gradient


einsum = operator(
    "einsum",
    "x*",
    attrs={"equation": Text},
    infer=_einsum_type,
    meaning=lambda *arrays, equation: np.einsum(equation, *arrays, optimize=True),
    gradient=_einsum_gradient,
)
"""Sum of products by an explicit equation without ellipsis: "bij,bjk->bik"."""
