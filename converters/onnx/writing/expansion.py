"""Cards that ONNX has no operator for, as graphs of cards that it has one for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from kcompat.ir import Builder, Graph, Node, Value

Operands = Sequence[Value | None]
Expansion = Callable[[Builder, Node, Operands], Any]

EXPANSIONS: dict[str, Expansion] = {}
"""Card -> what emits others for it: a Value, a tuple of them, or None to keep the node."""


def expands(*names: str) -> Callable[[Expansion], Expansion]:
    """Enters the expansion of some cards."""

    def enter(expansion: Expansion) -> Expansion:
        EXPANSIONS.update(dict.fromkeys(names, expansion))
        return expansion

    return enter


def expanded(graph: Graph) -> Graph:
    """The graph with every expansion in place of its card."""
    b = Builder()
    values: dict[Value, Value] = {value: b.input(value.type, value.name) for value in graph.inputs}
    for node in graph.nodes:
        operands = [None if value is None else values.get(value, value) for value in node.inputs]
        with b.origin(node.origin):
            expansion = EXPANSIONS.get(node.op.name)
            results = None if expansion is None else expansion(b, node, operands)
            if results is None:
                results = b.apply(node.op, *operands, **node.attrs)
        values.update(zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True))
    return b.build([values.get(value, value) for value in graph.outputs])
