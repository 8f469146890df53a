"""What a handler of one operator sees while a graph is raised, and how handlers enter the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.config import CLASSES
from kcompat.errors import SaveError
from kcompat.ir import Constant, Graph, Node, Value
from kcompat.ir.types import is_float
from kcompat.layers.operations import FUNCTIONS
from kcompat.layers.symbolic import KerasTensor
from kcompat.naming import to_snake_case

from .names import LayerNames
from .sharing import SharedLayers

Order = tuple[int, ...]

Handler = Callable[["Raiser", Node], None]

HANDLERS: dict[str, Handler] = {}
"""The name of an operator of the IR -> what makes layers of it."""


def raises(*ops: str) -> Callable[[Handler], Handler]:
    """Enter a handler for operators of the IR."""

    def enter(handler: Handler) -> Handler:
        for op in ops:
            if HANDLERS.setdefault(op, handler) is not handler:
                raise ValueError(f"two handlers for {op}")
        return handler

    return enter


def first(node: Node) -> Value:
    """The first operand, which is there."""
    value = node.inputs[0]
    assert value is not None
    return value


def channels_last(rank: int) -> Order:
    """The order in which a value (batch, channels, *spatial) has its channels last."""
    return (0, *range(2, rank), 1) if rank > 2 else tuple(range(rank))


@dataclass(frozen=True)
class Flat:
    """A flattened image that no layer flattens yet: `source` is held in another order than its elements are in."""

    source: Value
    node: Node

    @property
    def order(self) -> Order:
        return (0, 1)


@dataclass(frozen=True)
class Raised:
    """A tensor of the Keras model that holds a value of the graph: its axis j is the value's axis order[j]."""

    tensor: KerasTensor
    order: Order

    def place(self, axis: int) -> int:
        """Where an axis of the value lies in the tensor."""
        return self.order.index(axis % len(self.order))


