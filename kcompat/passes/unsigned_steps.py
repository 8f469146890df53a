"""Signed steps as unsigned ones, which kernels multiply as they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Constant, Graph, Node, Value
from .integer_products import MOVES
from .rewrite import Rewrite, rewrite

_ZEROS = {
    "quantize": (2,),
    "requantize": (2,),
    "dequantize": (2,),
    "fused_integer_conv": (2, 7),
    "fused_integer_dense": (2, 7),
}
"""Operators of steps, and which operands are zeros of their operand and result."""

_MIDDLE = 128


def unsigned_steps(graph: Graph) -> Graph:
    """Given a graph in which all that is int8, constants apart, are steps from known zeros between operators that have
    both kinds. Result: the same steps as uint8, from zeros that are 128 more."""
    outer = [*graph.inputs, *graph.outputs, *graph.updates.values()]
    if any(map(_is_signed, outer)) or not any(_is_signed(y) for node in graph.nodes for y in node.outputs):
        return graph
    return rewrite(graph, _rule) if all(map(_has_both, graph.nodes)) else graph


def _is_signed(value: Value | None) -> bool:
    return value is not None and value.dtype == "int8" and not isinstance(value, Constant)


def _has_both(node: Node) -> bool:
    """Whether an operator can have its steps as int8 and as uint8, or has none."""
    if not any(map(_is_signed, (*node.inputs, *node.outputs))):
        return True
    if node.op.name in MOVES:
        return all(map(_is_signed, node.inputs))
    zeros = [node.inputs[place] for place in _ZEROS.get(node.op.name, ())]
    return node.op.name in _ZEROS and all(zero is None or isinstance(zero, Constant) for zero in zeros)


def _rule(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    if not any(map(_is_signed, (*node.inputs, *node.outputs))):
        return None
    attrs: dict[str, Any] = dict(node.attrs)
    if node.op.name == "pad":
        attrs["value"] += _MIDDLE
    if node.op.name not in MOVES:
        operands = list(operands)
        for place, steps in zip(_ZEROS[node.op.name], _sides(node), strict=True):
            if _is_signed(steps):
                operands[place] = _moved(operands[place])
    result: Value = work.b.apply(node.op, *operands, **attrs)
    return result


def _sides(node: Node) -> list[Value]:
    """The steps that the zeros of a node are of."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    return [x] if node.op.name == "dequantize" else [y] if len(_ZEROS[node.op.name]) == 1 else [x, y]


def _moved(zero: Value | None) -> Constant:
    data = zero.data if isinstance(zero, Constant) else np.zeros((), np.int8)
    return Constant((data.astype(np.int16) + _MIDDLE).astype(np.uint8))
