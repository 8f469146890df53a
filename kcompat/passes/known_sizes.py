"""Operators that read a tensor for its shape alone, once the shape is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..ir import Graph, Node, Value
from ..ir.types import Shape
from ..operators.conv import input_gradient
from ..operators.gradients import unbroadcast
from .rewrite import Rewrite, rewrite

Operands = Sequence["Value | None"]
Rule = Callable[[Rewrite, Node, Operands], "Value | Sequence[Value] | None"]

_RULES: dict[str, Rule] = {}


def with_known_sizes(graph: Graph) -> Graph:
    """Given sizes that have become known. Result: constants of them, and operators that need no tensor beside."""
    return rewrite(graph, _replaced)


def reads_sizes(graph: Graph) -> bool:
    """Whether there is an operator that `with_known_sizes` replaces."""
    return any(node.op.name in _RULES for node in graph.nodes)


def _replaced(work: Rewrite, node: Node, operands: Operands) -> Value | Sequence[Value] | None:
    found = _RULES.get(node.op.name)
    known = all(value is None or value.type.is_static for value in operands)
    return found(work, node, operands) if found is not None and known else None


def _rule(*names: str) -> Callable[[Rule], Rule]:
    def enter(function: Rule) -> Rule:
        _RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def _pair(operands: Operands) -> tuple[Value, Value]:
    """The operand that is computed with, and the one that has the shape."""
    x, like = operands[0], operands[1]
    assert x is not None
    assert like is not None
    return x, like


@_rule("size")
def _size(work: Rewrite, node: Node, operands: Operands) -> Value:
    x = operands[0]
    assert x is not None
    return work.b.constant(x.shape[node.attrs["axis"]], "int32")


@_rule("broadcast_like")
def _broadcast(work: Rewrite, node: Node, operands: Operands) -> Value:
    x, like = _pair(operands)
    return x if x.shape == like.shape else work.b.broadcast_to(x, shape=like.shape)


@_rule("reshape_like", "unfold_time")
def _reshape(work: Rewrite, node: Node, operands: Operands) -> Value:
    x, _ = _pair(operands)
    shape = node.op.infer(*(value.type for value in operands if value is not None)).shape  # type: ignore[union-attr]
    return x if x.shape == shape else work.b.reshape(x, shape=shape)


@_rule("sum_like")
def _sum(work: Rewrite, node: Node, operands: Operands) -> Value | None:
    x, like = _pair(operands)
    return unbroadcast(work.b, x, like, x)


@_rule("slice_gradient")
def _slice(work: Rewrite, node: Node, operands: Operands) -> Value | None:
    """Margins of zeros, unless there are gaps as well."""
    x, like = _pair(operands)
    pads = [(0, 0)] * x.rank
    bounds = (node.attrs[name] for name in ("axes", "starts", "stops", "steps"))
    for axis, start, stop, step in zip(*bounds, strict=True):
        low, high, _ = slice(start, stop).indices(like.shape[axis])
        pads[axis] = (low, like.shape[axis] - max(low, high))
        if step not in (None, 1):
            return None
    return work.b.pad(x, pads=pads)


@_rule("surround")
def _surround(work: Rewrite, node: Node, operands: Operands) -> Value:
    x, like = _pair(operands)
    margins = _margins(like.shape, x.shape)
    return work.b.pad(x, pads=margins)


@_rule("middle")
def _middle(work: Rewrite, node: Node, operands: Operands) -> Value:
    x, like = _pair(operands)
    margins = _margins(x.shape, like.shape)
    return work.b.pad(x, pads=[(-low, -high) for low, high in margins])


def _margins(outer: Shape, inner: Shape) -> list[tuple[int, int]]:
    """What lies around the middle of each axis; of an odd rest, the larger part at the high end."""
    rests = [int(large) - int(small) for large, small in zip(outer, inner, strict=True)]  # type: ignore[arg-type]
    return [(rest // 2, rest - rest // 2) for rest in rests]


@_rule("concat_gradient")
def _pieces(work: Rewrite, node: Node, operands: Operands) -> Sequence[Value]:
    x, *parts = operands
    pieces, start, axis = [], 0, node.attrs["axis"]
    for part in parts:
        assert part is not None
        stop = start + part.shape[axis]
        pieces.append(work.b.slice(x, starts=(start,), stops=(stop,), steps=(1,), axes=(axis,)))
        start = stop
    return pieces


@_rule("conv_input_gradient")
def _image(work: Rewrite, node: Node, operands: Operands) -> Value:
    dy, w, like = operands
    assert dy is not None
    assert w is not None
    assert like is not None
    return input_gradient(work.b, dy, w, like, **node.attrs)
