"""Random numbers."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, lowers
from ..program import kernel, product


@lowers("random_uniform")
def uniform(planner: Planner, node: Node) -> bool:
    state, y = node.inputs[1], node.outputs[0]
    if y.dtype != "float32":
        return False
    source, target, count = planner.place(state), planner.place(y), product(y.shape)
    planner.step(
        kernel("random.uniform"),
        [target, source, count],
        reads=[source],
        writes=[target],
        work=count * 3.0,
        label=f"random {count}",
    )
    return True
