"""Weights as constants."""

from __future__ import annotations

from ..ir import Constant, Graph
from .rewrite import keep, rewrite


def freeze(graph: Graph) -> Graph:
    """Given parameters. Result: constants of their present values, but for those that the graph updates.

    The constants share the weights' memory; whoever runs the graph makes it anew when a weight changes.
    """
    frozen = [parameter for parameter in graph.parameters() if parameter.variable not in graph.updates]
    return rewrite(graph, keep, {p: Constant(p.variable.value, p.variable.path) for p in frozen})
