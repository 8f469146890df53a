"""What the elements of a graph's inputs may be, from the operators that read them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from kcompat.ir import Constant, Graph, Node, Parameter, Value

_CARRIES = frozenset(
    {
        *("cast", "float_to_int", "reshape", "squeeze", "expand_dims", "transpose", "slice", "tile", "repeat"),
        *("broadcast_to", "broadcast_like", "concat", "pad", "where"),
    }
)
"""Operators whose results hold elements of their operands."""

_INDICES = {"gather": 1, "gather_elements": 1}
"""Operators with indices, and which operand they are."""


@dataclass(frozen=True)
class Range:
    """limit: elements are integers in [0, limit). tokens: the strings or integers that a vocabulary has."""

    limit: int | None = None
    tokens: np.ndarray | None = None


def input_ranges(graph: Graph) -> dict[str, Range]:
    """The range of each input that has one, by name: the narrowest of all operators that its elements reach."""
    users = graph.users()
    found = {value.name: _range_of(value, users) for value in graph.inputs}
    return {name: range for name, range in found.items() if range is not None}


def _range_of(start: Value, users: dict[Value, list[Node]]) -> Range | None:
    limits, tokens = [], None
    pending, seen = [start], {start}
    while pending:
        value = pending.pop()
        for node in users.get(value, ()):
            limit = _limit(node, value)
            if limit is not None:
                limits.append(limit)
            elif node.op.name == "lookup" and node.inputs[0] is value:
                tokens = _data(node.inputs[1])
            elif node.op.name in _CARRIES:
                pending += [result for result in node.outputs if result not in seen]
                seen.update(node.outputs)
    if tokens is not None and tokens.size:
        return Range(tokens=tokens)
    return Range(min(limits)) if limits else None


def _limit(node: Node, value: Value) -> int | None:
    place = _INDICES.get(node.op.name)
    if place is not None:
        table = node.inputs[0]
        size = table.shape[node.attrs["axis"]] if table is not None and node.inputs[place] is value else None
        return size if isinstance(size, int) else None
    if node.op.name in ("one_hot", "bin_count"):
        return node.attrs.get("depth")
    if node.op.name == "token_at" and node.inputs[0] is value and node.inputs[1] is not None:
        size = node.inputs[1].shape[0]
        return size if isinstance(size, int) else None
    return None


def _data(value: Value | None) -> np.ndarray | None:
    if isinstance(value, Constant):
        return value.data
    return value.variable.value if isinstance(value, Parameter) else None
