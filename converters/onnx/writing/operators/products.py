"""Products of matrices, and attention."""

from __future__ import annotations

import numpy as np

from kcompat.ir.types import numpy_name

from ..call import Call, writes


@writes("dense")
def _dense(w: Call) -> str:
    """One Gemm for rows of features; MatMul and Add for more axes."""
    x, kernel = w.x(0), w.x(1)
    if w.rank == 2 and w.is_float:
        return w.add("Gemm", x, kernel, *([w.x(2)] if w.given(2) else []))
    product = w.add("MatMul", x, kernel)
    return w.add("Add", product, w.x(2)) if w.given(2) else product


@writes("matmul")
def _matmul(w: Call) -> str:
    names = [_with_rows_as_columns(w, i) if w.attr(a) else w.x(i) for i, a in enumerate(("transpose_a", "transpose_b"))]
    return w.add("MatMul", *names)


def _with_rows_as_columns(w: Call, index: int) -> str:
    rank = w.type(index).rank
    return w.add("Transpose", w.x(index), perm=[*range(rank - 2), rank - 1, rank - 2])


@writes("einsum")
def _einsum(w: Call) -> str:
    return w.add("Einsum", *w.names, equation=w.attr("equation"))


@writes("causal_mask")
def _causal_mask(w: Call) -> str:
    rows, columns = _places(w, 0, w.rank - 2), _places(w, 0, w.rank - 1)
    return w.add("GreaterOrEqual", w.add("Unsqueeze", rows, axes=[1]), columns)


def _places(w: Call, index: int, axis: int) -> str:
    """0, 1, ... along an axis of an operand."""
    size = w.type(index).shape[axis]
    if isinstance(size, int):
        return w.ints(np.arange(size))
    count = w.add("Squeeze", w.shape(w.x(index), axis, axis + 1), axes=[0])
    return w.add("Range", w.ints(0), count, w.ints(1))


@writes("attention")
def _attention(w: Call) -> tuple[str, ...] | str:
    query = w.add("Transpose", w.x(0), perm=[0, 2, 1, 3])
    key = _per_head(w, 1, [0, 2, 3, 1])
    value = _per_head(w, 2, [0, 2, 1, 3])
    scores = w.add("Mul", w.add("MatMul", query, key), w.like(w.attr("scale")))
    seen = _seen(w)
    if seen:
        scores = w.add("Where", seen, scores, w.like(np.finfo(numpy_name(w.dtype)).min))
    weights = w.add("Softmax", scores, axis=-1)
    if seen and w.attr("zero_masked"):
        weights = w.add("Where", seen, weights, w.like(0))
    output = w.add("Transpose", w.add("MatMul", weights, value), perm=[0, 2, 1, 3])
    return (output, weights) if w.attr("with_weights") else output


def _per_head(w: Call, index: int, perm: list[int]) -> str:
    """Keys or values in an order of axes; where heads share them, each once for every head."""
    heads, groups = w.type(0).shape[2], w.type(index).shape[2]
    x = w.x(index)
    if heads != groups:
        if not isinstance(heads, int) or not isinstance(groups, int):
            raise w.refusal("the numbers of heads of queries and of keys are open")
        x = w.add("Gather", x, w.ints(np.repeat(np.arange(groups), heads // groups)), axis=2)
    return w.add("Transpose", x, perm=perm)


def _seen(w: Call) -> str:
    """Which keys a query may see; empty where it is all."""
    parts = [w.x(3)] if w.given(3) else []
    if w.attr("causal") or w.attr("window"):
        rows, columns = w.add("Unsqueeze", _places(w, 0, 1), axes=[1]), _places(w, 1, 1)
        if w.attr("causal"):
            parts.append(w.add("GreaterOrEqual", rows, columns))
        if w.attr("window"):
            distance = w.add("Abs", w.add("Sub", rows, columns))
            parts.append(w.add("Less", distance, w.ints(w.attr("window"))))
    total = parts[0] if parts else ""
    for part in parts[1:]:
        total = w.add("And", total, part)
    return total
