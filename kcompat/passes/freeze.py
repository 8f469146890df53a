"""Weights as constants."""

from __future__ import annotations

from ..ir import Constant, Graph, Variable
from .rewrite import keep, rewrite


def freeze(graph: Graph) -> Graph:
    """Given parameters. Result: constants of their present values, but for `changing` ones.

    The constants share the weights' memory; whoever runs the graph makes it anew when a weight changes.
    """
    frozen = [parameter for parameter in graph.parameters() if not is_changing(graph, parameter.variable)]
    return rewrite(graph, keep, {p: Constant(p.variable.value, p.variable.path) for p in frozen})


def is_changing(graph: Graph, variable: Variable) -> bool:
    """Whether a variable may change from run to run: the graph updates it, or it is a number, such as a learning
    rate, in a graph that updates others."""
    return variable in graph.updates or (bool(graph.updates) and not variable.shape)
