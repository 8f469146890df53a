"""Operators without a card: kernels of `boxes`, or the operator classes of `onnx.reference`, run them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import onnx
from onnx import AttributeProto, GraphProto, NodeProto, TensorProto, TypeProto, ValueInfoProto, helper, numpy_helper

from kcompat.errors import InputError, KcompatError, LoadError, ResourceError, UnknownLayerError
from kcompat.ir.operator import Operand, Operator
from kcompat.ir.types import MEMORY_BUDGET, TensorType

from .boxes import compiled
from .spec import GraphSpec, NodeSpec, ValueSpec
from .tensors import ir_dtype_of

ELEMENTS = {
    "float32": TensorProto.FLOAT,
    "float64": TensorProto.DOUBLE,
    "float16": TensorProto.FLOAT16,
    "bool": TensorProto.BOOL,
    "string": TensorProto.STRING,
    "complex64": TensorProto.COMPLEX64,
    "complex128": TensorProto.COMPLEX128,
    **{
        f"{sign}int{bits}": getattr(TensorProto, f"{sign}INT{bits}".upper())
        for sign in ("", "u")
        for bits in (8, 16, 32, 64)
    },
}
"""IR dtype -> ONNX element type."""

HOST_PREFIX = "host onnx."
"""How the cards of operators that onnx.reference runs are named."""


def schema_of(node: NodeSpec) -> Any:
    """ONNX's definition of the node's operator. Raises UnknownLayerError if it has none at that version."""
    try:
        return onnx.defs.get_schema(node.op, max(node.version, 1), node.domain)
    except (onnx.defs.SchemaError, TypeError, UnicodeError):  # TypeError: a name that is no valid text
        raise UnknownLayerError(
            f"{node.where}: operator {node.domain or 'ai.onnx'}.{node.op} is not known in version {node.version}"
        ) from None


@cache
def _allowed_kinds(domain: str, op: str) -> tuple[frozenset[str], ...]:
    """The kinds of dtypes that each formal input takes in the newest version: what runtimes go by.

    Where floats or unsigned integers are allowed, all integers count as such.
    """
    schema = onnx.defs.get_schema(op, domain)
    kinds = [frozenset(_kind(word.partition("(")[2]) for word in formal.types) for formal in schema.inputs]
    return tuple(each | {"int"} if "float" in each else each for each in kinds)


def _kind(dtype: str) -> str:
    for kind in ("bool", "string", "int"):
        if dtype.removeprefix("u").startswith(kind):
            return kind
    return "float"


def check_types(node: NodeSpec, types: Sequence[TensorType | None]) -> None:
    """Raises LoadError for an operand of a kind of dtype that the operator does not take."""
    if not onnx.defs.has(node.op, node.domain):
        return
    allowed = _allowed_kinds(node.domain, node.op)
    for index, type in enumerate(types):
        if type is not None and _kind(type.dtype) not in allowed[min(index, len(allowed) - 1)]:
            raise LoadError(f"{node.where}: input {index} ('{node.inputs[index]}') is {type}, a dtype it does not take")


@cache
def _has_class(domain: str, op: str, version: int) -> bool:
    return _class(domain, op, version) is not None


def _class(domain: str, op: str, version: int) -> Any:
    from onnx.reference.ops import load_op as default_ops

    try:
        if domain == "":
            return default_ops(domain, op, version)
        if domain == "ai.onnx.ml":
            from onnx.reference.ops.aionnxml._op_list import load_op as ml_ops

            return ml_ops(domain, op, version)
        if domain in ("ai.onnx.preview.training", "ai.onnx.training"):
            from onnx.reference.ops.aionnx_preview_training._op_list import load_op as training_ops

            return training_ops("ai.onnx.preview.training", op, version)
    except Exception:
        return None
    return None


def is_known(node: NodeSpec) -> bool:
    return _has_class(node.domain, node.op, max(node.version, 1))


def proto_of(node: NodeSpec) -> NodeProto:
    """The node as onnx has it."""
    proto = NodeProto(op_type=node.op, domain=node.domain, name=node.name)
    proto.input.extend(node.inputs)
    proto.output.extend(node.outputs)
    for key, value in node.attrs.items():
        proto.attribute.append(_attribute(key, value))
    return proto


def _attribute(key: str, value: Any) -> AttributeProto:
    if isinstance(value, GraphSpec):
        return helper.make_attribute(key, _graph_proto(value))
    if isinstance(value, np.ndarray):
        return helper.make_attribute(key, numpy_helper.from_array(value))
    if isinstance(value, list) and value and isinstance(value[0], np.ndarray):
        return helper.make_attribute(key, [numpy_helper.from_array(item) for item in value])
    if isinstance(value, list) and not value:
        return AttributeProto(name=key, type=AttributeProto.INTS)
    return helper.make_attribute(key, value)


def _for_reference(proto: NodeProto) -> NodeProto:
    """GridSample with the names of modes that opset 20 gave them, the only ones that the class knows."""
    for attribute in proto.attribute:
        if proto.op_type == "GridSample" and attribute.name == "mode":
            attribute.s = {b"bilinear": b"linear", b"bicubic": b"cubic"}.get(attribute.s, attribute.s)
    return proto


def _graph_proto(graph: GraphSpec) -> GraphProto:
    proto = GraphProto(name=graph.name)
    proto.node.extend(proto_of(node) for node in graph.nodes)
    proto.input.extend(_value_info(value) for value in graph.inputs)
    proto.output.extend(_value_info(value) for value in graph.outputs)
    proto.initializer.extend(numpy_helper.from_array(array, name) for name, array in graph.initializers.items())
    return proto


def _value_info(value: ValueSpec) -> ValueInfoProto:
    if value.dtype is None:
        return ValueInfoProto(name=value.name)
    return helper.make_tensor_value_info(value.name, ELEMENTS[value.dtype], value.shape)


class HostOperator:
    """One node, run by a kernel or by onnx.reference."""

    def __init__(self, node: NodeSpec) -> None:
        self.node, self._compiled = node, compiled(node)
        loaded = _class(node.domain, node.op, max(node.version, 1))
        if loaded is None:
            raise UnknownLayerError(f"{node.where}: operator {node.domain or 'ai.onnx'}.{node.op} cannot be run")
        parameters = {
            "log": lambda *_: None,
            "opsets": dict(node.opsets),
            "verbose": 0,
            "new_ops": None,
            "existing_functions": {},
            "evaluator_cls": None,
        }
        try:
            self.runner = loaded(_for_reference(proto_of(node)), parameters)
        except Exception as error:
            raise LoadError(f"{node.where}: {error}") from error

    def __call__(self, arrays: Sequence[Any]) -> tuple[Any, ...]:
        """Its outputs. Raises InputError for operands that it does not take."""
        try:
            result = self._compiled(arrays) if self._compiled else None
            if result is not None:
                return (result,)
            with np.errstate(all="ignore"):
                return tuple(self.runner.run(*arrays))
        except KcompatError:
            raise
        except MemoryError as error:
            raise ResourceError(str(error)) from None
        except Exception as error:
            raise InputError(str(error)) from error


def inferred_types(
    node: NodeSpec, types: Sequence[TensorType | None], constants: Mapping[str, np.ndarray]
) -> tuple[TensorType, ...] | None:
    """What ONNX's shape inference says of the outputs; None if any has no rank or a dtype beyond the IR."""
    schema = schema_of(node)
    given = {
        name: helper.make_tensor_type_proto(ELEMENTS[type.dtype], type.shape)
        for name, type in zip(node.inputs, types, strict=False)
        if type is not None
    }
    data = {name: numpy_helper.from_array(array) for name, array in constants.items() if array.dtype != object}
    try:
        found = onnx.shape_inference.infer_node_outputs(
            schema, proto_of(node), given, data, opset_imports=_imports(node.opsets)
        )
    except Exception:
        return None
    outputs = [_tensor_type(found.get(name)) for name in node.outputs if name]
    return None if any(type is None for type in outputs) or not outputs else tuple(outputs)  # type: ignore[arg-type]


