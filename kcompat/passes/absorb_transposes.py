"""Transposes of what a dense product made, inside its weights."""

from __future__ import annotations

import numpy as np

from ..ir import Constant, Graph, Node, Value
from .remove_dead import remove_dead
from .rewrite import Rewrite, rewrite


def absorb_transposes(graph: Graph) -> Graph:
    """Given a dense with constant weights whose rows, after pointwise operators, are reshaped into images that are
    transposed. Result: the dense with its columns in the images' new order, and no transpose."""
    if not any(node.op.name == "transpose" for node in graph.nodes):
        return graph
    return remove_dead(rewrite(graph, _absorb))


def _absorb(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    if node.op.name != "transpose" or node.attrs["perm"][0] != 0:
        return None
    image = operands[0]
    reshape = work.producer(image, "reshape")
    if reshape is None or image is None or not work.single_use(image):
        return None
    rows = reshape.inputs[0]
    sizes = image.shape[1:]
    if (
        rows is None
        or rows.rank != 2
        or not all(isinstance(size, int) for size in sizes)
        or rows.shape[0] != image.shape[0]
    ):
        return None
    order = [axis - 1 for axis in node.attrs["perm"][1:]]
    columns = np.arange(int(np.prod(sizes))).reshape(sizes).transpose(order).reshape(-1)
    moved = _with_columns(work, rows, columns)
    if moved is None:
        return None
    shape = (reshape.attrs["shape"][0], *(sizes[axis] for axis in order))
    return work.b.reshape(moved, shape=shape)


def _with_columns(work: Rewrite, rows: Value, columns: np.ndarray) -> Value | None:
    """The rows with their columns in another order, if that needs but other constants."""
    if isinstance(rows, Constant):
        return _taken(work, rows, columns)
    if not work.single_use(rows) or rows.shape[-1] != len(columns):
        return None
    dense = work.producer(rows, "dense")
    if dense is not None:
        x, w, bias = dense.inputs
        if not isinstance(w, Constant) or not (bias is None or isinstance(bias, Constant)):
            return None
        new_bias = None if bias is None else _taken(work, bias, columns)
        return work.b.dense(x, _taken(work, w, columns), new_bias)
    node = getattr(rows, "producer", None)
    if node is None or not (node.op.pointwise or _is_norm_of_columns(node)):
        return None
    return _pointwise(work, node, columns)


def _is_norm_of_columns(node: Node) -> bool:
    return node.op.name == "batch_norm" and node.attrs["axis"] in (-1, 1)


def _pointwise(work: Rewrite, node: Node, columns: np.ndarray) -> Value | None:
    operands: list[Value | None] = []
    for value in node.inputs:
        if value is None or value.shape[-1:] in ((), (1,)):
            operands.append(value)
            continue
        moved = _with_columns(work, value, columns)
        if moved is None:
            return None
        operands.append(moved)
    return work.b.apply(node.op, *operands, **node.attrs)


def _taken(work: Rewrite, constant: Constant, columns: np.ndarray) -> Constant:
    return Constant(np.ascontiguousarray(constant.data[..., columns]), constant.name)
