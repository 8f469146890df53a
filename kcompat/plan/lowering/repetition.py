"""Elements repeated: copies along axes on which the source stands still."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, dtype_of, lowers
from ..program import Address, product
from .movement import AXES, copy, strides_of


@lowers("repeat")
def repeat(planner: Planner, node: Node) -> bool:
    x = node.inputs[0]
    assert x is not None
    axis, count, size = node.attrs["axis"] % x.rank, node.attrs["count"], dtype_of(x).itemsize
    outer, length, inner = product(x.shape[:axis]), product(x.shape[axis : axis + 1]), product(x.shape[axis + 1 :])
    source, target = planner.place(x), planner.place(node.outputs[0])
    assert isinstance(source, Address)
    assert isinstance(target, Address)
    after, before = strides_of([outer, length, count, inner], size), strides_of([outer, length, inner], size)
    axes = list(zip([outer, length, count, inner], after, [*before[:2], 0, before[2]], strict=True))
    copy(planner, target, source, axes, size, "repeat")
    return True


@lowers("tile")
def tile(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    size = dtype_of(x).itemsize
    sizes = [1] * (y.rank - x.rank) + [int(n) for n in x.shape]
    before, after = strides_of(sizes, size), strides_of([int(n) for n in y.shape], size)
    axes = []
    for axis, n in enumerate(sizes):
        axes += [(int(y.shape[axis]) // n, after[axis] * n, 0), (n, after[axis], before[axis])]
    if sum(axis[0] != 1 for axis in axes) > AXES:
        return False
    source, target = planner.place(x), planner.place(y)
    assert isinstance(source, Address)
    assert isinstance(target, Address)
    copy(planner, target, source, axes, size, "tile")
    return True
