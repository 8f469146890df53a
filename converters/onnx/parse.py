"""ModelProto -> GraphSpec: names resolved, nodes in an order in which they can run, functions inlined."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto

from kcompat.errors import FormatError, UnsafeFileError
from kcompat.ir.types import Dim

from .external import ExternalData
from .spec import AttributeRef, FunctionSpec, GraphSpec, NodeSpec, ValueSpec, inlined
from .tensors import ir_dtype_of, read_sparse, read_tensor

MOST_NODES = 500_000
"""Nodes of one model once its functions are inlined."""
DEEPEST_CALLS = 64
"""Functions that may be entered inside each other."""


def parse_model(model: ModelProto, external: ExternalData) -> GraphSpec:
    """The model's graph. Raises FormatError or UnsafeFileError naming the node."""
    opsets = _opsets(model.opset_import)
    functions = _functions(model, external)
    graph = _Parser(external, opsets).graph(model.graph, "the graph", set())
    return _without_unread(replace(graph, nodes=tuple(_Inliner(functions).expand(graph.nodes))))


_OPTIONAL_OUTPUTS = {"BatchNormalization", "Dropout", "LayerNormalization", "MaxPool"}
"""Operators whose further outputs are work of their own, done only where they are named."""


def _without_unread(graph: GraphSpec) -> GraphSpec:
    """Exporters name outputs that nothing reads; those that are optional are left out."""
    read = {value.name for value in graph.outputs}.union(*(node.reads() for node in graph.nodes))

    def cleaned(node: NodeSpec) -> NodeSpec:
        if node.op not in _OPTIONAL_OUTPUTS or node.domain or len(node.outputs) < 2:
            return node
        further = tuple(name if name in read else "" for name in node.outputs[1:])
        return replace(node, outputs=(node.outputs[0], *further))

    return replace(graph, nodes=tuple(map(cleaned, graph.nodes)))


def _opsets(imports: Iterable[onnx.OperatorSetIdProto]) -> dict[str, int]:
    opsets = {_domain(entry.domain): entry.version for entry in imports}
    for domain, newest in (("", onnx.defs.onnx_opset_version()), ("ai.onnx.ml", onnx.defs.onnx_ml_opset_version())):
        if opsets.get(domain, 1) > newest:
            raise FormatError(
                f"imports version {opsets[domain]} of {domain or 'ai.onnx'}; the installed onnx {onnx.__version__} "
                f"knows up to {newest}: update it"
            )
    if any(not 0 <= version < 1 << 31 for version in opsets.values()):
        raise FormatError(f"imports versions {sorted(opsets.values())}, which cannot be")
    opsets.setdefault("", 1)
    return opsets


def _domain(name: str) -> str:
    return "" if name == "ai.onnx" else name


def _functions(model: ModelProto, external: ExternalData) -> dict[tuple[str, str], FunctionSpec]:
    functions: dict[tuple[str, str], FunctionSpec] = {}
    for proto in model.functions:
        parser = _Parser(external, {**_opsets(model.opset_import), **_opsets(proto.opset_import)})
        name = f"{proto.domain}.{proto.name}"
        if (_domain(proto.domain), proto.name) in functions:
            raise FormatError(f"function {name} is defined twice")
        defined = set(proto.input)
        functions[_domain(proto.domain), proto.name] = FunctionSpec(
            name,
            tuple(proto.input),
            tuple(proto.output),
            parser.nodes(proto.node, f"function {name}", defined),
            parser.attributes(proto.attribute_proto, f"function {name}"),
            tuple(proto.attribute),
        )
    return functions


# --- graphs ------------------------------------------------------------------------


