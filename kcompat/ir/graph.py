"""The IR: values, nodes, and a graph of them in topological order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import ref

import numpy as np

from .operator import Operator
from .types import TensorType, type_of
from .variable import Variable


class Value:
    """A tensor in a graph: an input of it, or (subclasses) a constant, a parameter, a node's result."""

    __slots__ = ("name", "type")

    def __init__(self, type: TensorType, name: str = "") -> None:
        self.type = type
        self.name = name

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.type.shape

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def rank(self) -> int:
        return self.type.rank

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name} {self.type}>"


class Constant(Value):
    """A tensor whose elements are part of the graph."""

    __slots__ = ("data",)

    def __init__(self, data: np.ndarray, name: str = "") -> None:
        super().__init__(type_of(data), name)
        self.data = data


class Scaled(Constant):
    """A constant times factors, in the constant's dtype: computed when it is read, and kept while someone holds it.

    factor: what broadcasts to the constant's shape.
    """

    __slots__ = ("_factor", "_made", "_source")

    def __init__(self, source: Constant, factor: np.ndarray) -> None:
        Value.__init__(self, source.type, source.name)
        self._source, self._factor = source, factor
        self._made: Callable[[], np.ndarray | None] = lambda: None

    @property
    def data(self) -> np.ndarray:  # type: ignore[override]
        """The elements."""
        made = self._made()
        if made is None:
            made = (self._source.data * self._factor).astype(self._source.data.dtype)
            self._made = ref(made)
        return made


class Parameter(Value):
    """A weight, read at run time from a Variable that the model owns."""

    __slots__ = ("variable",)

    def __init__(self, variable: Variable) -> None:
        super().__init__(variable.type, variable.path)
        self.variable = variable


class Result(Value):
    """An output of a node."""

    __slots__ = ("index", "producer")

    def __init__(self, type: TensorType, producer: Node, index: int) -> None:
        super().__init__(type)
        self.producer = producer
        self.index = index


class Node:
    """One application of an operator.

    inputs: operands in the card's order, None for an absent optional one.
    origin: where the node came from, for messages: "layer 'conv1' (Conv2D)".
    """

    __slots__ = ("attrs", "inputs", "op", "origin", "outputs")

    def __init__(
        self,
        op: Operator,
        inputs: Sequence[Value | None],
        attrs: Mapping[str, Any],
        types: Sequence[TensorType],
        origin: str = "",
    ) -> None:
        self.op = op
        self.inputs = tuple(inputs)
        self.attrs = dict(attrs)
        self.origin = origin
        self.outputs = tuple(Result(t, self, index) for index, t in enumerate(types))

    def __repr__(self) -> str:
        return f"<Node {self.op.name}>"


@dataclass(eq=False)
class Graph:
    """Nodes in an order in which they can run, the values that enter and the values that leave.

    Constants and parameters are found at the nodes that read them.
    updates: what variables become at the end of a run: states that are kept from one to the next.
    """

    inputs: list[Value]
    outputs: list[Value]
    nodes: list[Node]
    updates: dict[Variable, Value] = field(default_factory=dict)

    def parameters(self) -> list[Parameter]:
        """The graph's parameters, each once, in order of first use."""
        return [value for value in self._leaves() if isinstance(value, Parameter)]

    def constants(self) -> list[Constant]:
        """The graph's constants, each once, in order of first use."""
        return [value for value in self._leaves() if isinstance(value, Constant)]

    def users(self) -> dict[Value, list[Node]]:
        """The nodes that read each value; a node that reads it twice is listed twice."""
        users: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for value in node.inputs:
                if value is not None:
                    users.setdefault(value, []).append(node)
        return users

    def _leaves(self) -> Iterator[Value]:
        used = [value for node in self.nodes for value in node.inputs if value is not None]
        yield from dict.fromkeys([*used, *self.outputs, *self.updates.values()])

    def __str__(self) -> str:
        from .text import graph_text

        return graph_text(self)
