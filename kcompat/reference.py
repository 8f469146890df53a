"""Evaluates a graph with the operators' NumPy meanings: slow, exact, the definition of right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .errors import KcompatError
from .ir.graph import Constant, Graph, Node, Parameter, Value
from .ir.types import numpy_name, type_of


def evaluate(graph: Graph, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The graph's outputs for arrays given in the order of its inputs; then its updates are made.

    Raises ShapeError or ResourceError naming the node's origin, before the node is computed, and
    InputError for elements that an operator does not take.
    """
    values: dict[Value, np.ndarray] = dict(zip(graph.inputs, inputs, strict=True))
    last_use = _last_uses(graph)
    with np.errstate(all="ignore"):
        for position, node in enumerate(graph.nodes):
            operands = [None if value is None else _read(value, values) for value in node.inputs]
            values.update(zip(node.outputs, run_node(node, operands), strict=True))
            for value in last_use.get(position, ()):
                values.pop(value, None)
    outputs = [_read(value, values) for value in graph.outputs]
    updates = [(variable, _read(value, values)) for variable, value in graph.updates.items()]
    for variable, array in updates:
        variable.assign(array)
    return outputs


def _last_uses(graph: Graph) -> dict[int, list[Value]]:
    """For each position, the results that no later node and no output needs."""
    last: dict[Value, int] = {}
    for position, node in enumerate(graph.nodes):
        last.update(dict.fromkeys((*node.outputs, *filter(None, node.inputs)), position))
    kept = {*graph.outputs, *graph.updates.values()}
    frees: dict[int, list[Value]] = {}
    for value, position in last.items():
        if value not in kept:
            frees.setdefault(position, []).append(value)
    return frees


def _read(value: Value, values: dict[Value, np.ndarray]) -> np.ndarray:
    if isinstance(value, Constant):
        return value.data
    if isinstance(value, Parameter):
        return value.variable.value
    return values[value]


def run_node(node: Node, operands: Sequence[np.ndarray | None]) -> tuple[np.ndarray, ...]:
    """A node's outputs for arrays in the order of its inputs. Raises as `evaluate` does."""
    try:
        types = node.op.infer(*(None if a is None else type_of(a) for a in operands), **node.attrs)
        expected = types if isinstance(types, tuple) else (types,)
        for result in expected:
            result.check_budget(node.op.name)
        outputs = node.op.meaning(*operands, **node.attrs)
    except KcompatError as error:
        raise type(error)(f"{node.origin}: {error}") from None
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return tuple(np.asarray(a, dtype=numpy_name(t.dtype)) for a, t in zip(outputs, expected, strict=True))
