"""Products with matrices, learned ones and others."""

from __future__ import annotations

import numpy as np

from kcompat.ir import Node, Value

from .canonical import Rewriter, both_ways, idiom
from .raiser import Raiser, raises
from .reshaping import flat_rows

# --- idioms ------------------------------------------------------------------------


@idiom("matmul")
def dense(b: Rewriter, node: Node) -> Value | None:
    """x @ w with a known matrix w."""
    x, w = node.inputs
    if x is None or w is None or b.is_known(x) or not b.is_known(w) or w.rank != 2 or x.rank < 2:
        return None
    return b.dense(x, w)


@idiom("add")
def dense_with_bias(b: Rewriter, node: Node) -> Value | None:
    """x @ w + bias."""
    for product, bias in both_ways(node):
        made = b.made_by(product, "dense")
        array = b.data(bias)
        if made is None or array is None or made.inputs[2] is not None or not b.is_read_once(made.outputs[0]):
            continue
        units = made.outputs[0].shape[-1]
        if array.shape[-1:] == (units,) and array.size == units and array.ndim <= made.outputs[0].rank:
            vector = b.array(array.reshape(-1), bias)
            with b.at(made):
                return b.dense(made.inputs[0], made.inputs[1], vector)
    return None


@idiom("mul")
def scaled_dense(b: Rewriter, node: Node) -> Value | None:
    """Gemm's alpha: a number times x @ w."""
    for product, factor in both_ways(node):
        made, number = b.made_by(product, "dense"), b.number(factor)
        if made is None or number is None or made.inputs[2] is not None or made.origin != node.origin:
            continue
        weights = b.array(b.data(made.inputs[1]) * np.float32(number), made.inputs[1])
        return b.dense(made.inputs[0], weights)
    return None


# --- layers ------------------------------------------------------------------------


@raises("dense")
def dense_layer(r: Raiser, node: Node) -> None:
    """Dense; behind a Flatten of an image whose channels are last now, with its rows in the new order."""
    x, w, bias = node.inputs
    assert x is not None
    kernel, vector = r.known(w), r.known(bias)
    if kernel is None or (bias is not None and vector is None):
        _product(r, node)
        return
    y = node.outputs[0]
    options = {"units": kernel.shape[1], "use_bias": bias is not None}
    if x in r.flattened:
        tensor, rows = flat_rows(r, x)
        r.bind(y, r.layer("Dense", tensor, weights=(kernel[rows], vector), **options))
        return
    held = r.held(x)
    order = held.order if held.order[-1] == x.rank - 1 else tuple(range(x.rank))
    r.bind(y, r.layer("Dense", r.tensor(x, order), weights=(kernel, vector), **options), order)


def _product(r: Raiser, node: Node) -> None:
    """A product with a matrix that the model computes."""
    x, w, bias = (None if value is None else r.operand(value) for value in node.inputs)
    y = r.op("matmul", x, w)
    r.bind(node.outputs[0], y if bias is None else r.op("add", y, bias, suffix="bias"))


@raises("matmul")
def matmul(r: Raiser, node: Node) -> None:
    r.bind(node.outputs[0], r.op("matmul", *(r.operand(value) for value in node.inputs)))


@raises("einsum")
def einsum(r: Raiser, node: Node) -> None:
    operands = [r.operand(value) for value in node.inputs]
    r.bind(node.outputs[0], r.op("einsum", *operands, subscripts=node.attrs["equation"]))
