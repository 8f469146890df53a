"""Classes: which are the largest, vectors of them, the cross-entropy of one."""

from __future__ import annotations

from ...ir import Node
from ...ir.types import normalize_axis
from ..planner import Planner, lowers
from ..program import kernel, product
from .lookup import INDICES, guard_range

ELEMENTS = 2.0
"""Compared per nanosecond, for estimates of work."""


@lowers("argmax", "argmin")
def largest(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    axis = normalize_axis(node.attrs["axis"], x.rank)
    if x.dtype != "float32":
        return False
    outer, count, inner = (product(part) for part in (x.shape[:axis], x.shape[axis : axis + 1], x.shape[axis + 1 :]))
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("classes.largest", op=node.op.name, lanes=planner.target.lanes),
        [target, source, outer, count, inner],
        reads=[source],
        writes=[target],
        work=outer * count * inner / ELEMENTS,
        label=f"{node.op.name} {outer}x{count}x{inner}",
    )
    return True


@lowers("top_k")
def top(planner: Planner, node: Node) -> bool:
    x, k = node.inputs[0], node.attrs["k"]
    assert x is not None
    if x.dtype != "float32" or k < 1 or 0 in x.shape:
        return False
    source, values, places = planner.place(x), *map(planner.place, node.outputs)
    rows, length = product(x.shape[:-1]), product(x.shape[-1:])
    planner.step(
        kernel("classes.top"),
        [values, places, source, rows, length, k],
        reads=[source],
        writes=[values, places],
        work=rows * (length / ELEMENTS + 20.0 * k),
        label=f"top {k} of {rows}x{length}",
    )
    return True


@lowers("one_hot")
def one_hot(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    if x.dtype not in INDICES or y.dtype != "float32":
        return False
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("classes.one_hot", index=x.dtype),
        [target, source, product(x.shape), node.attrs["depth"]],
        reads=[source],
        writes=[target],
        work=product(y.shape) / 8.0,
        label=f"one hot of {node.attrs['depth']}",
    )
    return True


@lowers("sparse_softmax_cross_entropy")
def cross_entropy(planner: Planner, node: Node) -> bool:
    labels, logits = node.inputs
    assert labels is not None
    assert logits is not None
    rows, classes = product(labels.shape), product(logits.shape[-1:])
    if labels.dtype not in INDICES or logits.dtype != "float32" or not guard_range(planner, labels, classes):
        return False
    places, source, target = planner.place(labels), planner.place(logits), planner.place(node.outputs[0])
    planner.step(
        kernel("classes.cross_entropy", index=labels.dtype),
        [target, places, source, rows, classes, planner.flag()],
        reads=[places, source],
        writes=[target],
        work=rows * classes * 1.5,
        label=f"cross-entropy {rows}x{classes}",
    )
    return True
