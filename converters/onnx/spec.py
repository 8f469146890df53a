"""An ONNX graph as plain data: what the parser makes and the lowering reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from kcompat.ir.types import Shape


@dataclass(frozen=True)
class ValueSpec:
    """A declared input or output.

    dtype: as in the IR; None where the value is no tensor of a dtype that the IR has.
    shape: None where the rank is not declared.
    """

    name: str
    dtype: str | None
    shape: Shape | None


@dataclass(frozen=True, eq=False)
class NodeSpec:
    """One node, with the version of its operator's domain that the file imports.

    attrs: Python numbers, texts (str) and lists of them, arrays, graphs (GraphSpec). scope: the names of the
    functions from which the node was inlined, outermost first. opsets: all imported versions by domain.
    """

    name: str
    op: str
    domain: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Any]
    opsets: Mapping[str, int]
    scope: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """How messages name the node."""
        domain = f"{self.domain}." if self.domain else ""
        inside = f" in function {' > '.join(self.scope)}" if self.scope else ""
        return f"node '{self.name}' ({domain}{self.op}){inside}"

    def graphs(self) -> Iterator[GraphSpec]:
        """The subgraphs among the attributes."""
        for value in self.attrs.values():
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, GraphSpec):
                    yield item

    def reads(self) -> set[str]:
        """The names that the node takes from its scope, those that its subgraphs capture included."""
        names = {name for name in self.inputs if name}
        for graph in self.graphs():
            names |= graph.captures()
        return names


@dataclass(frozen=True, eq=False)
class GraphSpec:
    """A graph: the model's own, or the body of a control flow node."""

    name: str
    inputs: tuple[ValueSpec, ...]
    outputs: tuple[ValueSpec, ...]
    nodes: tuple[NodeSpec, ...]
    initializers: Mapping[str, np.ndarray] = field(default_factory=dict)

    def captures(self) -> set[str]:
        """The names that the graph takes from the scope around it."""
        made = {value.name for value in self.inputs} | set(self.initializers)
        taken: set[str] = set()
        for node in self.nodes:
            taken |= node.reads() - made
            made.update(node.outputs)
        return taken | ({value.name for value in self.outputs} - made)


@dataclass(frozen=True, eq=False)
class FunctionSpec:
    """A function of the model: nodes between formal inputs and outputs, with attributes to be filled in."""

    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: tuple[NodeSpec, ...]
    attributes: Mapping[str, Any]
    required: tuple[str, ...]


@dataclass(frozen=True)
class AttributeRef:
    """In a function's body: the value that the calling node gives an attribute."""

    name: str


def inlined(nodes: tuple[NodeSpec, ...], names: Mapping[str, str], prefix: str) -> list[NodeSpec]:
    """Nodes with `names` replaced, and every other name they make or read told apart by a prefix."""

    def rename(name: str) -> str:
        return names.get(name, f"{prefix}{name}") if name else ""

    return [_renamed(node, rename) for node in nodes]


def _renamed(node: NodeSpec, rename: Any) -> NodeSpec:
    attrs = {
        key: [renamed(item, rename) if isinstance(item, GraphSpec) else item for item in value]
        if isinstance(value, list)
        else renamed(value, rename)
        if isinstance(value, GraphSpec)
        else value
        for key, value in node.attrs.items()
    }
    return replace(node, inputs=tuple(map(rename, node.inputs)), outputs=tuple(map(rename, node.outputs)), attrs=attrs)


def renamed(graph: GraphSpec, rename: Callable[[str], str]) -> GraphSpec:
    """The same graph, and subgraphs in it, with every name replaced."""
    return GraphSpec(
        graph.name,
        tuple(replace(value, name=rename(value.name)) for value in graph.inputs),
        tuple(replace(value, name=rename(value.name)) for value in graph.outputs),
        tuple(_renamed(node, rename) for node in graph.nodes),
        {rename(name): array for name, array in graph.initializers.items()},
    )
