"""An ONNX file -> GraphModel."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import onnx

from kcompat.errors import (
    ArgumentError,
    DtypeError,
    FormatError,
    InputError,
    LoadError,
    ShapeError,
)
from kcompat.ir import Variable
from kcompat.models.graph_model import GraphModel, Signature
from kcompat.naming import unique_name

from ..files.source import FileSource
from .call import DIRECT, HANDLERS
from .external import ExternalData
from .hoisting import WEIGHT_DTYPES, with_weights_of_subgraphs
from .host import is_known, schema_of
from .lowering import CONTROL, Known
from .parse import parse_model
from .program import Program
from .spec import GraphSpec, NodeSpec, ValueSpec
from .tensors import element_type

LARGEST_FILE = 2**31 - 1
"""Bytes of a protocol buffer; larger models keep their weights in external data."""


def load_model(path: Any, external_data_dir: Any = None, content: memoryview | None = None) -> GraphModel:
    """The model in an ONNX file.

    external_data_dir: where external data lies, if not beside the file. content: what the file holds, if it has been
    read already. Raises LoadError.
    """
    proto = _parsed(path, content)
    folder = os.path.dirname(os.path.realpath(path)) if external_data_dir is None else external_data_dir
    return model_from_proto(proto, folder)


def _parsed(path: Any, content: memoryview | None) -> onnx.ModelProto:
    data = _content(path) if content is None else bytes(content)
    proto = onnx.ModelProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:
        raise FormatError(f"{path}: is damaged or no ONNX model: {error}") from error
    return proto


def _content(path: Any) -> bytes:
    source = FileSource(path)
    try:
        if source.size > LARGEST_FILE:
            raise FormatError(f"{path}: {source.size} bytes, a protocol buffer has at most {LARGEST_FILE}")
        return bytes(source.read(0, source.size))
    finally:
        source.close()


def model_from_proto(proto: onnx.ModelProto, folder: Any = None) -> GraphModel:
    """The model of a parsed file, whose external data lies in `folder`. Raises LoadError."""
    external = ExternalData(folder)
    try:
        spec = parse_model(proto, external)
    except UnicodeDecodeError as error:  # protobuf decodes names when they are read
        raise FormatError(f"a name is not a text in UTF-8: {error}") from error
    finally:
        external.close()
    _check_operators(spec)
    spec = with_weights_of_subgraphs(spec)
    variables: dict[str, Variable] = {}
    known: dict[str, Known] = {}
    for name, array in spec.initializers.items():
        if array.dtype.name in WEIGHT_DTYPES:
            variables[name] = Variable(name, array.shape, array.dtype.name).assign(array)
            known[name] = variables[name]
        else:
            known[name] = array
    _keep_constants(spec, variables)
    program = Program(replace(spec, initializers={}), known)
    model = GraphModel(
        program,
        [_signature(value) for value in spec.inputs],
        [_signature(value) for value in spec.outputs],
        list(variables.values()),
        _counts(spec),
        name=spec.name or unique_name("graph_model"),
    )
    model.is_self_contained = not external.was_read
    _try_types(program)
    return model


def _keep_constants(spec: GraphSpec, variables: Mapping[str, Variable]) -> None:
    """Let training leave what is no parameter: running statistics, and numbers that stand in formulas."""
    fixed = {name for node in spec.nodes if node.op == "BatchNormalization" for name in node.inputs[3:5]}
    for name, variable in variables.items():
        variable.trainable = name not in fixed and variable.ndim > 0


def run_node(node: onnx.NodeProto, inputs: Sequence[Any], version: int | None = None) -> tuple[Any, ...]:
    """The outputs of one node for its inputs in order. Raises LoadError or InputError."""
    names = [name for name in node.input if name]
    graph = onnx.helper.make_graph(
        [node],
        "node",
        [_declared(name, value) for name, value in zip(names, inputs, strict=True)],
        [onnx.ValueInfoProto(name=name) for name in node.output if name],
    )
    opset = version or onnx.defs.onnx_opset_version()
    imports = {"": opset} | ({node.domain: 1} if node.domain else {})
    proto = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid(*item) for item in imports.items()])
    return tuple(model_from_proto(proto).program.run(dict(zip(names, inputs, strict=True))))


def _declared(name: str, value: Any) -> onnx.ValueInfoProto:
    if not isinstance(value, np.ndarray):
        return onnx.ValueInfoProto(name=name)
    return onnx.helper.make_tensor_value_info(name, element_type(value), value.shape)


def _signature(value: ValueSpec) -> Signature:
    return Signature(value.name, value.dtype, value.shape)


def _check_operators(spec: GraphSpec) -> None:
    """Every operator, in subgraphs too, must be one that can run; attributes must be those it has."""
    for node in spec.nodes:
        for graph in node.graphs():
            _check_operators(graph)
        key = (node.domain, node.op)
        if key in HANDLERS and node.domain not in ("", "ai.onnx.ml"):
            continue
        schema = schema_of(node)
        _check_form(node, schema)
        has_body = schema.has_function or schema.has_context_dependent_function
        if not (key in HANDLERS or key in CONTROL or node.op in (*DIRECT, "If") or has_body or is_known(node)):
            raise LoadError(f"{node.where}: operator {node.domain or 'ai.onnx'}.{node.op} cannot be run")


def _check_form(node: NodeSpec, schema: Any) -> None:
    """Number of inputs and outputs, and the names of attributes."""
    if not schema.min_input <= len(node.inputs) <= schema.max_input:
        raise FormatError(
            f"{node.where}: {len(node.inputs)} inputs, {node.op} takes {schema.min_input} to {schema.max_input}"
        )
    if len(node.outputs) > schema.max_output:
        raise FormatError(f"{node.where}: {len(node.outputs)} outputs, {node.op} has at most {schema.max_output}")
    unknown = [name for name in node.attrs if name not in schema.attributes]
    missing = [name for name, spec in schema.attributes.items() if spec.required and name not in node.attrs]
    if unknown or missing:
        raise FormatError(
            f"{node.where}: attribute '{(unknown or missing)[0]}' is {'unknown to' if unknown else 'missing for'} "
            f"{node.op} in version {node.version}"
        )


def _counts(spec: GraphSpec) -> Mapping[str, int]:
    counts: dict[str, int] = {}
    for node in spec.nodes:
        name = f"{node.domain}.{node.op}" if node.domain else node.op
        counts[name] = counts.get(name, 0) + 1
    return counts


def _try_types(program: Program) -> None:
    """What does not fit together whatever is passed in is found when the file is loaded."""
    try:
        program.graph()
    except (ShapeError, DtypeError, ArgumentError, InputError) as error:
        raise LoadError(str(error)) from error
