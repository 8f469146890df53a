"""Gradients of lookups, by the rows that were looked up.

TensorFlow keeps the gradient of an embedding as rows with their places, and Keras's optimizers square each of
them before rows of one place are added up: a token that occurs twice counts as two squares, not as the square
of a sum. A sum with any other gradient, or with those of earlier steps, is an ordinary gradient again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...ir import Value
from ...ir.graph import Node, Result
from ...layers.emitter import Emitter

Function = Callable[[Value], Value]


class _Lookup(NamedTuple):
    """Rows, and the node that puts them in their places."""

    rows: Value
    node: Node


def by_row(b: Emitter, gradient: Value, function: Function) -> Value:
    """A function of a gradient: of each row that was looked up, where it has such, else of each element."""
    lookups = _lookups(b, gradient)
    if lookups is None:
        return function(gradient)
    parts = [b.apply(node.op, function(rows), *node.inputs[1:], **node.attrs) for rows, node in lookups]
    total: Value = parts[0]
    for part in parts[1:]:
        total = b.add(total, part)
    return total


def _lookups(b: Emitter, gradient: Value) -> list[_Lookup] | None:
    """What a gradient is the sum of, if that is rows alone; rows may be scaled all at once, by a right factor."""
    if not isinstance(gradient, Result):
        return None
    node = gradient.producer
    if node.op.name == "gather_gradient":
        return [_Lookup(_only(node.inputs[0]), node)]
    if node.op.name == "add":
        left, right = (_lookups(b, _only(value)) for value in node.inputs)
        return None if left is None or right is None else left + right
    if node.op.name in ("mul", "div") and not _only(node.inputs[1]).rank:
        parts = _lookups(b, _only(node.inputs[0])) or []
        return [_Lookup(b.apply(node.op, rows, node.inputs[1]), inner) for rows, inner in parts] or None
    return None


def _only(value: Value | None) -> Value:
    assert value is not None
    return value


def squared(b: Emitter, gradient: Value) -> Value:
    """The squares of a gradient, row by row."""
    return by_row(b, gradient, b.square)


def magnitude(b: Emitter, gradient: Value) -> Value:
    """The sizes of a gradient's elements, row by row."""
    return by_row(b, gradient, b.abs)


def summed(b: Emitter, gradient: Value) -> Value:
    """A gradient whose rows are added up: an ordinary one."""
    return gradient if _lookups(b, gradient) is None else b.add(gradient, 0.0)
