"""Rebuilds a graph node by node, for passes that replace some."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..ir import Builder, Graph, Node, Value
from ..ir.graph import Result

Rule = Callable[["Rewrite", Node, "list[Value | None]"], "Value | Sequence[Value] | None"]


class Rewrite:
    """A new graph in the making.

    b: its builder. A rule sees nodes of the old graph with their operands in the new one, and returns what
    stands for the node's outputs, or None to keep the node as it is.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.b = Builder()
        self.b.inputs = list(graph.inputs)
        self._values: dict[Value, Value] = {}
        self._reads = _reads(graph)
        self._new_reads: dict[Value, int] = {}

    def new(self, value: Value) -> Value:
        """What stands for a value of the old graph."""
        return self._values.get(value, value)

    def replace(self, value: Value, by: Value) -> None:
        """Let a value stand for one of the old graph, an input or a parameter too."""
        self._values[value] = by
        self._new_reads[by] = self._new_reads.get(by, 0) + self._reads.get(value, 0)

    def single_use(self, value: Value) -> bool:
        """Whether one node reads a value of the new graph, once, and no output or update is it."""
        return self._new_reads.get(value, 0) == 1

    def is_shared(self, value: Value) -> bool:
        """Whether a value of the new graph stands for one that is read more than once; what a rule made between
        others stands for none."""
        return self._new_reads.get(value, 0) > 1

    def producer(self, value: Value | None, *names: str) -> Node | None:
        """The node of the new graph that makes a value, if it is one of these operators."""
        node = value.producer if isinstance(value, Result) else None
        return node if node is not None and node.op.name in names else None

    def run(self, rule: Rule) -> Graph:
        """The new graph."""
        for node in self.graph.nodes:
            operands = [None if value is None else self.new(value) for value in node.inputs]
            with self.b.origin(node.origin):
                result = rule(self, node, operands)
                if result is None:
                    result = self.b.apply(node.op, *operands, **node.attrs)
            made = [result] if isinstance(result, Value) else list(result)
            for old, new in zip(node.outputs, made, strict=True):
                self.replace(old, new)
        self.b.updates = {variable: self.new(value) for variable, value in self.graph.updates.items()}
        return self.b.build([self.new(value) for value in self.graph.outputs])


def rewrite(graph: Graph, rule: Rule, replaced: Mapping[Value, Value] | None = None) -> Graph:
    """The graph with a rule applied to each node, and with leaves replaced."""
    work = Rewrite(graph)
    for value, by in (replaced or {}).items():
        work.replace(value, by)
    return work.run(rule)


def keep(work: Rewrite, node: Node, operands: list[Value | None]) -> None:
    """The rule that changes nothing."""


def _reads(graph: Graph) -> dict[Value, int]:
    counts: dict[Value, int] = {}
    for node in graph.nodes:
        for value in node.inputs:
            if value is not None:
                counts[value] = counts.get(value, 0) + 1
    for value in (*graph.outputs, *graph.updates.values()):
        counts[value] = counts.get(value, 0) + 2
    return counts
