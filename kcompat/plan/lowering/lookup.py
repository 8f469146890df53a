"""Rows of tables."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, dtype_of, lowers
from ..program import kernel, product
from .movement import BYTES


@lowers("gather")
def gather(planner: Planner, node: Node) -> bool:
    """Not where variables change before it is known that all indices are right."""
    x, indices = node.inputs
    assert x is not None
    assert indices is not None
    axis = node.attrs["axis"] % x.rank
    if indices.dtype not in ("int32", "int64") or planner.graph.updates:
        return False
    run = product(x.shape[axis + 1 :]) * dtype_of(x).itemsize
    outer, count = product(x.shape[:axis]), product(indices.shape)
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
