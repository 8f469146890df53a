"""Which nodes make each row of their results, one element of the first axis, from the same row of their operands."""

from __future__ import annotations

from collections.abc import Callable

from ..ir import Constant, Node, Value
from ..ir.types import normalize_axes

IMAGES = frozenset((
    "conv", "fused_conv", "conv_transpose", "dense", "fused_dense", "max_pool", "avg_pool", "adaptive_max_pool",
    "adaptive_avg_pool", "resize", "reshape", "expand_dims", "squeeze", "attention",
))  # fmt: skip
"""Operators that never mix rows: a view that has as many rows as its operand has the same ones."""

ALONG = frozenset((
    "concat", "softmax", "log_softmax", "layer_norm", "rms_norm", "l2_normalize", "group_norm", "batch_norm", "slice",
    "glu", "resample", "reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod",
))  # fmt: skip
"""Operators that mix what lies along the axes that they name."""

_RESIDUAL = 3
"""Which operand of a product is added to it."""

_OTHERS: dict[str, Callable[[Node], bool]] = {
    "transpose": lambda node: bool(node.attrs["perm"][0] == 0),
    "pad": lambda node: not any(node.attrs["pads"][0]),
}


def row_operands(node: Node, rows: int) -> list[Value] | None:
    """The operands of a node that are read row by row, the others being constants; None if there are others, or the
    results are not made of so many rows, each from the same row of operands."""
    if not all(_has_rows(result, rows) for result in node.outputs) or not _keeps_rows(node):
        return None
    operands = [value for value in node.inputs if value is not None and not isinstance(value, Constant)]
    fixed = [value for value in node.inputs if isinstance(value, Constant)]
    if not operands or not all(_has_rows(value, rows) for value in operands):
        return None
    if _is_pointwise(node):
        ranks = {value.rank for value in (*operands, *node.outputs)}
        return operands if len(ranks) == 1 and not any(_varies(value, *ranks) for value in fixed) else None
    if node.op.name == "concat":
        return None if fixed else operands
    if node.op.name == "attention":
        return operands if not any(_varies(value, 4) for value in fixed) else None
    return operands if all(value in (node.inputs[0], *node.inputs[_RESIDUAL:]) for value in operands) else None


def _has_rows(value: Value, rows: int) -> bool:
    return value.rank > 1 and bool(value.shape[0] == rows)


def _is_pointwise(node: Node) -> bool:
    return node.op.pointwise or node.op.name == "chain"


def _varies(value: Value, rank: int) -> bool:
    """Whether a constant differs from row to row of results of a rank."""
    return value.rank == rank and value.shape[0] != 1


def _keeps_rows(node: Node) -> bool:
    name, attrs = node.op.name, node.attrs
    if name in _OTHERS:
        return _OTHERS[name](node)
    if name in ALONG:
        axes = attrs["axes"] if "axes" in attrs else (attrs["axis"],)
        return bool(axes) and 0 not in normalize_axes(axes, node.inputs[0].rank if node.inputs[0] else 0)
    return name in IMAGES or _is_pointwise(node)
