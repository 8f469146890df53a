"""Reverse-mode differentiation: appends to a graph the nodes that compute gradients."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import DtypeError, GradientError, GraphError, ShapeError
from ..ir.builder import Builder
from ..ir.graph import Node, Value
from ..ir.operator import not_differentiable
from ..ir.types import fits, is_float


def differentiate(b: Builder, loss: Value, wrt: Sequence[Value], seed: Value | None = None) -> list[Value | None]:
    """The gradients of sum(seed * loss) by each of `wrt`; None where loss does not depend on it.

    b: holds the nodes that compute the floating `loss` (any shape) from `wrt`; the backward nodes are
    appended to it. Only what lies on a path from `wrt` to `loss` is differentiated; integers and booleans
    carry no gradients. seed: of loss's type, ones unless given.
    Raises GradientError naming the operator and its origin where a gradient is needed and not defined,
    ShapeError or DtypeError for a seed of another type.
    """
    forward = list(b.nodes)
    reached = _depending_on(wrt, forward)
    gradients: dict[Value, Value] = {}
    if loss in reached:
        gradients[loss] = _seed(b, loss, seed)
    for node in reversed(forward):
        if any(output in gradients for output in node.outputs):
            _differentiate_node(b, node, reached, gradients)
    results = [gradients.get(value) for value in wrt]
    b.nodes[len(forward) :] = _needed(b.nodes[len(forward) :], results)
    return results


def _depending_on(sources: Iterable[Value], nodes: Iterable[Node]) -> set[Value]:
    """Sources and results that depend on them, along floating values alone."""
    reached = {value for value in sources if is_float(value.dtype)}
    for node in nodes:
        if any(value in reached for value in node.inputs):
            reached.update(output for output in node.outputs if is_float(output.dtype))
    return reached


def _seed(b: Builder, loss: Value, seed: Value | None) -> Value:
    if seed is None:
        one = b.constant(1, loss.dtype)
        return b.broadcast_like(one, loss) if loss.rank else one
    if seed.dtype != loss.dtype:
        raise DtypeError(f"the seed of {loss.type} is {seed.type}")
    if not fits(seed.shape, loss.shape):
        raise ShapeError(f"the seed of {loss.type} is {seed.type}")
    return seed


def _differentiate_node(b: Builder, node: Node, reached: set[Value], gradients: dict[Value, Value]) -> None:
    """Adds to `gradients` what the node's inputs contribute to the loss through the node."""
    origin = node.origin or node.op.name
    state = node.op.gradient or not_differentiable
    given = [gradients.get(output) for output in node.outputs]
    with b.origin(f"gradient of {origin}"):
        made = state(b, given, node.inputs, node.outputs, **node.attrs)
        for value, gradient in zip(node.inputs, made, strict=True):
            if value is None or value not in reached or gradient is None:
                continue
            if gradient is not_differentiable:
                raise GradientError(
                    f"{origin}: operator {node.op.name!r} has no gradient by its {_operand(node, value)}"
                )
            if gradient.dtype != value.dtype or not fits(gradient.shape, value.shape):
                raise GraphError(f"{origin}: {node.op.name!r} gives {gradient.type} as gradient of {value.type}")
            gradients[value] = b.add(gradients[value], gradient) if value in gradients else gradient


def _operand(node: Node, value: Value) -> str:
    operands = node.op.operands
    return f"operand {operands[min(node.inputs.index(value), len(operands) - 1)].name!r}"


def _needed(nodes: Sequence[Node], results: Iterable[Value | None]) -> list[Node]:
    """The nodes that results depend on, in their order."""
    wanted = set(results)
    kept: list[Node] = []
    for node in reversed(nodes):
        if any(output in wanted for output in node.outputs):
            wanted.update(node.inputs)
            kept.append(node)
    return kept[::-1]
