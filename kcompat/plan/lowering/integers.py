"""Arithmetic and comparisons of numbers that chains do not hold: whole ones, doubles."""

from __future__ import annotations

from ...ir import Node, Value
from ..planner import Planner, dtype_of, lowers
from ..program import kernel, product

_WHOLE = ("int32", "int64", "uint32")
_COMPARED = (*_WHOLE, "float32", "float64", "int8", "uint8", "bool")
OUTER = 4
"""As in kernels/integers.py."""


@lowers("add", "sub", "mul", "maximum", "minimum", "mod")
def combine(planner: Planner, node: Node) -> bool:
    y = node.outputs[0]
    is_rounded = y.dtype == "float64" and node.op.name in ("add", "sub", "mul")
    return (y.dtype in _WHOLE or is_rounded) and _in_rows(planner, node, in_place=True)


@lowers("div")
def div(planner: Planner, node: Node) -> bool:
    return node.outputs[0].dtype == "float64" and _in_rows(planner, node, in_place=True)


@lowers("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
def compare(planner: Planner, node: Node) -> bool:
    x = node.inputs[0]
    return x is not None and x.dtype in _COMPARED and _in_rows(planner, node)


def _in_rows(planner: Planner, node: Node, in_place: bool = False) -> bool:
    """Of two tensors that broadcast; False if that takes too many axes."""
    x, z = node.inputs
    y = node.outputs[0]
    assert x is not None
    assert z is not None
    if 0 in y.shape:
        return False
    axes = _axes([int(size) for size in y.shape], [_steps(value, y.rank) for value in (x, z)])
    if len(axes) > OUTER + 1:
        return False
    *outer, (count, *steps) = axes
    words = [word for axis in [[1, 0, 0]] * (OUTER - len(outer)) + outer for word in axis]
    first, second, target = planner.place(x), planner.place(z), planner.place(y)
    planner.step(
        kernel("integers.combine", op=node.op.name, dtype=x.dtype),
        [target, first, second, count, *steps, *words],
        reads=[first, second],
        writes=[target],
        work=product(y.shape) / 2.0,
        label=f"{node.op.name} {x.dtype}",
        in_place=in_place and product(x.shape) == product(z.shape) == product(y.shape),
    )
    return True


def _steps(value: Value, rank: int) -> list[int]:
    """Elements from one to the next along each axis of what it broadcasts to."""
    shape, step, steps = [1] * (rank - value.rank) + [int(size) for size in value.shape], 1, []
    for size in reversed(shape):
        steps.append(0 if size == 1 else step)
        step *= size
    return steps[::-1]


def _axes(shape: list[int], steps: list[list[int]]) -> list[list[int]]:
    """Sizes and steps, neighbours joined where both operands go on evenly."""
    axes: list[list[int]] = []
    for size, *own in zip(shape, *steps, strict=True):
        if size == 1:
            continue
        if axes and all(before == step * size for before, step in zip(axes[-1][1:], own, strict=True)):
            axes[-1] = [axes[-1][0] * size, *own]
        else:
            axes.append([size, *own])
    return axes if axes and set(axes[-1][1:]) <= {0, 1} and any(axes[-1][1:]) else [*axes, [1, 1, 1]]


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
