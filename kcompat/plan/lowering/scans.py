"""Sums and products of everything up to each position of an axis."""

from __future__ import annotations

from ...ir import Node
from ...ir.types import normalize_axis
from ..planner import Planner, lowers
from ..program import kernel, product


@lowers("cumsum", "cumprod")
def scan(planner: Planner, node: Node) -> bool:
    x, attrs = node.inputs[0], node.attrs
    assert x is not None
    axis = normalize_axis(attrs["axis"], x.rank)
    if x.dtype != "float32":
        return False
    outer, count, inner = (product(part) for part in (x.shape[:axis], x.shape[axis : axis + 1], x.shape[axis + 1 :]))
    source, target = planner.place(x), planner.place(node.outputs[0])
    planner.step(
        kernel("scans.scan", op=node.op.name),
        [target, source, outer, count, inner, int(attrs["exclusive"]), int(attrs["reverse"])],
        reads=[source],
        writes=[target],
        work=4.0 * outer * count * inner,
        label=f"{node.op.name} {outer}x{count}x{inner}",
    )
    return True
