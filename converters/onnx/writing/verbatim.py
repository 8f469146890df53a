"""A graph that was read from ONNX, written as it was read, with the weights that it has now."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from kcompat.errors import SaveError
from kcompat.ir import Variable
from kcompat.models.graph_model import GraphModel

from ..host import ELEMENTS, proto_of
from ..program import Program
from ..spec import ValueSpec
from .call import NeedsOpset
from .files import tensor


def verbatim(model: GraphModel, opset: int) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The model without its weights, and these by name, in an opset.

    Raises NeedsOpset for one older than the model's own, SaveError where inputs are no tensors, or where the model's
    own is older and cannot be turned into it.
    """
    program = model.program
    assert isinstance(program, Program)
    spec = program.spec
    graph = helper.make_graph(
        [proto_of(node) for node in spec.nodes],
        spec.name or model.name,
        [_declared(value) for value in spec.inputs],
        [_declared(value) for value in spec.outputs],
    )
    imports = {domain: version for node in spec.nodes for domain, version in node.opsets.items()} or {"": opset}
    weights = {name: _current(program, name) for name in program.known}
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid(*item) for item in imports.items()])
    own = imports.get("", opset)
    if own > opset:
        raise NeedsOpset(f"model '{model.name}' is written as it was read, in opset {own}, not {opset}", own)
    return (proto, weights) if own == opset else _converted(proto, weights, opset)


def _current(program: Program, name: str) -> np.ndarray:
    value = program.held.get(name, program.known[name])
    return value.value if isinstance(value, Variable) else np.asarray(value)


def _declared(value: ValueSpec) -> onnx.ValueInfoProto:
    if value.dtype is None:
        raise SaveError(f"'{value.name}' is no tensor: models with sequences or optional values are not written")
    return helper.make_tensor_value_info(value.name, ELEMENTS[value.dtype], value.shape)


def _converted(
    proto: onnx.ModelProto, weights: dict[str, np.ndarray], opset: int
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """In a later version, by the rules of onnx.version_converter."""
    own = next(entry.version for entry in proto.opset_import if not entry.domain)
    proto.graph.initializer.extend(tensor(name, array) for name, array in weights.items())
    try:
        result = onnx.version_converter.convert_version(proto, opset)
    except Exception as error:
        raise SaveError(f"the model is of opset {own} and cannot be turned into opset {opset}: {error}") from error
    arrays = {item.name: numpy_helper.to_array(item) for item in result.graph.initializer}
    del result.graph.initializer[:]
    return result, arrays
