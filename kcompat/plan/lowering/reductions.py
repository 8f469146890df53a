"""Reductions and softmax."""

from __future__ import annotations

from ...ir import Node
from ...ir.types import normalize_axes
from ..planner import Planner, lowers
from ..program import Key, kernel, product

ELEMENTS = 4.0
"""Reduced per nanosecond, for estimates of work."""

WHOLE = ("int32", "int64")
"""Whole numbers that kernels reduce."""


@lowers("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod")
def reduce(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    axes = sorted(normalize_axes(node.attrs["axes"], x.rank))
    together = not axes or axes == list(range(axes[0], axes[-1] + 1))
    op = node.op.name.removeprefix("reduce_")
    is_truth = x.dtype == "bool" and op in ("max", "min")
    is_whole = x.dtype == y.dtype and x.dtype in WHOLE and op != "mean"
    if not (is_truth or is_whole or x.dtype == y.dtype == "float32") or not axes or not together or 0 in x.shape:
        return False
    outer, count, inner = (
        product(part) for part in (x.shape[: axes[0]], x.shape[axes[0] : axes[-1] + 1], x.shape[axes[-1] + 1 :])
    )
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("whole.reduce", op=op, dtype=x.dtype) if is_whole else _kernel(op, is_truth, planner.target.lanes),
        [target, source, outer, count, inner],
        reads=[source],
        writes=[target],
        work=outer * count * inner / ELEMENTS,
        label=f"{op} {outer}x{count}x{inner}",
    )
    return True


def _kernel(op: str, is_truth: bool, lanes: int) -> Key:
    return kernel("truth.reduce", op=op) if is_truth else kernel("reductions.reduce", op=op, lanes=lanes)


@lowers("softmax", "log_softmax")
def softmax(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    axes = sorted(normalize_axes(node.attrs["axes"], x.rank))
    if x.dtype != "float32" or axes != list(range(x.rank - len(axes), x.rank)) or 0 in x.shape or not axes:
        return False
    rows, length = product(x.shape[: axes[0]]), product(x.shape[axes[0] :])
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("softmax.rows", log=int(node.op.name == "log_softmax"), lanes=planner.target.lanes),
        [target, source, rows, length],
        reads=[source],
        writes=[target],
        work=rows * length / ELEMENTS * 4,
        label=f"{node.op.name} {rows}x{length}",
    )
    return True
