"""Arithmetic of whole numbers: counters of steps, states of random streams."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, dtype_of, lowers
from ..program import kernel, product

_TYPES = ("int32", "int64", "uint32")


@lowers("add", "sub", "mul", "maximum", "minimum", "mod")
def combine(planner: Planner, node: Node) -> bool:
    """Of two tensors of one shape, or of a tensor and one number."""
    x, z = node.inputs
    y = node.outputs[0]
    assert x is not None
    assert z is not None
    count = product(y.shape)
    sizes = product(x.shape), product(z.shape)
    if y.dtype not in _TYPES or any(size not in (1, count) for size in sizes):
        return False
    first, second, target = planner.place(x), planner.place(z), planner.place(y)
    planner.step(
        kernel("integers.combine", op=node.op.name, dtype=y.dtype),
        [target, first, second, count, *(int(size == count) for size in sizes)],
        reads=[first, second],
        writes=[target],
        work=count / 2.0,
        label=f"{node.op.name} {y.dtype}",
        in_place=True,
    )
    return True


@lowers("where")
def select(planner: Planner, node: Node) -> bool:
    """Of tensors of the result's size, or one element."""
    y, count = node.outputs[0], product(node.outputs[0].shape)
    values = [value for value in node.inputs if value is not None]
    size = dtype_of(y).itemsize
    sizes = [product(value.shape) for value in values]
    if dtype_of(y).hasobject or size not in (4, 8) or any(number not in (1, count) for number in sizes):
        return False
    places, target = [planner.place(value) for value in values], planner.place(y)
    planner.step(
        kernel("integers.select", size=size),
        [target, *places, count, *(int(number == count) for number in sizes)],
        reads=places,
        writes=[target],
        work=count / 2.0,
        label=f"where {y.dtype}",
    )
    return True
