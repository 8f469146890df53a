"""ONNX nodes -> IR, as far as types are known.

A stretch of nodes is lowered at a time. It ends where the outputs of the graph are reached, or at a node that
cannot be typed before what lies in front of it has run: its operand's elements decide a shape, or it is no
operator on tensors at all. `program` runs such stretches one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from onnx import helper

from kcompat.errors import FormatError, KcompatError, LoadError, UnknownLayerError
from kcompat.ir import Constant, Parameter, Value, Variable
from kcompat.ir.types import TensorType

from . import operators as operators  # enters the handlers
from .call import DIRECT, HANDLERS, Call, FoldingBuilder, NeedsData, NeedsHost, NeedsShape
from .host import ELEMENTS, check_types, host_card, is_known, proto_of, schema_of
from .parse import MOST_NODES, _Parser, call_body
from .spec import FunctionSpec, GraphSpec, NodeSpec, inlined

CONTROL = {("", "Loop"), ("", "Scan"), ("", "SequenceMap")}
"""Control flow that is run step by step; If is inlined as soon as its condition is known."""
HOST_ONLY = {("", "Optional"), ("", "OptionalHasElement"), ("", "OptionalGetElement")}
"""Operators on what is no tensor; on tensors they have handlers."""


class Opaque:
    """Stands for a value that only the host holds: a sequence, an optional, a dtype that the IR lacks."""


OPAQUE = Opaque()

Known = np.ndarray | Variable | Opaque
"""What a name can stand for from the start: elements, a weight, or something that the host holds."""


@dataclass
class Stretch:
    """The result of one lowering.

    reads: names of the graph's inputs. rest: the nodes that are not lowered. stop: the node at which it ended,
    None at the end of the graph. demanded: the name whose elements are needed to go on, if that is why.
    """

    builder: FoldingBuilder
    values: dict[str, Value | Opaque]
    reads: list[str]
    rest: tuple[NodeSpec, ...] = ()
    stop: NodeSpec | None = None
    demanded: str | None = None
    observed: list[tuple[Variable, int]] = field(default_factory=list)


class Lowering:
    """Lowers nodes from values of these types, None where only the host holds one.

    known: what names stand for from the start. symbolic: give up (NeedsShape) rather than end early.
    """

    def __init__(
        self, types: Mapping[str, TensorType | None], known: Mapping[str, Known], symbolic: bool = False
    ) -> None:
        self.types = types
        self.known = known
        self.symbolic = symbolic
        self.b = FoldingBuilder()
        self.values: dict[str, Value | Opaque] = {}
        self.reads: list[str] = []
        self.observed: list[Variable] = []
        self.count = 0

    def run(self, nodes: Iterable[NodeSpec]) -> Stretch:
        """Raises LoadError naming a node that cannot be run, NeedsShape in the symbolic mode."""
        todo = list(nodes)[::-1]
        while todo:
            node = todo.pop()
            self.count += 1
            if self.count > MOST_NODES:
                raise FormatError(f"{node.where}: more than {MOST_NODES} nodes")
            try:
                todo += self._lower(node)[::-1]
            except (NeedsData, NeedsHost) as reason:
                if self.symbolic:
                    raise NeedsShape from None
                demanded = self._name_of(reason.value, node) if isinstance(reason, NeedsData) else None
                rest = [*todo, node] if demanded else todo
                return self._stretch(tuple(rest[::-1]), node, demanded)
        return self._stretch((), None, None)

    def value(self, name: str) -> Value | Opaque:
        """What a name stands for."""
        if name not in self.values:
            known = self.known.get(name)
            if isinstance(known, np.ndarray):
                self.values[name] = Constant(known, name)
            elif isinstance(known, Variable):
                self.values[name] = self.b.parameter(known)
            elif known is not None or self.types[name] is None:
                self.values[name] = OPAQUE
            else:
                self.reads.append(name)
                self.values[name] = self.b.input(self.types[name], name)  # type: ignore[arg-type]
        return self.values[name]

    def _stretch(self, rest: tuple[NodeSpec, ...], stop: NodeSpec | None, demanded: str | None) -> Stretch:
        observed = [(variable, variable.version) for variable in dict.fromkeys(self.observed)]
        return Stretch(self.b, self.values, self.reads, rest, stop, demanded, observed)

    def _name_of(self, value: Value, node: NodeSpec) -> str:
        """A name for a value that is needed now; one that a handler made on its way gets a new name."""
        for name in node.inputs:
            if name and self.values.get(name) is value:
                return name
        raise LoadError(f"{node.where}: depends on the elements of {value!r}")

    # --- one node ------------------------------------------------------------------

    def _lower(self, node: NodeSpec) -> list[NodeSpec]:
        """Emit a node, or give the nodes that stand for it."""
        if (node.domain, node.op) in CONTROL:
            raise NeedsHost
        given = tuple(self.value(name) if name else None for name in node.inputs)
        if node.op == "If" and not node.domain:
            return self._branch(node, given)
        inputs = tuple(None if isinstance(value, Opaque) else value for value in given)
        if any(isinstance(value, Opaque) for value in given):
            return self._without_card(node, inputs, opaque=True)
        check_types(node, [None if value is None else value.type for value in inputs])
        try:
            with self.b.origin(node.where):
                results = self._emit(node, inputs)
        except NeedsHost:
            return self._without_card(node, inputs)
        except (TypeError, ValueError, LookupError, ArithmeticError, AttributeError) as error:
            if isinstance(error, KcompatError):
                raise
            raise LoadError(f"{node.where}: its attributes or inputs are not of the form it has: {error}") from error
        self._bind(node, results)
        return []

    def _emit(self, node: NodeSpec, inputs: tuple[Value | None, ...]) -> Any:
        call = Call(self.b, node, inputs, self.observed)
        handler = HANDLERS.get((node.domain, node.op))
        if handler is not None:
            return handler(call)
        if node.domain or node.op not in DIRECT:
            raise NeedsHost
        return self.b.apply(DIRECT[node.op], *inputs)

    def _bind(self, node: NodeSpec, results: Any) -> None:
        results = results if isinstance(results, tuple) else (results,)
        for index, name in enumerate(node.outputs):
            if name:
                if index >= len(results) or results[index] is None:
                    raise LoadError(f"{node.where}: has no output {index}")
                self.values[name] = results[index]

    def _branch(self, node: NodeSpec, given: Sequence[Any]) -> list[NodeSpec]:
        if isinstance(given[0], Opaque):
            raise LoadError(f"{node.where}: its condition is no tensor")
        call = Call(self.b, node, tuple(given), self.observed)
        condition = call.static(0)
        if condition is None or condition.size != 1:
            raise LoadError(f"{node.where}: its condition must be one truth value")
        branch = node.attrs.get("then_branch" if condition.reshape(()) else "else_branch")
        if not isinstance(branch, GraphSpec) or len(branch.outputs) < len(node.outputs):
            raise FormatError(f"{node.where}: a branch is missing or has too few outputs")
        return inlined_graph(branch, node, f"{node.name}#{self.count}/")

    # --- without a card ------------------------------------------------------------

    def _without_card(self, node: NodeSpec, inputs: Sequence[Value | None], opaque: bool = False) -> list[NodeSpec]:
        body = None if opaque else self._function_body(node, inputs)
        if body is not None:
            return body
        if (node.domain, node.op) in HOST_ONLY:
            raise NeedsHost
        if not is_known(node):
            schema_of(node)
            raise UnknownLayerError(f"{node.where}: operator {node.domain or 'ai.onnx'}.{node.op} cannot be run")
        if opaque:
            raise NeedsHost
        types = [None if value is None else value.type for value in inputs]
        constants = {
            name: value.data
            for name, value in zip(node.inputs, inputs, strict=True)
            if isinstance(value, Constant) and value.data.size <= 1024
        }
        card = host_card(node, types, constants)
        if card is None:
            raise NeedsHost
        with self.b.origin(node.where):
            results = list(self.b.apply(card, *inputs))
        self._bind(node, tuple(results.pop(0) if name else None for name in node.outputs))
        return []

    def _function_body(self, node: NodeSpec, inputs: Sequence[Value | None]) -> list[NodeSpec] | None:
        """The nodes by which ONNX itself defines the operator, if it does."""
        schema = schema_of(node)
        proto = _body_proto(schema, node, inputs)
        if proto is None or len(node.scope) > 16:
            return None
        opsets = {**node.opsets, **{entry.domain: entry.version for entry in proto.opset_import}}
        parser = _Parser(None, opsets)  # type: ignore[arg-type]  # ONNX's own bodies have no external data
        nodes = parser.nodes(proto.node, node.where, {*proto.input, *node.reads()})
        defaults = {
            key: onnx.helper.get_attribute_value(attribute.default_value)
            for key, attribute in schema.attributes.items()
            if attribute.default_value.type
        }
        defaults = {key: value.decode() if isinstance(value, bytes) else value for key, value in defaults.items()}
        function = FunctionSpec(node.op, tuple(proto.input), tuple(proto.output), nodes, defaults, ())
        return call_body(node, function, f"{node.name}#{self.count}/")


def _body_proto(schema: Any, node: NodeSpec, inputs: Sequence[Value | None]) -> onnx.FunctionProto | None:
    if schema.has_function:
        return schema.function_body
    if not schema.has_context_dependent_function or node.op in ("Loop", "Scan", "If"):
        return None
    types = []
    for value in inputs:
        if value is None:
            types.append(onnx.TypeProto().SerializeToString())
        else:
            types.append(helper.make_tensor_type_proto(ELEMENTS[value.dtype], value.shape).SerializeToString())
    versions = [version for version in schema.context_dependent_function_opset_versions if version <= node.version]
    if not versions:
        return None
    body = schema.get_context_dependent_function_with_opset_version(
        max(versions), proto_of(node).SerializeToString(), types
    )
    proto = onnx.FunctionProto()
    proto.ParseFromString(body)
    return proto


def inlined_graph(graph: GraphSpec, node: NodeSpec, prefix: str, actual: Sequence[str] = ()) -> list[NodeSpec]:
    """The nodes of a subgraph as part of the graph around it: its outputs become those of `node`."""
    names = {name: name for name in graph.captures()}
    names |= dict(zip((value.name for value in graph.inputs), actual, strict=False))
    made = {name for inner in graph.nodes for name in inner.outputs}
    copies: list[tuple[str, str]] = []
    for value, name in zip(graph.outputs, node.outputs, strict=False):
        if name and value.name in made and value.name not in names:
            names[value.name] = name
        elif name:
            copies.append((value.name, name))
    opset = node.opsets.get("", 1)
    constants = [
        NodeSpec(f"{prefix}{name}", "Constant", "", opset, (), (name,), {"value": array}, node.opsets, node.scope)
        for name, array in graph.initializers.items()
    ]
    nodes = inlined((*constants, *graph.nodes), names, prefix)
    for source, name in copies:
        source = names.get(source, f"{prefix}{source}")
        nodes.append(
            NodeSpec(f"{prefix}{name}", "Identity", "", opset, (source,), (name,), {}, node.opsets, node.scope)
        )
    return nodes


def known_of(value: Value | Opaque) -> Known | None:
    """What a value is before anything runs, None for what a run computes."""
    if isinstance(value, Constant):
        return value.data
    return value.variable if isinstance(value, Parameter) else None
