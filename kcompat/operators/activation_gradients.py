"""Gradients of the activation functions: of y = f(x) by x, from dy.

Each uses y where that is enough, so that x need not be kept.
"""

from __future__ import annotations

from math import inf, pi, sqrt
from typing import Any

from ..errors import GradientError
from ..ir.builder import Builder
from ..ir.graph import Value
from .gradients import Gradients, keep_where
from .special import SELU_ALPHA, SELU_SCALE


def relu(
    b: Builder, dy: Value, x: Value, y: Value, *, negative_slope: float, max_value: float, threshold: float
) -> Value:
    """As Keras composes it: at the threshold a slope alone counts; max_value itself passes, but for 6 of relu6."""
    if not negative_slope and not threshold:
        passes = b.greater(y, 0.0)
        if max_value == 6:
            passes = b.logical_and(passes, b.less(y, 6.0))
        elif max_value != inf:
            passes = b.logical_and(passes, b.less_equal(x, max_value))
        return keep_where(b, passes, dy)
    above = dy if max_value == inf else keep_where(b, b.less_equal(x, max_value), dy)
    below = b.mul(dy, negative_slope) if negative_slope else b.constant(0, dy.dtype)
    if negative_slope and (threshold or max_value != inf):
        below = keep_where(b, b.less(x, threshold), below)
    return b.where(b.greater(x, threshold), above, below)


def prelu(b: Builder, dy: Value, x: Value, slope: Value) -> tuple[Value, Value]:
    by_x = b.where(b.less(x, 0.0), b.mul(dy, slope), keep_where(b, b.greater(x, 0.0), dy))
    return by_x, b.mul(dy, b.minimum(x, 0.0))


def sigmoid(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.mul(y, b.sub(1.0, y)))


def tanh(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.sub(1.0, b.square(y)))


def erf(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.mul(b.exp(b.neg(b.square(x))), 2 / sqrt(pi)))


def gelu(b: Builder, dy: Value, x: Value, y: Value, *, approximate: bool) -> Value:
    if not approximate:
        share = b.mul(b.add(b.erf(b.mul(x, sqrt(0.5))), 1.0), 0.5)
        density = b.mul(b.exp(b.mul(b.square(x), -0.5)), 1 / sqrt(2 * pi))
        return b.mul(dy, b.add(share, b.mul(x, density)))
    squared = b.square(x)
    inner = b.mul(b.mul(x, b.add(b.mul(squared, 0.044715), 1.0)), sqrt(2 / pi))
    slope = b.mul(b.add(b.mul(squared, 3 * 0.044715), 1.0), sqrt(2 / pi))
    bent = b.tanh(inner)
    share = b.mul(b.add(bent, 1.0), 0.5)
    rest = b.mul(b.mul(x, 0.5), b.mul(b.sub(1.0, b.square(bent)), slope))
    return b.mul(dy, b.add(share, rest))


def silu(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    gate = b.sigmoid(x)
    return b.mul(dy, b.add(gate, b.mul(y, b.sub(1.0, gate))))


def elu(b: Builder, dy: Value, x: Value, y: Value, *, alpha: float) -> Value:
    return b.where(b.greater(x, 0.0), dy, b.mul(dy, b.add(y, alpha)))


def selu(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    below = b.add(y, SELU_SCALE * SELU_ALPHA)
    return b.where(b.less(y, 0.0), b.mul(dy, below), b.mul(dy, SELU_SCALE))


def celu(b: Builder, dy: Value, x: Value, y: Value, *, alpha: float) -> Value:
    return b.mul(dy, b.exp(b.div(b.minimum(x, 0.0), alpha)))


def softplus(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.sigmoid(x))


def softsign(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.div(dy, b.square(b.add(b.abs(x), 1.0)))


def hard_sigmoid(b: Builder, dy: Value, x: Value, y: Value, *, alpha: float, beta: float) -> Value:
    inside = b.logical_and(b.greater(y, 0.0), b.less(y, 1.0))
    return keep_where(b, inside, b.mul(dy, alpha))


def hard_silu(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    inside = b.mul(dy, b.add(b.mul(x, 1 / 3), 0.5))
    return b.where(b.less(b.abs(x), 3.0), inside, keep_where(b, b.greater(x, 0.0), dy))


def mish(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    bent = b.tanh(b.softplus(x))
    return b.mul(dy, b.add(bent, b.mul(b.mul(x, b.sigmoid(x)), b.sub(1.0, b.square(bent)))))


def log_sigmoid(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.sigmoid(b.neg(x)))


def tanh_shrink(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.square(b.tanh(x)))


def shrink(b: Builder, dy: Value, x: Value, y: Value, *, threshold: float) -> Value:
    return keep_where(b, b.greater(b.abs(x), threshold), dy)


def sparse_plus(b: Builder, dy: Value, x: Value, y: Value) -> Value:
    return b.mul(dy, b.clip(b.mul(b.add(x, 1.0), 0.5), low=0.0, high=1.0))


def squareplus(builder: Builder, gradients: list[Value], inputs: list[Value], outputs: Any, *, b: float) -> Gradients:
    """Not through `unary`, because of the name of its attribute."""
    (x,), (dy,) = inputs, gradients
    root = builder.sqrt(builder.add(builder.square(x), b))
    return [builder.mul(dy, builder.mul(builder.add(builder.div(x, root), 1.0), 0.5))]


def threshold(b: Builder, dy: Value, x: Value, y: Value, *, threshold: float, value: float) -> Value:
    return keep_where(b, b.greater(x, threshold), dy)


def softmax(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...]) -> Value:
    total = b.reduce_sum(b.mul(dy, y), axes=axes, keepdims=True)
    return b.mul(b.sub(dy, total), y)


def log_softmax(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...]) -> Value:
    return b.sub(dy, b.mul(b.exp(y), b.reduce_sum(dy, axes=axes, keepdims=True)))


def glu(b: Builder, dy: Value, x: Value, y: Value, *, axis: int) -> Value:
    size = x.shape[axis]
    if not isinstance(size, int):
        raise GradientError(f"operator 'glu' has no gradient while the size of axis {axis} is open: {x.type}")
    value = b.slice(x, starts=(None,), stops=(size // 2,), steps=(1,), axes=(axis,))
    gate = b.sigmoid(b.slice(x, starts=(size // 2,), stops=(None,), steps=(1,), axes=(axis,)))
    passed = b.mul(dy, gate)
    return b.concat(passed, b.mul(b.mul(passed, value), b.sub(1.0, gate)), axis=axis)
