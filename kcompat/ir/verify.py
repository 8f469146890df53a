"""Checks a graph's invariants."""

from __future__ import annotations

from ..errors import GraphError, KcompatError
from .graph import Constant, Graph, Node, Parameter, Result, Value
from .types import fits


def verify(graph: Graph) -> Graph:
    """Return the graph if it is well formed.

    Every value is defined before it is read, each node once; attributes satisfy the card; the
    recorded output types are what the card infers; input names are distinct; updates fit their variables.
    Raises GraphError naming the node and its origin.
    """
    defined: set[Value] = set(graph.inputs)
    if len({value.name for value in graph.inputs}) != len(graph.inputs):
        raise GraphError(f"input names repeat: {[value.name for value in graph.inputs]}")
    for position, node in enumerate(graph.nodes):
        _verify_node(node, position, defined)
        defined.update(node.outputs)
    for value in graph.outputs:
        if not _is_defined(value, defined):
            raise GraphError(f"graph output {value!r} is computed by no node of the graph")
    for variable, value in graph.updates.items():
        if not _is_defined(value, defined) or value.dtype != variable.dtype or not fits(value.shape, variable.shape):
            raise GraphError(f"'{variable.path}' ({variable.type}) cannot become {value!r}")
    return graph


def _is_defined(value: Value, defined: set[Value]) -> bool:
    return isinstance(value, (Constant, Parameter)) or value in defined


def _verify_node(node: Node, position: int, defined: set[Value]) -> None:
    where = f"node {position} ({node.op.name}) from {node.origin or 'unknown origin'}"
    for value in node.inputs:
        if value is not None and not _is_defined(value, defined):
            raise GraphError(f"{where} reads {value!r} before it is defined")
    if any(result in defined for result in node.outputs):
        raise GraphError(f"{where} is in the graph twice")
    try:
        if node.op.check_attributes(node.attrs) != node.attrs:
            raise GraphError(f"{where} has attributes that are not normalised: {node.attrs}")
        inferred = node.op.infer(*(None if v is None else v.type for v in node.inputs), **node.attrs)
    except GraphError:
        raise
    except KcompatError as error:
        raise GraphError(f"{where}: {error}") from error
    types = inferred if isinstance(inferred, tuple) else (inferred,)
    if len(types) != len(node.outputs):
        raise GraphError(f"{where} has {len(node.outputs)} outputs, its card gives {len(types)}")
    for result, type in zip(node.outputs, types, strict=True):
        _verify_type(where, result, type.dtype, type.shape)


def _verify_type(where: str, result: Result, dtype: str, shape: tuple[object, ...]) -> None:
    if result.dtype != dtype or not fits(result.shape, shape):  # type: ignore[arg-type]
        raise GraphError(f"{where} has an output of type {result.type}, its card infers {dtype}{list(shape)}")
