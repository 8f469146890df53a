"""Products with matrices, learned ones and others."""

from __future__ import annotations

import math

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import is_float
from kcompat.layers.symbolic import public_shape

from .canonical import Rewriter, both_ways, idiom
from .one_head import attention_of_one_head
from .raiser import Raiser, first, raises
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


_LEAST_SQUARE = 1e-12
"""Dot normalises with no smaller a sum of squares."""

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
    """Dot for two batches of matrices, whichever way they lie; else an operation."""
    x, y = node.inputs
    result = node.outputs[0]
    tensors = [value for value in (x, y) if value is not None and r.known(value) is None]
    if attention_of_one_head(r, node):
        return
    if len(tensors) == 2 and all(_is_batch(r, value) for value in tensors) and is_float(result.dtype):
        left, right = (r.held(value) for value in tensors)
        if left.tensor.shape[0] == right.tensor.shape[0]:
            axes = (left.place(2), right.place(1))
            r.bind(result, r.layer("Dot", [left.tensor, right.tensor], axes=axes))
            return
    r.bind(result, r.op("matmul", *(r.operand(value) for value in (x, y))))


def _is_batch(r: Raiser, value: Value) -> bool:
    return value.rank == 3 and r.held(value).order[0] == 0


@raises("einsum")
def einsum(r: Raiser, node: Node) -> None:
    """EinsumDense for a tensor and a known one, with the bias that follows; else an operation."""
    kernel = r.known(node.inputs[1]) if len(node.inputs) == 2 else None
    left, right, result = _terms(node.attrs["equation"])
    if kernel is None and len(node.inputs) == 2 and _dot(r, node, left, right, result):
        return
    if kernel is None or left[:1] != result[:1] or left[0] in right or not is_float(node.outputs[0].dtype):
        operands = [r.operand(value) for value in node.inputs]
        r.bind(node.outputs[0], r.op("einsum", *operands, subscripts=node.attrs["equation"]))
        return
    output, added = node.outputs[0], added_bias(r, node.outputs[0])
    y = r.layer(
        "EinsumDense",
        r.tensor(first(node)),
        weights=(kernel, added[1] if added else None),
        equation=node.attrs["equation"],
        output_shape=public_shape(output.type)[1:],
        bias_axes="".join(result[axis] for axis in added[2]) if added else None,
    )
    r.bind(added[0] if added else output, y)


def _dot(r: Raiser, node: Node, left: str, right: str, result: str) -> bool:
    """Dot for the sum over one axis of each of two batches. Returns whether it is that."""
    summed = [c for c in left if c in right and c not in result]
    tensors = [value for value in node.inputs if value is not None and r.known(value) is None]
    wanted = left[:1] + "".join(c for c in left[1:] + right[1:] if c not in summed)
    output = node.outputs[0]
    column = _added_axis(r, output) if len(result) == 1 else output
    if len(tensors) < 2 or len(summed) != 1 or left[0] != right[0] or result != wanted or column is None:
        return False
    axes = (left.index(summed[0]), right.index(summed[0]))
    sources = [_unnormalised(r, value, axis) for value, axis in zip(tensors, axes, strict=True)]
    if all(source is not None for source in sources):
        operands = [r.tensor(source) for source in sources if source is not None]
        r.bind(column, r.layer("Dot", operands, axes=axes, normalize=True))
        return True
    r.bind(column, r.layer("Dot", [r.tensor(value) for value in tensors], axes=axes))
    return True


def _unnormalised(r: Raiser, value: Value, axis: int) -> Value | None:
    """What a value was before it was brought to a norm of one along an axis as Dot does it."""
    made = value.producer if isinstance(value, Result) else None
    if made is None or made.op.name != "l2_normalize" or not r.is_read_once(value):
        return None
    same = made.attrs["axes"] == (axis,) and math.isclose(made.attrs["epsilon"], _LEAST_SQUARE, rel_tol=1e-5)
    return first(made) if same else None


def _added_axis(r: Raiser, value: Value) -> Value | None:
    """What is made of a vector by giving it a second axis, if nothing else reads it."""
    user = r.users[value][0] if r.is_read_once(value) else None
    return user.outputs[0] if user is not None and user.op.name == "expand_dims" and user.outputs[0].rank == 2 else None


def _terms(equation: str) -> tuple[str, str, str]:
    operands, _, result = equation.partition("->")
    left, _, right = operands.partition(",")
    return left, right, result


def added_bias(r: Raiser, product: Value) -> tuple[Value, np.ndarray, list[int]] | None:
    """The sum of a product and a weight, if nothing else reads the product, the weight, and the axes it lies along.

    The weight has its axes from the first of these on, as Keras has them.
    """
    users = r.users.get(product, [])
    if not r.is_read_once(product) or users[0].op.name != "add":
        return None
    bias = next(value for value in users[0].inputs if value is not product)
    array = r.known(bias)
    if array is None or array.ndim > product.rank or users[0].outputs[0].shape != product.shape:
        return None
    sizes: list[int] = [1] * (product.rank - array.ndim) + list(array.shape)
    axes = [axis for axis, size in enumerate(sizes) if size != 1]
    if not axes or axes[0] == 0 or any(sizes[axis] != product.shape[axis] for axis in axes):
        return None
    return users[0].outputs[0], array.reshape(sizes[axes[0] :]), axes
