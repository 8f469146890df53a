"""Drops what no output needs."""

from __future__ import annotations

from ..ir import Graph, Value


def remove_dead(graph: Graph) -> Graph:
    """Given nodes whose outputs no output and no update depends on. Result: the graph without them."""
    needed: set[Value] = {*graph.outputs, *graph.updates.values()}
    kept = []
    for node in reversed(graph.nodes):
        if any(result in needed for result in node.outputs):
            kept.append(node)
            needed.update(value for value in node.inputs if value is not None)
    return Graph(graph.inputs, graph.outputs, kept[::-1], graph.updates)
