"""Rows of tables."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ...ir.graph import Result
from ..planner import Planner, dtype_of, lowers
from ..program import kernel, nbytes, product
from .movement import BYTES

INDICES = ("int32", "int64")


def guard_range(planner: Planner, indices: Value, size: int) -> bool:
    """Let no variable change before it is known that all indices are in [0, size). False if nothing can know."""
    if not planner.graph.updates:
        return True
    source = _without_views(indices)
    is_cast = isinstance(source, Result) and source.producer.op.name == "cast"
    if is_cast:
        source = _without_views(source.producer.inputs[0])  # type: ignore[attr-defined]
    if source not in planner.graph.inputs:
        return False
    count = product(indices.shape)
    with planner.guarding():
        place = planner.place(source)
        if is_cast:
            given, place = place, planner.scratch(nbytes(indices.type))
            planner.step(
                kernel("convert.cast", source=source.dtype, target=indices.dtype),
                [place, given, count],
                reads=[given],
                writes=[place],
                work=count / 4.0,
                label=f"cast {source.dtype} {indices.dtype}",
            )
        planner.step(
            kernel("lookup.check", index=indices.dtype),
            [place, count, size, planner.flag()],
            reads=[place],
            writes=[],
            work=count / 4.0,
            label=f"check that {count} are below {size}",
        )
    return True


def _without_views(value: Value) -> Value:
    """The value whose memory another is, in another shape."""
    while isinstance(value, Result) and value.producer.op.name in ("reshape", "expand_dims", "squeeze"):
        operand = value.producer.inputs[0]
        assert operand is not None
        value = operand
    return value


@lowers("gather")
def gather(planner: Planner, node: Node) -> bool:
    x, indices = node.inputs
    assert x is not None
    assert indices is not None
    axis = node.attrs["axis"] % x.rank
    if indices.dtype not in INDICES or not guard_range(planner, indices, product(x.shape[axis : axis + 1])):
        return False
    run = product(x.shape[axis + 1 :]) * dtype_of(x).itemsize
    outer, count = product(x.shape[:axis]), product(indices.shape)
    if _takes(planner, node, outer, run):
        return True
    source, places, target = planner.place(x), planner.place(indices), planner.place(node.outputs[0])
    planner.step(
        kernel("lookup.gather", index=indices.dtype),
        [target, source, places, outer, count, product(x.shape[axis : axis + 1]), run, planner.flag()],
        reads=[source, places],
        writes=[target],
        work=outer * count * (run / BYTES + 2),
        label=f"gather {count} of {x.shape[axis]}",
    )
    return True


def _takes(planner: Planner, node: Node, outer: int, run: int) -> bool:
    """Known places among single elements of 4 bytes; False if it is not that."""
    x, indices = node.inputs
    assert x is not None
    size = int(x.shape[node.attrs["axis"]])
    if run != 4 or not isinstance(indices, Constant) or 0 in node.outputs[0].shape:
        return False
    if np.min(indices.data) < 0 or np.max(indices.data) >= size:
        return False
    form = planner.packs.get(indices, ("int32",), lambda data: np.ascontiguousarray(data, np.int32))
    source, places, target = planner.place(x), planner.constant(form), planner.place(node.outputs[0])
    planner.step(
        kernel("resample.taken"),
        [target, source, places, outer, product(indices.shape), size],
        reads=[source, places],
        writes=[target],
        work=8.0 * outer * product(indices.shape) / BYTES,
        label=f"take {product(indices.shape)} of {size}",
    )
    return True


@lowers("gather_gradient")
def gather_gradient(planner: Planner, node: Node) -> bool:
    """In graphs whose guards look before all steps whether all indices are right."""
    dy, indices, like = node.inputs
    assert dy is not None
    assert indices is not None
    assert like is not None
    axis = node.attrs["axis"] % like.rank
    size = product(like.shape[axis : axis + 1])
    if dy.dtype != "float32" or indices.dtype not in INDICES or not planner.graph.updates:
        return False
    if not guard_range(planner, indices, size):
        return False
    outer, inner, count = product(like.shape[:axis]), product(like.shape[axis + 1 :]), product(indices.shape)
    source, places, target = planner.place(dy), planner.place(indices), planner.place(node.outputs[0])
    planner.step(
        kernel("lookup.gather_gradient", index=indices.dtype),
        [target, source, places, outer, count, size, inner],
        reads=[source, places],
        writes=[target],
        work=4.0 * outer * inner * (count + size) / BYTES,
        label=f"gather gradient {count} of {size}",
    )
    return True
