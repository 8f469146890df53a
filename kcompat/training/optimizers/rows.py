"""Gradients of lookups, by the rows that were looked up.

TensorFlow keeps the gradient of an embedding as rows with their places, and Keras's optimizers square each of
them before equal places are added up: a token that occurs twice counts as two squares, not as the square of a sum.
"""

from __future__ import annotations

from collections.abc import Callable

from ...ir import Value
from ...layers.emitter import Emitter


def by_row(b: Emitter, gradient: Value, function: Callable[[Value], Value]) -> Value:
    """A function of a gradient, of each row that was looked up where it has such."""
    return function(gradient)


def squared(b: Emitter, gradient: Value) -> Value:
    return by_row(b, gradient, b.square)


def magnitude(b: Emitter, gradient: Value) -> Value:
    return by_row(b, gradient, b.abs)
