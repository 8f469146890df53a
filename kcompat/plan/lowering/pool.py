"""Pooling."""

from __future__ import annotations

from ...ir import Node
from ...operators.window import resolve_pads
from ..planner import Planner, lowers
from ..program import kernel, product
from .windows import SPATIAL, three


@lowers("max_pool", "avg_pool")
def pool(planner: Planner, node: Node) -> bool:
    x, y, attrs = node.inputs[0], node.outputs[0], node.attrs
    assert x is not None
    is_of_bytes = x.dtype in ("int8", "uint8") and node.op.name == "max_pool"
    if x.dtype != "float32" and not is_of_bytes:
        return False
    if attrs["layout"] == "channels_first" or not 0 < x.rank - 2 <= SPATIAL or 0 in y.shape:
        return False
    window = attrs["window"]
    dilations = attrs["dilations"] or (1,) * len(window)
    sizes = [int(size) for size in x.shape[1:-1]]
    pads = resolve_pads(attrs["pads"], sizes, window, attrs["strides"], dilations)
    if any(low < 0 or high < 0 for low, high in pads):
        return False
    source, target = planner.place(x), planner.place(y)
    mode = "max" if node.op.name == "max_pool" else "mean"
    lanes = planner.target.lanes
    few = {"few": 1} if product(x.shape[-1:]) < lanes else {}
    key = kernel("pooling.images", mode=mode, lanes=lanes, **few) if x.rank < 5 else kernel("windows.pool", mode=mode)
    planner.step(
        kernel("levels.pool", dtype=x.dtype) if is_of_bytes else key,
        [
            source, target, product(x.shape[:1]), product(x.shape[-1:]),
            *three(sizes, 1), *three(y.shape[1:-1], 1), *three(window, 1),
            *three(attrs["strides"], 1), *three([low for low, _ in pads], 0), *three(dilations, 1),
            int(attrs.get("count_padding", False)),
        ],
        reads=[source],
        writes=[target],
        work=product(y.shape) * product(window) / 8.0,
        label=f"{mode} pool {'x'.join(map(str, window))}",
    )  # fmt: skip
    return True