class _Parser:
    """Reads graphs of one scope of opset imports."""

    def __init__(self, external: ExternalData, opsets: Mapping[str, int]) -> None:
        self.external = external
        self.opsets = opsets

    def graph(self, proto: GraphProto, where: str, outer: set[str]) -> GraphSpec:
        initializers = self._initializers(proto, where)
        inputs = tuple(value_spec(info) for info in proto.input if info.name not in initializers)
        defined = outer | set(initializers) | {value.name for value in inputs}
        if len({value.name for value in inputs}) != len(inputs):
            raise FormatError(f"{where}: an input name repeats")
        nodes = self.nodes(proto.node, where, defined)
        outputs = tuple(value_spec(info) for info in proto.output)
        for value in outputs:
            if value.name not in defined:
                raise FormatError(f"{where}: output '{value.name}' is computed by no node")
        return GraphSpec(proto.name, inputs, outputs, nodes, initializers)

    def _initializers(self, proto: GraphProto, where: str) -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        for tensor in proto.initializer:
            if not tensor.name or tensor.name in arrays:
                raise FormatError(f"{where}: initialiser name {tensor.name!r} is empty or repeats")
            arrays[tensor.name] = read_tensor(tensor, self.external, where)
        for sparse in proto.sparse_initializer:
            if not sparse.values.name or sparse.values.name in arrays:
                raise FormatError(f"{where}: initialiser name {sparse.values.name!r} is empty or repeats")
            arrays[sparse.values.name] = read_sparse(sparse, self.external, where)
        return arrays

    def nodes(self, protos: Iterable[NodeProto], where: str, defined: set[str]) -> tuple[NodeSpec, ...]:
        """The nodes in order; `defined` grows by the names they make. Raises FormatError for undefined names."""
        protos = list(protos)
        made: dict[str, int] = {}
        for index, proto in enumerate(protos):
            for name in filter(None, proto.output):
                if name in made or name in defined:
                    raise FormatError(f"{where}: '{name}' is made twice, the second time by {_label(proto, index)}")
                made[name] = index
        everything = defined | set(made)
        specs = [self._node(proto, index, where, everything) for index, proto in enumerate(protos)]
        order = _sorted(specs, made, defined, where)
        defined.update(made)
        return tuple(specs[index] for index in order)

    def _node(self, proto: NodeProto, index: int, where: str, scope: set[str]) -> NodeSpec:
        names = (proto.name, proto.op_type, proto.domain, *proto.input, *proto.output)
        if not all(map(_is_text, (*names, *(attribute.name for attribute in proto.attribute)))):
            raise FormatError(f"{where}: node {index} has a name that is no text in UTF-8")
        domain = _domain(proto.domain)
        label = f"{where}: {_label(proto, index)}"
        attrs = self.attributes(proto.attribute, label, scope)
        if proto.op_type == "If":
            attrs = {key: _without_inputs(value, scope, label) for key, value in attrs.items()}
        return NodeSpec(
            proto.name or f"{proto.op_type}_{index}",
            proto.op_type,
            domain,
            self.opsets.get(domain, 0),
            tuple(proto.input),
            tuple(proto.output),
            attrs,
            self.opsets,
        )

    def attributes(self, protos: Iterable[AttributeProto], where: str, scope: set[str] | None = None) -> dict[str, Any]:
        attrs: dict[str, Any] = {}
        for proto in protos:
            if proto.name in attrs:
                raise FormatError(f"{where}: attribute '{proto.name}' is given twice")
            attrs[proto.name] = self._attribute(proto, f"{where}, attribute '{proto.name}'", scope or set())
        return attrs

    def _attribute(self, proto: AttributeProto, where: str, scope: set[str]) -> Any:
        if proto.ref_attr_name:
            return AttributeRef(proto.ref_attr_name)
        match proto.type:
            case AttributeProto.TENSOR:
                return read_tensor(proto.t, self.external, where)
            case AttributeProto.SPARSE_TENSOR:
                return read_sparse(proto.sparse_tensor, self.external, where)
            case AttributeProto.TENSORS:
                return [read_tensor(tensor, self.external, where) for tensor in proto.tensors]
            case AttributeProto.GRAPH:
                return self.graph(proto.g, where, set(scope))
            case AttributeProto.GRAPHS:
                return [self.graph(graph, where, set(scope)) for graph in proto.graphs]
            case AttributeProto.FLOAT | AttributeProto.INT | AttributeProto.FLOATS | AttributeProto.INTS:
                value = onnx.helper.get_attribute_value(proto)
                return list(value) if isinstance(value, (list, tuple)) else value
            case AttributeProto.STRING | AttributeProto.STRINGS:
                return _texts(proto, where)
            case AttributeProto.TYPE_PROTO:
                return proto.tp
            case _:
                raise FormatError(f"{where} has type {proto.type}, which is not supported")


