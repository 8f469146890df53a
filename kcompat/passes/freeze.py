"""Weights as constants."""

from __future__ import annotations

from ..ir import Frozen, Graph, Variable
from .rewrite import keep, rewrite


def freeze(graph: Graph) -> Graph:
    """Given parameters. Result: constants of their present values, but for `changing` ones.

    The constants read the weights; whoever runs the graph makes it anew when one changes.
    """
    frozen = [parameter for parameter in graph.parameters() if not is_changing(graph, parameter.variable)]
    return rewrite(graph, keep, {p: Frozen(p.variable) for p in frozen})


def is_changing(graph: Graph, variable: Variable) -> bool:
    """Whether a variable may change from run to run: the graph updates it, or it is a number, such as a learning
    rate, in a graph that updates others."""
    return variable in graph.updates or (bool(graph.updates) and not variable.shape)
