"""A graph in the words of layers: weights as arrays, and idioms of several operators as the one they mean.

The graph is emitted again, node by node. What depends on no input is computed; where an operator ends an idiom
(`x * sigmoid(x)`), the idiom's own operator takes its place. Whatever no output needs is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from kcompat.ir import OPERATORS, Builder, Constant, Graph, Node, Parameter, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import numpy_name

Idiom = Callable[["Rewriter", Node], Value | None]

IDIOMS: dict[str, list[Idiom]] = {}
"""The operator that ends an idiom -> what looks for it. An idiom gives the value that takes the place, or None."""


def idiom(*last: str) -> Callable[[Idiom], Idiom]:
    """Enter an idiom under the names of the operators with which it ends."""

    def enter(function: Idiom) -> Idiom:
        for name in last:
            IDIOMS.setdefault(name, []).append(function)
        return function

    return enter


def both_ways(node: Node | None) -> list[tuple[Value | None, Value | None]]:
    """The two operands of a node, in both orders."""
    if node is None:
        return []
    one, other = node.inputs
    return [(one, other), (other, one)]


class Rewriter(Builder):
    """Emits a graph again.

    learned: the constants that come from weights. unpacked: recurrent nodes over packed steps, and whether steps that
    do not count are zero -> the results of the same over all steps. The node that an idiom sees has its new operands,
    its users are those of the graph as it was.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__()
        self.graph = graph
        self.learned: set[Value] = set()
        self.unpacked: dict[tuple[Node, bool], tuple[Value, ...]] = {}
        self._new: dict[Value, Value] = {}
        self._uses: dict[Value, int] = {}
        self._counts = {value: len(nodes) for value, nodes in graph.users().items()}
        for value in graph.outputs:
            self._counts[value] = self._counts.get(value, 0) + 1

    def run(self) -> Graph:
        """The new graph."""
        for value in self.graph.inputs:
            self._map(value, self.input(value.type, value.name))
        for node in self.graph.nodes:
            self._take(node)
        return _pruned(self.build([self.new(value) for value in self.graph.outputs]))

    def new(self, value: Value) -> Value:
        """What stands for a value of the old graph."""
        if value not in self._new:
            if isinstance(value, Parameter):
                constant = Constant(value.variable.value, value.name)
                self.learned.add(constant)
                self._map(value, constant)
            else:
                self._map(value, value)
        return self._new[value]

    # --- what idioms ask ------------------------------------------------------------

    def made_by(self, value: Value | None, *ops: str) -> Node | None:
        """The node that makes a value, if it is one of these operators."""
        if isinstance(value, Result) and value.producer.op.name in ops:
            return value.producer
        return None

    def is_read_once(self, value: Value) -> bool:
        """Whether one node alone reads a value, as it does what an idiom has made on its way."""
        return self._uses.get(value, 1) == 1

    def is_known(self, value: Value | None) -> bool:
        return isinstance(value, Constant)

    def data(self, value: Value | None) -> Any:
        """The elements of a known value, None of others."""
        return value.data if isinstance(value, Constant) else None

    @contextmanager
    def at(self, node: Node) -> Iterator[None]:
        """Nodes added inside come from where this one does."""
        outer, self._origin = self._origin, node.origin
        try:
            yield
        finally:
            self._origin = outer

    def number(self, value: Value | None) -> float | None:
        """The one element of a known value."""
        if isinstance(value, Constant) and value.data.size == 1 and value.data.dtype.kind in "fiu":
            return float(value.data.reshape(()))
        return None

    def is_number(self, value: Value | None, wanted: float) -> bool:
        found = self.number(value)
        return found is not None and bool(np.isclose(found, wanted, rtol=1e-5, atol=1e-9))

    def array(self, data: np.ndarray, *sources: Value | None) -> Constant:
        """A constant, learned if any of the constants from which it was computed is."""
        constant = self.constant(data)
        if any(source in self.learned for source in sources):
            self.learned.add(constant)
        return constant

    def rewritten(self, op: str, *operands: Value, **attrs: Any) -> Value:
        """The value of an operator with one result, or of the idiom that it ends."""
        card = OPERATORS[op]
        types = card.infer(*(value.type for value in operands), **(checked := card.check_attributes(attrs)))
        assert not isinstance(types, tuple)
        trial = Node(card, operands, checked, [types], self._origin)
        for look in IDIOMS.get(op, ()):
            found = look(self, trial)
            if found is not None:
                return found
        self.nodes.append(trial)
        return trial.outputs[0]

    # --- one node -------------------------------------------------------------------

    def _map(self, old: Value, new: Value) -> None:
        self._new[old] = new
        self._uses[new] = self._uses.get(new, 0) + self._counts.get(old, 0)

    def _take(self, node: Node) -> None:
        operands = [None if value is None else self.new(value) for value in node.inputs]
        known = all(value is None or isinstance(value, Constant) for value in operands)
        if known and all(value.type.is_static for value in node.outputs):
            results = self._computed(node, operands)
        else:
            results = self._emitted(node, operands)
        for old, new in zip(node.outputs, results, strict=True):
            self._map(old, new)

    def _computed(self, node: Node, operands: Sequence[Any]) -> list[Value]:
        with np.errstate(all="ignore"):
            made = node.op.meaning(*(None if v is None else v.data for v in operands), **node.attrs)
        arrays = made if isinstance(made, tuple) else (made,)
        pairs = zip(arrays, node.outputs, strict=True)
        return [self.array(np.asarray(array, numpy_name(old.dtype)), *operands) for array, old in pairs]

    def _emitted(self, node: Node, operands: Sequence[Any]) -> list[Value]:
        trial = Node(node.op, operands, node.attrs, [value.type for value in node.outputs], node.origin)
        with self.origin(node.origin):
            for look in IDIOMS.get(node.op.name, ()):
                found = look(self, trial)
                if found is not None:
                    found.type = trial.outputs[0].type
                    return [found]
        self.nodes.append(trial)
        return list(trial.outputs)


@idiom("add", "sub", "mul", "div", "maximum", "minimum", "pow", "where", "equal", "less", "greater", "logical_and")
def without_repeats(b: Rewriter, node: Node) -> Value | None:
    """Operands that are repeated where the others have as many positions anyway."""
    operands = [value for value in node.inputs if value is not None]
    for place, value in enumerate(operands):
        made = b.made_by(value, "broadcast_to")
        others = [x for x in operands if x is not value and not b.made_by(x, "broadcast_to")]
        source = made.inputs[0] if made is not None else None
        if source is not None and any(x.shape == node.outputs[0].shape for x in others):
            operands[place] = source
    if operands == list(node.inputs):
        return None
    return b.rewritten(node.op.name, *operands, **node.attrs)


def _pruned(graph: Graph) -> Graph:
    """The graph without nodes that no output needs."""
    needed = {value.producer for value in graph.outputs if isinstance(value, Result)}
    nodes = []
    for node in reversed(graph.nodes):
        if node in needed:
            nodes.append(node)
            needed.update(value.producer for value in node.inputs if isinstance(value, Result))
    return Graph(graph.inputs, graph.outputs, nodes[::-1])