def _imports(opsets: Mapping[str, int]) -> list[onnx.OperatorSetIdProto]:
    return [helper.make_opsetid(domain, version) for domain, version in opsets.items()]


def _tensor_type(proto: TypeProto | None) -> TensorType | None:
    if proto is None or proto.WhichOneof("value") != "tensor_type" or not proto.tensor_type.HasField("shape"):
        return None
    dtype = ir_dtype_of(proto.tensor_type.elem_type)
    dims = tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in proto.tensor_type.shape.dim)
    return None if dtype is None else TensorType(dtype, dims)


@dataclass(frozen=True, eq=False, slots=True)
class HostCard(Operator):
    """A card made for one node of an ONNX graph."""

    node: NodeSpec = field(kw_only=True)


def host_card(
    node: NodeSpec, types: Sequence[TensorType | None], constants: Mapping[str, np.ndarray]
) -> Operator | None:
    """A card for one node whose meaning is onnx.reference's; None where its types cannot be told before it runs.

    It is named `host onnx.X`, and is not in the table of cards.
    """
    first = inferred_types(node, types, constants)
    if first is None or not all(type.is_static for type in first):
        return None
    operator = HostOperator(node)
    used = [index for index, name in enumerate(node.outputs) if name]

    def infer(*given: TensorType | None) -> tuple[TensorType, ...]:
        return first

    def meaning(*arrays: np.ndarray | None) -> tuple[np.ndarray, ...]:
        made = operator(arrays)
        return tuple(np.asarray(made[index]) for index in used)

    operands = tuple(Operand(name or f"input_{index}", optional=True) for index, name in enumerate(node.inputs))
    return HostCard(f"{HOST_PREFIX}{node.op}", operands, {}, infer, meaning, node=node)


def check_size(array: Any, node: NodeSpec) -> Any:
    """A result of the host. Raises ResourceError for one over the memory budget."""
    if isinstance(array, np.ndarray) and array.nbytes > MEMORY_BUDGET:
        raise ResourceError(f"{node.where}: a result of {array.nbytes} bytes is over the budget of {MEMORY_BUDGET}")
    return array
