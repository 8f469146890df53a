"""Products by weights as dense: einsum and matmul whose one operand is constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir import Constant, Graph, Node, Value
from ..operators.shape import KEEP
from .rewrite import Rewrite, rewrite


def constant_products(graph: Graph) -> Graph:
    """Given einsum of a tensor and a constant that share only summed axes, or matmul by a constant matrix, and
    additions of a bias to them. Result: dense, of reshaped weights and bias, between reshapes where there were
    several axes."""
    return rewrite(graph, _rule)


def _rule(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    if node.op.name == "einsum" and len(operands) == 2:
        terms, result = node.attrs["equation"].split("->")
        first, second = terms.split(",")
        return _einsum(work, operands, first, second, result) or _einsum(work, operands[::-1], second, first, result)
    if node.op.name == "matmul":
        return _matmul(work, node, operands)
    if node.op.name == "add":
        return _biased(work, operands[0], operands[1]) or _biased(work, operands[1], operands[0])
    return None


def _matmul(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    x, w = operands
    if not isinstance(w, Constant) or w.rank != 2 or x is None or x.rank < 2 or node.attrs["transpose_a"]:
        return None
    return work.b.dense(x, np.ascontiguousarray(w.data.T) if node.attrs["transpose_b"] else w)


def _einsum(work: Rewrite, operands: Sequence[Value | None], term: str, weights: str, result: str) -> Value | None:
    x, w = operands
    if x is None or not isinstance(w, Constant) or any(len(set(t)) != len(t) for t in (term, weights, result)):
        return None
    summed = [letter for letter in term if letter in weights]
    free = [letter for letter in term if letter not in summed]
    columns = [letter for letter in weights if letter not in summed]
    if any(letter in result for letter in summed) or any(letter not in result for letter in (*free, *columns)):
        return None
    free.sort(key=result.index)
    columns.sort(key=result.index)
    matrix = w.data.transpose([weights.index(letter) for letter in (*summed, *columns)])
    sizes = matrix.shape[len(summed) :]
    depth = int(np.prod(matrix.shape[: len(summed)], dtype=np.int64))
    x = _ordered(work, x, term, [*free, *summed])
    if len(summed) != 1:
        x = work.b.reshape(x, shape=(*[KEEP] * len(free), depth))
    y = work.b.dense(x, np.ascontiguousarray(matrix.reshape(depth, -1)))
    if len(columns) != 1:
        y = work.b.reshape(y, shape=(*[KEEP] * len(free), *sizes))
    return _ordered(work, y, "".join((*free, *columns)), list(result))


def _ordered(work: Rewrite, x: Value, letters: str, wanted: list[str]) -> Value:
    """x, whose axes have letters, with its axes in the wanted order."""
    if list(letters) == wanted:
        return x
    return work.b.transpose(x, perm=[letters.index(letter) for letter in wanted])


def _biased(work: Rewrite, value: Value | None, other: Value | None) -> Value | None:
    """The addition of a constant behind a dense and the reshape of its columns, as the dense's bias."""
    source = work.producer(value, "reshape")
    dense = None if source is None else work.producer(source.inputs[0], "dense")
    if source is None or dense is None or value is None or not isinstance(other, Constant):
        return None
    x, w, bias = dense.inputs
    product = dense.outputs[0]
    columns = value.shape[product.rank - 1 :]
    is_split = product.shape[:-1] == value.shape[: product.rank - 1] and np.prod(columns) == product.shape[-1]
    if bias is not None or not is_split or not work.single_use(value) or work.is_shared(product):
        return None
    shape = other.shape[-len(columns) :]
    if any(size != 1 for size in other.shape[: -len(columns)]) or other.rank > value.rank:
        return None
    vector = np.broadcast_to(other.data.reshape(shape), columns).reshape(-1)
    return work.b.reshape(work.b.dense(x, w, np.ascontiguousarray(vector)), shape=source.attrs["shape"])
