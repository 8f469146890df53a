"""A graph as text that a person reads: one line a node."""

from __future__ import annotations

from typing import Any

import numpy as np

from .graph import Constant, Graph, Node, Parameter, Value


def graph_text(graph: Graph) -> str:
    """The graph, one node a line: results, operator, operands, attributes, types, origin.

    `%n` is a node's result, `@name` a weight, `%name` an input; small constants stand in place.
    """
    names = _names(graph)
    head = ", ".join(f"{names[value]}: {value.type}" for value in graph.inputs)
    lines = [_node_text(node, names) for node in graph.nodes]
    tail = ", ".join(_operand(value, names) for value in graph.outputs)
    lines += [f"@{variable.path} = {_operand(value, names)}" for variable, value in graph.updates.items()]
    return "\n".join([f"graph({head}) {{", *("  " + line for line in lines), f"  return {tail}", "}"])


def _names(graph: Graph) -> dict[Value, str]:
    names = {value: f"%{value.name}" for value in graph.inputs}
    results = [result for node in graph.nodes for result in node.outputs]
    names.update({result: f"%{number}" for number, result in enumerate(results)})
    return names


def _node_text(node: Node, names: dict[Value, str]) -> str:
    results = ", ".join(names[result] for result in node.outputs)
    operands = [_operand(value, names) for value in node.inputs]
    attributes = [f"{name}={_attribute(value)}" for name, value in node.attrs.items()]
    types = ", ".join(str(result.type) for result in node.outputs)
    origin = f"    # {node.origin}" if node.origin else ""
    return f"{results} = {node.op.name}({', '.join(operands + attributes)}) -> {types}{origin}"


def _operand(value: Value | None, names: dict[Value, str]) -> str:
    if value is None:
        return "none"
    if isinstance(value, Parameter):
        return f"@{value.name} {value.type}"
    if isinstance(value, Constant):
        return _constant(value.data)
    return names[value]


def _constant(data: np.ndarray) -> str:
    if data.size <= 4:
        return str(data.tolist())
    return f"const {data.dtype}{list(data.shape)}"


def _attribute(value: Any) -> str:
    return repr(value).replace(" ", "")
