"""The IR: values, nodes, and a graph of them in topological order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .lazy import Lazy
from .operator import OPERATORS, Operator
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

    __slots__ = ("_data",)

    def __init__(self, data: np.ndarray, name: str = "") -> None:
        super().__init__(type_of(data), name)
        self._data: np.ndarray | Lazy = data

    @property
    def data(self) -> np.ndarray:
        """The elements."""
        return self._data.get() if isinstance(self._data, Lazy) else self._data

    def held_as(self, restore: Callable[[], np.ndarray]) -> None:
        """Someone holds the elements in another form, from which `restore` makes them bit for bit: they need not be
        held in this one."""
        self._data = Lazy(restore)


class Frozen(Constant):
    """The present value of a variable. Raises ResourceError if it would exceed the memory budget."""

    __slots__ = ("_version", "variable")

    def __init__(self, variable: Variable) -> None:
        variable.type.check_budget(f"weight '{variable.path}'")
        Value.__init__(self, variable.type, variable.path)
        self.variable, self._version = variable, variable.version

    @property
    def data(self) -> np.ndarray:
        """The elements."""
        return self.variable.value

    def held_as(self, restore: Callable[[], np.ndarray]) -> None:
        self.variable.held_as(restore, self._version)


class Transposed(Constant):
    """A constant with its axes in another order: axis k is axis `order[k]` of the source."""

    __slots__ = ("_back", "order", "source")

    def __init__(self, source: Constant, order: Sequence[int]) -> None:
        self.order = tuple(order)
        shape = tuple(source.shape[axis] for axis in order)
        Value.__init__(self, TensorType(source.dtype, shape), source.name)
        self.source, self._back = source, np.argsort(order)
        self._data = Lazy(lambda: np.ascontiguousarray(source.data.transpose(order)))

    def held_as(self, restore: Callable[[], np.ndarray]) -> None:
        self.source.held_as(lambda: np.ascontiguousarray(restore().transpose(self._back)))


class Scaled(Constant):
    """A constant times another, which broadcasts to its shape, in its dtype."""

    __slots__ = ("factor", "source")

    def __init__(self, source: Constant, factor: Constant) -> None:
        Value.__init__(self, source.type, source.name)
        self.source, self.factor = source, factor
        self._data = Lazy(lambda: (source.data * factor.data).astype(source.data.dtype))


class Dequantized(Constant):
    """What the operator `dequantize` makes of constants, which kernels of integers read as they are."""

    __slots__ = ("levels", "scale", "zero")

    def __init__(self, levels: Constant, scale: Constant, zero: Constant) -> None:
        Value.__init__(self, levels.type.with_dtype(scale.dtype), levels.name)
        self.levels, self.scale, self.zero = levels, scale, zero
        self._data = Lazy(lambda: np.asarray(OPERATORS["dequantize"].meaning(levels.data, scale.data, zero.data)))


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