class Raiser:
    """The layers made so far, and the tensors that hold the graph's values.

    A tensor may hold its value with the axes in another order. So a transposition costs nothing until something
    needs the axes where the value has them, and layers keep channels last behind each other.

    skipped: nodes that were raised together with an earlier one. masked: values whose tensors carry a mask, and its
    rule. steps: tensors in which the steps of a sequence are samples -> the sequence.
    """

    def __init__(self, graph: Graph, learned: set[Value], names: LayerNames) -> None:
        self.graph = graph
        self.learned = learned
        self.names = names
        self.users = graph.users()
        self.raised: dict[Value, Raised] = {}
        self.flattened: dict[Value, Flat] = {}
        self.skipped: set[Node] = set()
        self.masked: dict[Value, Any] = {}
        self.steps: dict[KerasTensor, KerasTensor] = {}
        self.node: Node | None = None
        self._arranged: dict[tuple[Value, Order], KerasTensor] = {}
        self._shared = SharedLayers()

    def run(self) -> None:
        """Raise every node. Raises SaveError for one that has no form in Keras."""
        for node in self.graph.nodes:
            if node in self.skipped or all(result in self.raised for result in node.outputs):
                continue
            self.node = node
            handler = HANDLERS.get(node.op.name)
            if handler is None:
                raise self.refusal(f"Keras has nothing like the operator '{node.op.name}'")
            handler(self, node)

    def refusal(self, reason: str) -> SaveError:
        """An error that says which node cannot be raised, and why."""
        where = self.node.origin if self.node is not None else "the graph"
        return SaveError(f"{where}: {reason}")

    def is_read(self, value: Value) -> bool:
        """Whether any node reads a value, or the model gives it."""
        return bool(self.users.get(value)) or value in self.graph.outputs

    def is_read_once(self, value: Value) -> bool:
        """Whether one node alone reads a value, and the model does not give it."""
        return len(self.users.get(value, ())) == 1 and value not in self.graph.outputs

    # --- values ---------------------------------------------------------------------

    def known(self, value: Value | None) -> np.ndarray | None:
        """The elements of a value that depends on no input."""
        return value.data if isinstance(value, Constant) else None

    def needed(self, value: Value | None, what: str) -> np.ndarray:
        """The elements of a value. Raises SaveError if they are known only when the model runs."""
        array = self.known(value)
        if array is None:
            raise self.refusal(f"{what} is computed by the model; a layer takes it as a weight")
        return array

    def held(self, value: Value) -> Raised:
        """The tensor that holds a value, with its order."""
        if value in self.flattened and value not in self.raised:
            self.bind(value, self.flattened_tensor(value, self.tensor(self.flattened[value].source)))
        return self.raised[value]

    def operand(self, value: Value | None) -> Any:
        """A tensor that holds a value in its own order, or the elements of a known one."""
        assert value is not None
        array = self.known(value)
        return self.tensor(value) if array is None else array

    def tensor(self, value: Value, order: Order | None = None) -> KerasTensor:
        """A tensor that holds a value in this order of its axes, by default its own."""
        wanted = tuple(range(value.rank)) if order is None else tuple(order)
        key = (value, wanted)
        if key not in self._arranged:
            self._arranged[key] = self._arrange(self.held(value), wanted)
        return self._arranged[key]

    def _arrange(self, held: Raised, wanted: Order) -> KerasTensor:
        if wanted == held.order:
            return held.tensor
        perm = tuple(held.order.index(axis) for axis in wanted)
        if _moves_ones_alone(perm, held.tensor.shape) and perm[0] == 0:
            sizes = [held.tensor.shape[place] for place in perm[1:]]
            return self.layer("Reshape", held.tensor, suffix="reshape", target_shape=tuple(s or -1 for s in sizes))
        if perm[0] == 0:
            return self.layer("Permute", held.tensor, suffix="permute", dims=perm[1:])
        return self.op("transpose", held.tensor, suffix="transpose", axes=perm)

    def bind(self, value: Value, tensor: KerasTensor, order: Order | None = None) -> None:
        """Let a tensor hold a value."""
        self.raised[value] = Raised(tensor, tuple(range(value.rank)) if order is None else tuple(order))

    def alias(self, value: Value, source: Value) -> None:
        """Let a value be held as another one of the same elements and axes is."""
        self.raised[value] = self.raised[source]

    def flatten_later(self, value: Value, source: Value) -> None:
        """Let a value be the flattened form of another one."""
        assert self.node is not None
        self.flattened[value] = Flat(source, self.node)

    def flattened_tensor(self, value: Value, tensor: KerasTensor) -> KerasTensor:
        """A tensor flattened by a layer that has the name of the node that flattens a value."""
        here, self.node = self.node, self.flattened[value].node
        try:
            return self.layer("Flatten", tensor)
        finally:
            self.node = here

    # --- layers ---------------------------------------------------------------------

    def layer(
        self,
        kind: str,
        inputs: Any,
        *,
        weights: Sequence[np.ndarray | None] = (),
        suffix: str = "",
        call: Mapping[str, Any] | None = None,
        **config: Any,
    ) -> Any:
        """What a new layer of a class of `keras.layers` gives for its inputs.

        weights: in the layer's order, None where it has none. call: named arguments of the call. A layer that was
        made for another node of the same name and with the same weights is called again. Where samples are the steps
        of a sequence, the layer is made for the sequence too.
        """
        first = inputs[0] if isinstance(inputs, (list, tuple)) else inputs
        if is_float(first.dtype) and first.dtype != "float32":
            config.setdefault("dtype", first.dtype)
        key = self._shared.key(self.node, kind, config, weights)
        layer = self._shared.again(key, self._only_user())
        if layer is not None:
            return layer(inputs, **(call or {}))
        name = self.names.unique(self.node, suffix or to_snake_case(kind), bool(suffix))
        sequence = self.steps.get(inputs) if not isinstance(inputs, (list, tuple)) and not call else None
        kinds: Any = CLASSES["keras.layers"]
        layer = kinds[kind](name=name if sequence is None else f"{name}_layer", **config)
        outputs = layer(inputs, **(call or {}))
        if weights:
            layer.set_weights([np.array(array, order="C") for array in weights if array is not None])
        if sequence is None:
            self._shared.keep(key, layer)
        else:
            self.steps[outputs] = kinds["TimeDistributed"](layer, name=name)(sequence)
        return outputs

    def is_shared(self, layer: Any) -> bool:
        """Whether a layer has been called for more than one node."""
        return layer in self._shared.again_used

    def _only_user(self) -> Node | None:
        """The node that alone reads the first result of the present one."""
        result = self.node.outputs[0] if self.node is not None else None
        return self.users[result][0] if result is not None and self.is_read_once(result) else None

    def op(self, function: str, *tensors: Any, suffix: str = "", named: Any = None, **fields: Any) -> Any:
        """What an operation of `keras.ops` gives for its tensors."""
        name = self.names.unique(self.node, suffix or function.replace(".", "_"), bool(suffix))
        return FUNCTIONS[function](name=name, **fields)(*tensors, **(named or {}))


def _moves_ones_alone(perm: Order, shape: Sequence[int | None]) -> bool:
    """Whether an order of axes leaves all that are longer than one behind each other as they are."""
    long = [place for place in perm if shape[place] != 1]
    return long == sorted(long) and sum(shape[place] is None for place in perm[1:]) <= 1
