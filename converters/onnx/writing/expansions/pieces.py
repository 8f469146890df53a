"""What is made of slices, whose sizes must be known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from math import prod
from typing import Any

import numpy as np

from kcompat.errors import SaveError
from kcompat.ir import Builder, Node, Value
from kcompat.ir.types import normalize_axes, normalize_axis
from kcompat.operators.shape import KEEP
from kcompat.operators.window import channel_axis, resolve_pads, spatial_axes

from ..expansion import Operands, expands


def first_of(operands: Operands) -> Value:
    """The operand that is always there."""
    assert operands[0] is not None
    return operands[0]


def known_sizes(node: Node, x: Value, axes: Sequence[int]) -> list[int]:
    """The sizes of axes. Raises SaveError for open ones."""
    sizes = [x.shape[axis] for axis in axes]
    if not all(isinstance(size, int) for size in sizes):
        raise SaveError(
            f"{node.origin}: '{node.op.name}' of {x.type} is written as ONNX for known sizes only: build the model "
            "with a fixed shape of its input"
        )
    return sizes


def _part(b: Builder, x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
    return b.slice(x, starts=(start,), stops=(stop,), steps=(step,), axes=(axis,))


@expands("glu")
def _glu(b: Builder, node: Node, operands: Operands) -> Any:
    x = first_of(operands)
    axis = normalize_axis(node.attrs["axis"], x.rank)
    (size,) = known_sizes(node, x, (axis,))
    return b.mul(_part(b, x, axis, 0, size // 2), b.sigmoid(_part(b, x, axis, size // 2, size)))


@expands("sparsemax")
def _sparsemax(b: Builder, node: Node, operands: Operands) -> Any:
    """The definition of the card, with the axis last."""
    x = first_of(operands)
    axis = normalize_axis(node.attrs["axis"], x.rank)
    perm = (*(a for a in range(x.rank) if a != axis), axis)
    (size,) = known_sizes(node, x, (axis,))
    logits = b.transpose(x, perm=perm)
    ordered, _ = b.top_k(logits, k=size)
    sums = b.cumsum(ordered, axis=-1)
    counts = b.constant(np.arange(1, size + 1), x.dtype)
    support = b.greater(b.sub(ordered, b.div(b.sub(sums, 1.0), counts)), 0.0)
    total = b.reduce_sum(b.where(support, sums, b.constant(0, x.dtype)), axes=(-1,), keepdims=True)
    number = b.reduce_sum(b.cast(support, dtype=x.dtype), axes=(-1,), keepdims=True)
    result = b.relu(b.sub(logits, b.div(b.sub(total, 1.0), number)))
    return b.transpose(result, perm=tuple(np.argsort(perm).tolist()))


@expands("adaptive_max_pool", "adaptive_avg_pool")
def _adaptive(b: Builder, node: Node, operands: Operands) -> Any:
    """One pooling where the windows are alike, else each window's reduction, axis by axis."""
    x, outputs, layout = first_of(operands), node.attrs["output_size"], node.attrs["layout"]
    is_max = node.op.name == "adaptive_max_pool"
    axes = spatial_axes(x.rank, layout)
    if set(outputs) == {1}:
        return (b.reduce_max if is_max else b.reduce_mean)(x, axes=axes, keepdims=True)
    sizes = known_sizes(node, x, axes)
    if not any(size % count for size, count in zip(sizes, outputs, strict=True)):
        window = tuple(size // count for size, count in zip(sizes, outputs, strict=True))
        return (b.max_pool if is_max else b.avg_pool)(x, window=window, strides=window, layout=layout)
    for axis, size, count in zip(axes, sizes, outputs, strict=True):
        bounds = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        parts = [
            (b.reduce_max if is_max else b.reduce_mean)(_part(b, x, axis, low, high), axes=(axis,), keepdims=True)
            for low, high in bounds
        ]
        x = b.concat(*parts, axis=axis)
    return x


@expands("local_conv")
def _local_conv(b: Builder, node: Node, operands: Operands) -> Any:
    """All windows side by side, and one matrix per position."""
    x, w = operands
    assert x is not None
    assert w is not None
    window, strides, layout = (node.attrs[name] for name in ("window", "strides", "layout"))
    axes, channels = spatial_axes(x.rank, layout), channel_axis(x.rank, layout)
    pads = resolve_pads(node.attrs["pads"], known_sizes(node, x, axes), window, strides, (1,) * len(window))
    x = b.pad(x, pads=tuple(pads[axes.index(a)] if a in axes else (0, 0) for a in range(x.rank)))
    sizes = [(x.shape[a] - k) // s + 1 for a, k, s in zip(axes, window, strides, strict=True)]
    taps = []
    for tap in product(*map(range, window)):
        stops = tuple(t + (n - 1) * s + 1 for t, n, s in zip(tap, sizes, strides, strict=True))
        taps.append(b.slice(x, starts=tap, stops=stops, steps=strides, axes=axes))
    last = x.rank
    stacked = b.concat(*(b.expand_dims(t, axes=(last,)) for t in taps), axis=last)  # (..., taps)
    order = (*axes, channels, last) if layout == "channels_first" else (*axes, last, channels)
    rows = b.reshape(b.transpose(stacked, perm=(0, *order)), shape=(KEEP, prod(sizes), w.shape[1]))
    y = b.einsum(rows, w, equation="npk,pkf->npf")
    y = b.reshape(y, shape=(KEEP, *sizes, w.shape[2]))
    return y if layout == "channels_last" else b.transpose(y, perm=(0, y.rank - 1, *range(1, y.rank - 1)))


@expands("crop_to_ratio", "pad_to_ratio")
def _to_ratio(b: Builder, node: Node, operands: Operands) -> Any:
    """Where it cuts or fills up follows from the sizes before and after."""
    x = first_of(operands)
    axes = normalize_axes(node.attrs["axes"], x.rank)
    before = known_sizes(node, x, axes)
    after = [int(node.outputs[0].shape[axis]) for axis in axes]
    if node.op.name == "crop_to_ratio":
        starts = tuple((size - kept) // 2 for size, kept in zip(before, after, strict=True))
        stops = tuple(start + kept for start, kept in zip(starts, after, strict=True))
        return b.slice(x, starts=starts, stops=stops, steps=(1, 1), axes=axes)
    margins = {axis: (new - old) // 2 for axis, old, new in zip(axes, before, after, strict=True)}
    pads = tuple((margins.get(axis, 0),) * 2 for axis in range(x.rank))
    return b.pad(x, pads=pads, value=float(node.attrs["value"]))