def _without_inputs(branch: Any, scope: set[str], where: str) -> Any:
    """Branches of If have no inputs; some exporters list there what a branch reads from outside."""
    if not isinstance(branch, GraphSpec):
        return branch
    strange = [value.name for value in branch.inputs if value.name not in scope]
    if strange:
        raise FormatError(f"{where}: a branch has the input '{strange[0]}', which nothing gives")
    return replace(branch, inputs=())


def _texts(proto: AttributeProto, where: str) -> Any:
    try:
        return proto.s.decode() if proto.type == AttributeProto.STRING else [text.decode() for text in proto.strings]
    except UnicodeDecodeError:
        raise FormatError(f"{where} is not a text in UTF-8") from None


def _is_text(name: str | bytes) -> bool:
    """Whether protobuf could decode a name: it keeps what it cannot, in one form or another."""
    try:
        return isinstance(name, str) and bool(name.encode() or True)
    except UnicodeEncodeError:
        return False


def _label(proto: NodeProto, index: int) -> str:
    return f"node '{proto.name or index}' ({proto.op_type})"


def _sorted(specs: list[NodeSpec], made: Mapping[str, int], defined: set[str], where: str) -> list[int]:
    """Topological order, stable. Raises FormatError for a cycle or a name that nothing makes."""
    waiting: list[int] = []
    users: dict[int, list[int]] = {}
    for index, node in enumerate(specs):
        sources = set()
        for name in node.reads():
            if name in made:
                sources.add(made[name])
            elif name not in defined:
                raise FormatError(f"{where}: {node.where} reads '{name}', which nothing makes (a missing initialiser?)")
        waiting.append(len(sources))
        for source in sources:
            users.setdefault(source, []).append(index)
    ready = [index for index, count in enumerate(waiting) if not count]
    order: list[int] = []
    while ready:
        index = heapq.heappop(ready)
        order.append(index)
        for user in users.get(index, ()):
            waiting[user] -= 1
            if not waiting[user]:
                heapq.heappush(ready, user)
    if len(order) < len(specs):
        stuck = next(node for node, count in zip(specs, waiting, strict=True) if count)
        raise FormatError(f"{where}: {stuck.where} is on a cycle, or waits for one")
    return order


def value_spec(info: ValueInfoProto) -> ValueSpec:
    """A declared value."""
    if info.type.WhichOneof("value") != "tensor_type":
        return ValueSpec(info.name, None, None)
    return ValueSpec(info.name, ir_dtype_of(info.type.tensor_type.elem_type), _shape(info.type.tensor_type))


def _shape(tensor: TypeProto.Tensor) -> tuple[Dim, ...] | None:
    if not tensor.HasField("shape"):
        return None
    return tuple(_dim(dim) for dim in tensor.shape.dim)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


# --- functions ---------------------------------------------------------------------


