"""Weights of subgraphs as weights of the model.

The branches of If and the bodies of Loop and Scan may have initialisers of their own. They are moved to the model's
graph, which subgraphs can read from, so that they are weights as any: listed, set, trained and shared by all steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from .spec import GraphSpec, NodeSpec, renamed

WEIGHT_DTYPES = ("float32", "float64", "float16")
"""Dtypes of initialisers that are weights rather than settings."""


def with_weights_of_subgraphs(graph: GraphSpec) -> GraphSpec:
    """The same graph, with the floating initialisers of all subgraphs among its own.

    A name that stands for several things in the file gets that of the node before it.
    """
    hoisting = _Hoisting(Counter(_defined(graph)))
    nodes = hoisting.nodes(graph.nodes)
    return replace(graph, nodes=nodes, initializers={**graph.initializers, **hoisting.weights})


def _defined(graph: GraphSpec) -> Iterator[str]:
    """Every name that something in a graph or its subgraphs is given."""
    yield from (value.name for value in graph.inputs)
    yield from graph.initializers
    for node in graph.nodes:
        yield from node.outputs
        for inner in node.graphs():
            yield from _defined(inner)


class _Hoisting:
    def __init__(self, taken: Counter[str]) -> None:
        self.taken = taken
        self.weights: dict[str, np.ndarray] = {}

    def nodes(self, nodes: tuple[NodeSpec, ...]) -> tuple[NodeSpec, ...]:
        return tuple(self._node(node) if any(node.graphs()) else node for node in nodes)

    def _node(self, node: NodeSpec) -> NodeSpec:
        return replace(node, attrs={key: self._attribute(value, node) for key, value in node.attrs.items()})

    def _attribute(self, value: Any, node: NodeSpec) -> Any:
        if isinstance(value, list):
            return [self._attribute(item, node) for item in value]
        return self._graph(value, node) if isinstance(value, GraphSpec) else value

    def _graph(self, graph: GraphSpec, node: NodeSpec) -> GraphSpec:
        graph = replace(graph, nodes=self.nodes(graph.nodes))
        weights = {name: array for name, array in graph.initializers.items() if array.dtype.name in WEIGHT_DTYPES}
        kept = {name: array for name, array in graph.initializers.items() if name not in weights}
        names = {name: self._enter(name, array, node) for name, array in weights.items()}
        return _with_names(replace(graph, initializers=kept), names)

    def _enter(self, name: str, array: np.ndarray, node: NodeSpec) -> str:
        """A name that nothing else in the file has."""
        free, number = name, 0
        while self.taken[free] > (free == name):
            free = f"{node.name}/{name}" if not number else f"{node.name}/{name}_{number}"
            number += 1
        self.taken[free] += free != name
        self.weights[free] = array
        return free


def _with_names(graph: GraphSpec, names: Mapping[str, str]) -> GraphSpec:
    changed = {old: new for old, new in names.items() if old != new}
    return renamed(graph, lambda name: changed.get(name, name)) if changed else graph
