"""Normalisations."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import Value

from ..call import Call, NeedsHost, axis_of, handles


@handles("BatchNormalization")
def _batch_norm(c: Call) -> Any:
    """By the running statistics; with training_mode (from 14) by those of the batch, which also move."""
    x, scale, bias, mean, variance = (c.x(i) for i in range(5))
    if c.opset < 9 and not c.get("spatial", 1) and x.rank > 2:
        raise NeedsHost
    training = c.get("training_mode", 0) if c.opset >= 14 else c.opset < 7 and not c.get("is_test", 0) and c.outputs(1)
    epsilon = c.get("epsilon", 1e-5)
    if not training:
        return _normalised(c, x, mean, variance, scale, bias, epsilon)
    axes = tuple(axis for axis in range(x.rank) if axis != 1)
    wide = c.wide(x)
    own_mean = c.b.reduce_mean(wide, axes=axes)
    centred = c.b.sub(wide, c.b.reduce_mean(wide, axes=axes, keepdims=True))
    own_variance = c.b.reduce_mean(c.b.square(centred), axes=axes)
    y = _normalised(c, x, c.cast(own_mean, mean.dtype), c.cast(own_variance, variance.dtype), scale, bias, epsilon)
    momentum = c.get("momentum", 0.9)
    return y, _moved(c, mean, own_mean, momentum), _moved(c, variance, own_variance, momentum)


def _normalised(c: Call, x: Value, mean: Value, variance: Value, scale: Value, bias: Value, epsilon: float) -> Value:
    statistics = [c.cast(value, c.wide(x).dtype) for value in (mean, variance, scale, bias)]
    return c.cast(c.b.batch_norm(c.wide(x), *statistics, axis=1, epsilon=epsilon), x.dtype)


def _moved(c: Call, running: Value, own: Value, momentum: float) -> Value:
    return c.b.add(c.b.mul(running, momentum), c.b.mul(c.cast(own, running.dtype), 1 - momentum))


@handles("InstanceNormalization")
def _instance_norm(c: Call) -> Any:
    x, scale, bias = (c.x(i) for i in range(3))
    axes, shape = tuple(range(2, x.rank)), (-1, *[1] * (x.rank - 2))
    factors = [c.wide(c.b.reshape(value, shape=shape)) for value in (scale, bias)]
    return c.cast(c.b.layer_norm(c.wide(x), *factors, axes=axes, epsilon=c.get("epsilon", 1e-5)), x.dtype)


@handles("LayerNormalization")
def _layer_norm(c: Call) -> Any:
    x, scale, bias = c.x(0), c.x(1), c.opt(2)
    if c.outputs(1):
        raise NeedsHost
    axes = tuple(range(axis_of(int(c.get("axis", -1)), x.rank), x.rank))
    bias = None if bias is None else c.wide(bias)
    return c.cast(c.b.layer_norm(c.wide(x), c.wide(scale), bias, axes=axes, epsilon=c.get("epsilon", 1e-5)), x.dtype)


@handles("RMSNormalization")
def _rms_norm(c: Call) -> Any:
    x, scale = c.x(0), c.x(1)
    axes = tuple(range(axis_of(int(c.get("axis", -1)), x.rank), x.rank))
    return c.cast(c.b.rms_norm(c.wide(x), c.wide(scale), axes=axes, epsilon=c.get("epsilon", 1e-5)), x.dtype)


@handles("GroupNormalization")
def _group_norm(c: Call) -> Any:
    """Scale and bias are one per group until opset 20, one per channel from 21."""
    x, scale, bias = (c.x(i) for i in range(3))
    groups = int(c.attrs["num_groups"])
    if c.opset < 21:
        each = c.shape(x)[1] // groups
        scale, bias = (c.b.repeat(value, axis=0, count=each) for value in (scale, bias))
    return c.cast(
        c.b.group_norm(c.wide(x), c.wide(scale), c.wide(bias), groups=groups, axis=1, epsilon=c.get("epsilon", 1e-5)),
        x.dtype,
    )


@handles("LRN")
def _lrn(c: Call) -> Any:
    """x / (bias + alpha / size * sum of squares over `size` channels around) ** beta."""
    x = c.x()
    size = int(c.attrs["size"])
    low, high = (size - 1) // 2, -(-(size - 1) // 2)
    square = c.b.square(x)
    padded = c.b.pad(square, pads=[(low, high) if axis == 1 else (0, 0) for axis in range(x.rank)])
    count = c.shape(x)[1]
    total = c.sliced(padded, 1, 0, count)
    for start in range(1, size):
        total = c.b.add(total, c.sliced(padded, 1, start, start + count))
    base = c.b.add(c.b.mul(total, c.get("alpha", 1e-4) / size), c.get("bias", 1.0))
    return c.b.div(x, c.b.pow(base, float(c.get("beta", 0.75))))


@handles("LpNormalization")
def _lp_normalization(c: Call) -> Any:
    """Lines whose norm is zero stay zero."""
    x = c.x()
    axes = (axis_of(int(c.get("axis", -1)), x.rank),)
    if c.get("p", 2) == 1:
        norm = c.b.reduce_sum(c.b.abs(x), axes=axes, keepdims=True)
    else:
        norm = c.b.sqrt(c.b.reduce_sum(c.b.square(x), axes=axes, keepdims=True))
    safe = c.b.where(c.b.equal(norm, 0), c.constant(np.ones(()), x), norm)
    return c.b.div(x, safe)


@handles("MeanVarianceNormalization")
def _mean_variance(c: Call) -> Any:
    x = c.x()
    axes = tuple(axis_of(axis, x.rank) for axis in c.ints("axes", (0, 2, 3)))
    centred = c.b.sub(x, c.b.reduce_mean(x, axes=axes, keepdims=True))
    deviation = c.b.sqrt(c.b.reduce_mean(c.b.square(centred), axes=axes, keepdims=True))
    return c.b.div(centred, c.b.add(deviation, 1e-9))