class _Inliner:
    """Replaces calls of the model's functions by their bodies, without recursion of its own."""

    def __init__(self, functions: Mapping[tuple[str, str], FunctionSpec]) -> None:
        self.functions = functions
        self.calls = 0
        self.nodes = 0

    def expand(self, nodes: Iterable[NodeSpec]) -> list[NodeSpec]:
        if not self.functions:
            return list(nodes)
        done: list[NodeSpec] = []
        todo = list(nodes)[::-1]
        while todo:
            node = todo.pop()
            self.nodes += 1
            if self.nodes > MOST_NODES:
                raise UnsafeFileError(f"{node.where}: inlining functions makes more than {MOST_NODES} nodes")
            function = self.functions.get((node.domain, node.op))
            if function is None:
                attrs = {key: self._inside(value, node.scope) for key, value in node.attrs.items()}
                done.append(replace(node, attrs=attrs))
            else:
                todo += self._call(node, function)[::-1]
        return done

    def _inside(self, value: Any, scope: tuple[str, ...]) -> Any:
        if isinstance(value, list):
            return [self._inside(item, scope) for item in value]
        if not isinstance(value, GraphSpec):
            return value
        nodes = [replace(node, scope=scope) for node in value.nodes]
        return replace(value, nodes=tuple(self.expand(nodes)))

    def _call(self, node: NodeSpec, function: FunctionSpec) -> list[NodeSpec]:
        if function.name in node.scope:
            raise UnsafeFileError(f"{node.where}: function {function.name} calls itself")
        if len(node.scope) >= DEEPEST_CALLS:
            raise UnsafeFileError(f"{node.where}: functions call each other more than {DEEPEST_CALLS} deep")
        self.calls += 1
        return call_body(node, function, f"{node.name}#{self.calls}/")


def call_body(node: NodeSpec, function: FunctionSpec, prefix: str) -> list[NodeSpec]:
    """The nodes that a call of a function stands for. Raises FormatError for a call that does not fit."""
    if len(node.inputs) > len(function.inputs) or len(node.outputs) > len(function.outputs):
        raise FormatError(
            f"{node.where}: {len(node.inputs)} inputs and {len(node.outputs)} outputs for function {function.name}, "
            f"which has {len(function.inputs)} and {len(function.outputs)}"
        )
    missing = set(function.required) - set(node.attrs)
    names = dict.fromkeys(function.inputs, "") | dict(zip(function.inputs, node.inputs, strict=False))
    made = {name for inner in function.nodes for name in inner.outputs}
    captured = {name for inner in function.nodes for name in inner.reads()} - made
    names |= {name: name for name in captured - set(names)}
    names |= {formal: actual for formal, actual in zip(function.outputs, node.outputs, strict=False) if actual}
    given = {**function.attributes, **node.attrs}
    body = []
    for inner in inlined(function.nodes, names, prefix):
        attrs = fill_in(inner.attrs, given, missing)
        body.append(
            replace(inner, name=prefix + inner.name, attrs=attrs, scope=(*node.scope, *inner.scope, function.name))
        )
    return body + _copies(node, function, names, prefix)


def fill_in(attrs: Mapping[str, Any], given: Mapping[str, Any], missing: set[str]) -> dict[str, Any]:
    """Attributes with references replaced by what the call gives; what it does not give is left out."""
    filled: dict[str, Any] = {}
    for key, value in attrs.items():
        if isinstance(value, AttributeRef):
            if value.name in given:
                filled[key] = given[value.name]
        elif isinstance(value, GraphSpec):
            nodes = tuple(replace(node, attrs=fill_in(node.attrs, given, missing)) for node in value.nodes)
            filled[key] = replace(value, nodes=nodes)
        else:
            filled[key] = value
    return filled


def _copies(node: NodeSpec, function: FunctionSpec, names: Mapping[str, str], prefix: str) -> list[NodeSpec]:
    """A function may hand an input through, or one value twice: the caller's name then needs a node of its own."""
    made = {name for inner in function.nodes for name in inner.outputs}
    return [
        NodeSpec(
            f"{prefix}{formal}",
            "Identity",
            "",
            node.opsets.get("", 1),
            (source,),
            (actual,),
            {},
            node.opsets,
            node.scope,
        )
        for formal, actual in zip(function.outputs, node.outputs, strict=False)
        if actual and formal not in made
        for source in [dict(zip(function.inputs, node.inputs, strict=False)).get(formal, "")]
    ]
