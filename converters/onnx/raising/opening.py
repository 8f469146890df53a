"""The graph of a model whose shapes are worked out inside it, with open sizes.

Exporters compute targets of reshapes from the sizes of tensors. Where sizes are open, such a graph can only be
lowered for sizes that are known. So it is lowered twice, for different ones: what is the same in both holds for all,
and what differs is an open size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, KcompatError, SaveError
from kcompat.ir import OPERATORS, Constant, Graph, Node, Parameter, Value
from kcompat.ir.types import Dim, TensorType, numpy_name
from kcompat.models.graph_model import GraphModel, Signature
from kcompat.operators.shape import INFER

from ..call import NeedsShape
from ..lowering import Lowering, Opaque
from ..program import Program

Shapes = Mapping[str, Sequence[int | None]]

_BATCH = (7, 11)
_OTHER = (64, 96)
"""Sizes to try for an open first axis and for others, which networks halve several times."""


def graph_of(model: GraphModel, input_shapes: Shapes | None) -> Graph:
    """The graph of a model, for inputs of these shapes where they are given.

    Raises ArgumentError where there is no such graph: shapes that depend on elements, control flow, and operators
    that only the host runs.
    """
    program = model.program
    if not isinstance(program, Program):
        raise ArgumentError(f"model '{model.name}' is not read from ONNX")
    if not input_shapes:
        graph = program.graph()
        if graph is not None:
            return graph
    return _Opening(model, program, dict(input_shapes or {})).graph()


class _Opening:
    """Two lowerings of one graph, and the graph for open sizes that agrees with both.

    names: pairs of sizes -> what the open size is called.
    """

    def __init__(self, model: GraphModel, program: Program, shapes: dict[str, Sequence[int | None]]) -> None:
        self.model = model
        self.program = program
        self.names: dict[tuple[int, int], str] = {}
        self.values: dict[Value, Value] = {}
        unknown = set(shapes) - {signature.name for signature in model.input_signatures}
        if unknown:
            raise ArgumentError(f"input_shapes: model '{model.name}' has no input '{sorted(unknown)[0]}'")
        self.shapes = {s.name: self._shape(s, shapes.get(s.name)) for s in model.input_signatures}

    def _shape(self, signature: Signature, given: Sequence[int | None] | None) -> tuple[Dim, ...]:
        declared = signature.shape if given is None else tuple(given)
        if declared is None or signature.dtype is None:
            raise ArgumentError(f"input '{signature.name}' has no shape; give one in input_shapes")
        if signature.shape is not None and len(signature.shape) != len(declared):
            raise ArgumentError(f"input_shapes: input '{signature.name}' has {len(signature.shape)} axes, not {given}")
        return tuple(self._dim(signature.name, axis, dim) for axis, dim in enumerate(declared))

    def _dim(self, name: str, axis: int, dim: Dim) -> Dim:
        if isinstance(dim, int):
            return dim
        return "batch" if axis == 0 else dim or f"{name} axis {axis}"

    # --- both lowerings -------------------------------------------------------------

    def graph(self) -> Graph:
        symbols = list(dict.fromkeys(dim for shape in self.shapes.values() for dim in shape if isinstance(dim, str)))
        tried: list[dict[str, int]] = [{}, {}]
        for index, symbol in enumerate(symbols):
            pair = _BATCH if symbol == "batch" else (_OTHER[0] * (1 + index), _OTHER[1] * (1 + index))
            self.names[pair] = symbol
            for sizes, size in zip(tried, pair, strict=True):
                sizes[symbol] = size
        first, second = (self._lowered(sizes) for sizes in tried)
        return self._merged(first, second)

    def _lowered(self, sizes: Mapping[str, int]) -> Graph:
        types: dict[str, TensorType | None] = {
            s.name: TensorType(str(s.dtype), tuple(sizes.get(str(dim), dim) for dim in self.shapes[s.name]))
            for s in self.model.input_signatures
        }
        try:
            lowering = Lowering(types, self.program.known, symbolic=True)
            stretch = lowering.run(self.program.spec.nodes)
        except NeedsShape:
            raise ArgumentError(
                f"model '{self.model.name}' has no single graph: its shapes depend on elements of its inputs, or it "
                "has control flow or operators that the host runs"
            ) from None
        except KcompatError as error:
            raise ArgumentError(
                f"model '{self.model.name}' does not take inputs of any size ({error}); give input_shapes"
            ) from error
        inputs = [lowering.value(signature.name) for signature in self.model.input_signatures]
        outputs = [lowering.value(name) for name in self.program.outputs]
        assert not any(isinstance(value, Opaque) for value in (*inputs, *outputs))
        return Graph(inputs, outputs, _live(stretch.builder.nodes, outputs))  # type: ignore[arg-type]

    def _merged(self, first: Graph, second: Graph) -> Graph:
        if [node.op for node in first.nodes] != [node.op for node in second.nodes]:
            raise ArgumentError(f"model '{self.model.name}' does other things for other sizes; give input_shapes")
        for one, other in zip(first.inputs, second.inputs, strict=True):
            self.values[one] = Value(self._type(one, other), one.name)
        nodes: list[Node] = []
        for node, twin in zip(first.nodes, second.nodes, strict=True):
            nodes += self._node(node, twin)
        outputs = []
        for one, other in zip(first.outputs, second.outputs, strict=True):
            made: list[Node] = []
            outputs.append(self._value(one, other, made))
            nodes += made
        return Graph([self.values[value] for value in first.inputs], outputs, nodes)

    # --- what agrees with both -----------------------------------------------------------

    def _type(self, one: Value, other: Value) -> TensorType:
        pairs = zip(one.shape, other.shape, strict=True)
        return TensorType(one.dtype, tuple(a if a == b else self._name(a, b) for a, b in pairs))

    def _name(self, a: Any, b: Any) -> str:
        return self.names.setdefault((a, b), f"size {a} or {b}")

    def _node(self, node: Node, twin: Node) -> list[Node]:
        made: list[Node] = []
        operands = [self._operand(*pair, made) for pair in zip(node.inputs, twin.inputs, strict=True)]
        types = [self._type(*pair) for pair in zip(node.outputs, twin.outputs, strict=True)]
        merged = Node(node.op, operands, self._attributes(node, twin), types, node.origin)
        self.values.update(zip(node.outputs, merged.outputs, strict=True))
        return [*made, merged]

    def _operand(self, one: Value | None, other: Value | None, made: list[Node]) -> Value | None:
        return None if one is None or other is None else self._value(one, other, made)

    def _value(self, one: Value, other: Value, made: list[Node]) -> Value:
        if isinstance(one, Parameter) and isinstance(other, Parameter) and one.variable is other.variable:
            return self.values.setdefault(one, one)
        if not isinstance(one, Constant):
            return self.values[one]
        if one not in self.values:
            assert isinstance(other, Constant)
            self.values[one] = self._constant(one, other, made)
        return self.values[one]

    def _constant(self, one: Constant, other: Constant, made: list[Node]) -> Value:
        """The same elements in both, or elements that are repeated, or count up, along an open axis."""
        if np.array_equal(one.data, other.data):
            return one
        if counts_up(one.data) and counts_up(other.data):
            return self._counted(one, other, made)
        alike = one.data.ndim == other.data.ndim
        index = tuple(slice(None) if a == b else slice(1) for a, b in zip(one.shape, other.shape, strict=False))
        core = one.data[index] if alike else one.data
        if not alike or not all(np.array_equal(np.broadcast_to(core, x.shape), x.data) for x in (one, other)):
            raise SaveError("elements are computed from sizes that are open; give the model's input_shapes")
        type = self._type(one, other)
        shape = tuple(dim if isinstance(dim, int) else INFER for dim in type.shape)
        node = Node(OPERATORS["broadcast_to"], [Constant(core)], {"shape": shape}, [type])
        made.append(node)
        return node.outputs[0]

    def _counted(self, one: Value, other: Value, made: list[Node]) -> Value:
        """0, 1, 2 and so on along an open last axis: sums of ones, less one."""
        type = self._type(one, other)
        shape = tuple(dim if isinstance(dim, int) else INFER for dim in type.shape)
        number = Constant(np.ones((), numpy_name(type.dtype)))
        ones = Node(OPERATORS["broadcast_to"], [number], {"shape": shape}, [type])
        settings = {"axis": type.rank - 1, "exclusive": False, "reverse": False}
        sums = Node(OPERATORS["cumsum"], ones.outputs, settings, [type])
        places = Node(OPERATORS["sub"], [*sums.outputs, number], {}, [type])
        made += [ones, sums, places]
        return places.outputs[0]

    def _attributes(self, node: Node, twin: Node) -> dict[str, Any]:
        if node.attrs == twin.attrs:
            return node.attrs
        if node.op.name in ("reshape", "broadcast_to"):
            pairs = zip(node.attrs["shape"], twin.attrs["shape"], strict=True)
            return {"shape": tuple(a if a == b else INFER for a, b in pairs)}
        if node.op.name == "slice":
            return {**node.attrs, "stops": self._from_end(node, twin), "starts": self._from_end(node, twin, "starts")}
        raise SaveError(f"{node.origin}: its attributes depend on sizes that are open; give the model's input_shapes")

    def _from_end(self, node: Node, twin: Node, key: str = "stops") -> tuple[Any, ...]:
        """Bounds that differ, counted from the end of their axis."""
        bounds = []
        for axis, a, b in zip(node.attrs["axes"], node.attrs[key], twin.attrs[key], strict=True):
            sizes = [made.inputs[0].shape[axis] for made in (node, twin)]  # type: ignore[union-attr]
            if a == b:
                bounds.append(a)
            elif None not in (a, b) and a - sizes[0] == b - sizes[1] <= 0:
                bounds.append(a - sizes[0] or None)
            else:
                raise SaveError(f"{node.origin}: its bounds depend on sizes that are open; give input_shapes")
        return tuple(bounds)


def counts_up(array: np.ndarray) -> bool:
    """Whether an array is 0, 1, 2 and so on along its last axis, the only one that is longer than one."""
    whole = array.dtype.kind in "iu" and array.ndim > 0 and array.size == array.shape[-1]
    return whole and bool(np.array_equal(array.reshape(-1), np.arange(array.size)))


def _live(nodes: Sequence[Node], outputs: Sequence[Any]) -> list[Node]:
    """The nodes that the outputs need."""
    needed = {id(value) for value in outputs}
    found = []
    for node in reversed(nodes):
        if any(id(result) in needed for result in node.outputs):
            found.append(node)
            needed.update(id(value) for value in node.inputs if value is not None)
    return found[::-1]
