"""Builds graphs: every operator card is a method, every node is typed at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..errors import ArgumentError, DtypeError, GraphError, KcompatError, ShapeError
from .graph import Constant, Graph, Node, Parameter, Value
from .operator import OPERATORS, Operator
from .types import TensorType, fits, numpy_name
from .variable import Variable

Operand = Value | Variable | np.ndarray | float | int | bool | None


class Builder:
    """Collects nodes into a graph.

    `builder.conv(x, kernel, bias, strides=(1, 1))` applies the card named `conv`. Operands are
    Values, Variables (read as parameters), arrays, or Python numbers, which take the dtype of
    the first tensor operand. Returns a Value, or a tuple where the operator has several outputs.
    """

    def __init__(self) -> None:
        self.inputs: list[Value] = []
        self.nodes: list[Node] = []
        self.updates: dict[Variable, Value] = {}
        self._origin = ""
        self._parameters: dict[int, Value] = {}

    def input(self, type: TensorType, name: str = "") -> Value:
        """A new input of the graph."""
        value = Value(type, name or f"input_{len(self.inputs)}")
        self.inputs.append(value)
        return value

    def constant(self, data: Any, dtype: str | None = None) -> Constant:
        """A tensor of known elements."""
        return Constant(np.asarray(data, dtype=None if dtype is None else numpy_name(dtype)))

    def parameter(self, variable: Variable) -> Value:
        """The value of a weight; one per variable and graph, unless `assign` has replaced it."""
        return self._parameters.setdefault(id(variable), Parameter(variable))

    def state(self, variable: Variable) -> Value:
        """The value of a variable at this point: what `update` made it, else its own."""
        return self.updates.get(variable) or self.parameter(variable)

    def update(self, variable: Variable, value: Value) -> None:
        """Let a variable become a value of its type at the end of each run. Raises ShapeError or DtypeError."""
        if value.dtype != variable.dtype:
            raise self._located(DtypeError(f"'{variable.path}' is {variable.type}, received {value.type}"))
        if not fits(value.shape, variable.shape):
            raise self._located(ShapeError(f"'{variable.path}' is {variable.type}, received {value.type}"))
        self.updates[variable] = value

    def assign(self, variable: Variable, value: Value) -> None:
        """Let a variable be a value from here on, and after the run. Raises as `update`."""
        self.update(variable, value)
        self._parameters[id(variable)] = value

    def apply(self, op: Operator, *operands: Operand, **attrs: Any) -> Any:
        """Add a node. Raises ShapeError, DtypeError or ArgumentError, with the node's origin."""
        try:
            op.check_arity(len(operands))
            checked = op.check_attributes(attrs)
            inputs = self._values(op, operands)
            types = op.infer(*(None if v is None else v.type for v in inputs), **checked)
        except KcompatError as error:
            raise self._located(error) from None
        several = isinstance(types, tuple)
        node = Node(op, inputs, checked, types if isinstance(types, tuple) else (types,), self._origin)
        self.nodes.append(node)
        return node.outputs if several else node.outputs[0]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        op = OPERATORS.get(name)
        if op is None:
            raise AttributeError(f"no operator is named {name!r}")
        return lambda *operands, **attrs: self.apply(op, *operands, **attrs)

    @contextmanager
    def origin(self, text: str) -> Iterator[None]:
        """Nodes added inside say that they came from `text`; nested origins join with ' in '."""
        outer = self._origin
        self._origin = f"{text} in {outer}" if outer else text
        try:
            yield
        finally:
            self._origin = outer

    def build(self, outputs: Sequence[Value]) -> Graph:
        """The finished graph."""
        return Graph(self.inputs, list(outputs), self.nodes, self.updates)

    def _values(self, op: Operator, operands: Sequence[Operand]) -> list[Value | None]:
        lead = next((self._value(o) for o in operands if isinstance(o, (Value, Variable, np.ndarray))), None)
        values: list[Value | None] = []
        for position, operand in enumerate(operands):
            if operand is None:
                self._check_optional(op, position)
                values.append(None)
            elif isinstance(operand, (bool, int, float)):
                values.append(self.constant(operand, lead.dtype if lead is not None else None))
            else:
                values.append(self._value(operand))
        fixed = 0 if op.operands and op.operands[-1].variadic else len(op.operands)
        return values + [None] * (fixed - len(values))

    def _value(self, operand: Any) -> Value:
        if isinstance(operand, Value):
            return operand
        if isinstance(operand, Variable):
            return self.parameter(operand)
        if isinstance(operand, np.ndarray):
            return self.constant(operand)
        raise ArgumentError(f"an operand must be a Value, a Variable, an array or a number, received {operand!r}")

    def _check_optional(self, op: Operator, position: int) -> None:
        operand = op.operands[min(position, len(op.operands) - 1)]
        if not operand.optional:
            raise GraphError(f"{op.name}: operand {operand.name!r} is required, received None")

    def _located(self, error: KcompatError) -> KcompatError:
        return type(error)(f"{self._origin}: {error}") if self._origin else error
