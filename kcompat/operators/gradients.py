"""What the gradients of cards have in common.

TensorFlow's conventions hold at kinks and ties. Sources: tensorflow/python/ops/{math,nn,array}_grad.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Gradient
from ..ir.types import Dim, Shape, normalize_axes

Gradients = list[Any]
"""One per input: a Value, None, or `not_differentiable`."""


def unary(derive: Callable[..., Value]) -> Gradient:
    """The gradient of a function of one operand, from `derive(b, dy, x, y, **attributes)`."""

    def gradient(
        b: Builder, gradients: Sequence[Value], inputs: Sequence[Value], outputs: Sequence[Value], **attrs: Any
    ) -> Gradients:
        return [derive(b, gradients[0], inputs[0], outputs[0], **attrs)]

    return gradient


def binary(derive: Callable[..., tuple[Value | None, Value | None]]) -> Gradient:
    """The gradient of an elementwise operator, from `derive(b, dy, x, y)`, which need not undo broadcasting."""

    def gradient(b: Builder, gradients: Sequence[Value], inputs: Sequence[Value], _: Any) -> Gradients:
        x, y = inputs
        dx, dy = derive(b, gradients[0], x, y)
        return [unbroadcast(b, dx, x, y), unbroadcast(b, dy, y, x)]

    return gradient


def constant(b: Builder, gradients: Any, inputs: Sequence[Any], outputs: Any, **_: Any) -> Gradients:
    """The gradient of a function that is constant between its jumps."""
    return [None] * len(inputs)


def keep_where(b: Builder, condition: Value, x: Value) -> Value:
    """x where a condition holds, zero elsewhere."""
    return b.where(condition, x, b.constant(0, x.dtype))


def zeros_like(b: Builder, x: Value) -> Value:
    return spread(b, b.constant(0, x.dtype), x)


def filled(b: Builder, gradient: Value | None, output: Value) -> Value:
    """The gradient of an output, zeros where nothing depends on it."""
    return zeros_like(b, output) if gradient is None else gradient


def spread(b: Builder, x: Value, like: Value) -> Value:
    """x broadcast to the shape of `like`."""
    if like.type.is_static:
        return x if x.shape == like.shape else b.broadcast_to(x, shape=like.shape)
    return b.broadcast_like(x, like)


def kept(b: Builder, x: Value, axes: Sequence[int], keepdims: bool, rank: int) -> Value:
    """A reduction's result or its gradient such that it broadcasts to what was reduced, of that rank."""
    gone = tuple(sorted(normalize_axes(axes, rank)))
    leading = gone == tuple(range(len(gone)))
    return x if keepdims or leading else b.expand_dims(x, axes=gone)


def reshaped(b: Builder, x: Value, like: Value) -> Value:
    """x in the shape of `like`, which has as many elements."""
    if x.shape == like.shape and like.type.is_static:
        return x
    shape = [_kept_size(x, axis, dim) for axis, dim in enumerate(like.shape)]
    return b.reshape_like(x, like) if shape.count(-1) > 1 else b.reshape(x, shape=shape)


def _kept_size(x: Value, axis: int, dim: Dim) -> int:
    """What a reshape of x takes for a size: itself, -2 for that of x, -1 if it follows from the others."""
    if isinstance(dim, int):
        return dim
    return -2 if dim is not None and axis < x.rank and x.shape[axis] == dim else -1


def counted(b: Builder, x: Value, axes: Sequence[int]) -> Value | float:
    """How many positions x has along axes, in x's dtype where a size is open."""
    known = 1
    total: Any = None
    for axis in axes:
        size = x.shape[axis]
        if isinstance(size, int):
            known *= size
        else:
            amount = b.cast(b.size(x, axis=axis), dtype=x.dtype)
            total = amount if total is None else b.mul(total, amount)
    if total is None or known == 1:
        return known if total is None else total
    return b.mul(total, float(known))


def unbroadcast(b: Builder, gradient: Value | None, operand: Value, *others: Value) -> Value | None:
    """A gradient summed over the axes along which `operand` was repeated to fit `others`."""
    if gradient is None:
        return None
    lead = gradient.rank - operand.rank
    inner = []
    for axis, size in enumerate(operand.shape, lead):
        facing = [_size(other.shape, axis - gradient.rank) for other in others]
        if any(dim != size and dim != 1 for dim in facing):
            if not isinstance(size, int):
                return b.sum_like(gradient, operand)
            if size == 1:
                inner.append(axis)
        elif size is None and None in facing:
            return b.sum_like(gradient, operand)
    axes = (*range(lead), *inner)
    if not axes:
        return gradient
    total = b.reduce_sum(gradient, axes=axes, keepdims=not lead)
    return b.expand_dims(total, axes=[axis - lead for axis in inner]) if lead and inner else total


def _size(shape: Shape, axis: int) -> Dim:
    """The size of an axis counted from the end; one where there is none."""
    return shape[axis] if -axis <= len(shape) else 1
