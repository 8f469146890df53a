"""Normalisations."""

from __future__ import annotations

import math

import numpy as np

from kcompat.ir.types import numpy_name

from ..call import Call, writes


@writes("batch_norm")
def _batch_norm(w: Call) -> str:
    """BatchNormalization has its channels in axis 1: others are there once the axes around them are joined."""
    axis, dims = w.axis(), w.type().shape
    if axis == 1:
        return _normalised(w, w.x())
    tail = [dim for dim in dims[axis + 1 :] if isinstance(dim, int) and dim]
    if len(tail) < w.rank - axis - 1 or not isinstance(dims[axis], int):
        return _scaled(w, axis)
    joined = w.add("Reshape", w.x(), shape=[-1, dims[axis], *([math.prod(tail)] if tail else [])])
    whole = [dim if isinstance(dim, int) else -1 for dim in dims]
    known = whole.count(-1) <= 1 and 0 not in whole
    return w.add("Reshape", _normalised(w, joined), shape=whole if known else w.shape(w.x()))


def _normalised(w: Call, x: str) -> str:
    count = w.type(1).shape[0]
    scale = w.x(3) if w.given(3) else w.like(np.ones(count))
    bias = w.x(4) if w.given(4) else w.like(np.zeros(count))
    return w.add("BatchNormalization", x, scale, bias, w.x(1), w.x(2), epsilon=w.attr("epsilon"))


def _scaled(w: Call, axis: int) -> str:
    """The same as a factor and an offset."""
    shape = [-1, *[1] * (w.rank - 1 - axis)]
    mean, variance, gamma, beta = (np.asarray(w.known(i)) if w.given(i) else None for i in range(1, 5))
    assert mean is not None
    assert variance is not None
    wide = variance.astype(np.float64)
    factor = (1 if gamma is None else gamma) / np.sqrt(wide + w.attr("epsilon"))
    offset = (0 if beta is None else beta) - mean * factor
    scaled = w.add("Mul", w.x(), w.like(factor.reshape(shape)))
    return w.add("Add", scaled, w.like(np.asarray(offset).reshape(shape)))


def _from(w: Call) -> int | None:
    """The first of the axes if they are the last ones, in order."""
    axes = sorted(w.axes())
    return axes[0] if axes == list(range(axes[0], w.rank)) else None


def _fitting(w: Call, index: int, first: int) -> str | None:
    """A weight of the shape of the normalised axes; ones for an absent factor, None if there is no such."""
    dims = w.type().shape[first:]
    if w.given(index):
        shape, lead = w.type(index).shape, w.type(index).rank - len(dims)
        if lead < 0 or tuple(shape[lead:]) != tuple(dims) or any(dim != 1 for dim in shape[:lead]):
            return None
        return w.weight(index, lambda array: array.reshape(array.shape[lead:])) if lead else w.x(index)
    if not all(isinstance(dim, int) for dim in dims):
        return None
    return w.like(np.ones(dims)) if index == 1 else ""


def _affine(w: Call, x: str) -> str:
    for op, index in (("Mul", 1), ("Add", 2)):
        if index < len(w.node.inputs) and w.given(index):
            x = w.add(op, x, w.x(index))
    return x


@writes("layer_norm")
def _layer_norm(w: Call) -> str:
    """Native over the last axes; LayerNormalization exists since opset 17."""
    first = _from(w)
    if first is not None:
        scale, bias = _fitting(w, 1, first), _fitting(w, 2, first)
        if scale is not None and bias is not None:
            return w.add("LayerNormalization", w.x(), scale, bias, axis=first, epsilon=w.attr("epsilon"))
    centred = w.add("Sub", w.x(), w.reduce("Mean", w.x(), w.axes()))
    variance = w.reduce("Mean", w.add("Mul", centred, centred), w.axes())
    deviation = w.chain(variance, ("Add", w.like(w.attr("epsilon"))), "Sqrt")
    return _affine(w, w.add("Div", centred, deviation))


@writes("rms_norm")
def _rms_norm(w: Call) -> str:
    first = _from(w)
    if first is not None and w.has("RMSNormalization"):
        scale = _fitting(w, 1, first)
        if scale:
            return w.add("RMSNormalization", w.x(), scale, axis=first, epsilon=w.attr("epsilon"))
    power = w.reduce("Mean", w.add("Mul", w.x(), w.x()), w.axes())
    size = w.chain(power, ("Add", w.like(w.attr("epsilon"))), "Sqrt")
    return _affine(w, w.add("Div", w.x(), size))


@writes("l2_normalize")
def _l2_normalize(w: Call) -> str:
    power = w.reduce("Sum", w.add("Mul", w.x(), w.x()), w.axes())
    return w.add("Div", w.x(), w.add("Sqrt", w.add("Max", power, w.like(w.attr("epsilon")))))


@writes("group_norm")
def _group_norm(w: Call) -> str:
    """Native from opset 21 on, when scale and bias are one per channel; before, instances of the groups."""
    axis, groups, epsilon = w.axis(), w.attr("groups"), w.attr("epsilon")
    perm = [0, axis, *(a for a in range(1, w.rank) if a != axis)]
    x = w.x() if axis == 1 else w.add("Transpose", w.x(), perm=perm)
    channels = w.type().shape[axis]
    if not isinstance(channels, int):
        raise w.refusal("the number of channels is open")
    if w.opset >= 21:
        scale = w.x(1) if w.given(1) else w.like(np.ones(channels))
        bias = w.x(2) if w.given(2) else w.like(np.zeros(channels))
        y = w.add("GroupNormalization", x, scale, bias, num_groups=groups, epsilon=epsilon)
    else:
        y = _instances_of_groups(w, x, channels)
    return y if axis == 1 else w.add("Transpose", y, perm=np.argsort(perm).tolist())


def _instances_of_groups(w: Call, x: str, channels: int) -> str:
    groups, dtype = w.attr("groups"), numpy_name(w.dtype)
    split = w.add("Reshape", x, shape=[0, groups, -1])
    ones, zeros = (w.like(np.full(groups, value, dtype)) for value in (1, 0))
    normal = w.add("InstanceNormalization", split, ones, zeros, epsilon=w.attr("epsilon"))
    sizes = [channels, *(dim for place, dim in enumerate(w.type().shape[1:], 1) if place != w.axis())]
    known = all(isinstance(size, int) and size for size in sizes)
    y = w.add("Reshape", normal, shape=[0, *sizes] if known else w.shape(x))
    tail = [1] * (w.rank - 2)
    for op, index in (("Mul", 1), ("Add", 2)):
        if w.given(index):
            y = w.add(op, y, w.weight(index, lambda vector: vector.reshape(-1, *tail)))
    return y
