"""Pooling."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ...ir import Node
from ...operators.window import resolve_pads
from ..planner import Planner, lowers
from ..program import Address, Key, kernel, product
from .windows import SPATIAL, three

KNOWN = ((2, 2), (3, 3))
"""Windows that have a kernel of their own."""

APART = 1.5
"""Two axes are pooled one after the other where that reads so many times fewer elements."""

MOST_STRIDE, MOST_SPAN, MOST_KNOWN = 4, 2048, 9
"""Along rows of images with their channels first; and windows that have a kernel of their own there."""


class Axis(NamedTuple):
    """One spatial axis of a pooling."""

    size: int
    out: int
    window: int
    stride: int
    pad: int
    dilation: int


NOTHING = Axis(1, 1, 1, 1, 0, 1)


@lowers("max_pool", "avg_pool")
def pool(planner: Planner, node: Node) -> bool:
    x, y, attrs = node.inputs[0], node.outputs[0], node.attrs
    assert x is not None
    is_last = attrs["layout"] == "channels_last"
    is_of_bytes = x.dtype in ("int8", "uint8") and node.op.name == "max_pool" and is_last
    if not (x.dtype == "float32" or is_of_bytes) or not 0 < x.rank - 2 <= SPATIAL or 0 in y.shape:
        return False
    place = slice(1, -1) if is_last else slice(2, None)
    window, sizes = attrs["window"], [int(size) for size in x.shape[place]]
    dilations = attrs["dilations"] or (1,) * len(window)
    pads = resolve_pads(attrs["pads"], sizes, window, attrs["strides"], dilations)
    if any(low < 0 or high < 0 for low, high in pads):
        return False
    outs, lows = [int(size) for size in y.shape[place]], [low for low, _ in pads]
    spatial = [*map(Axis._make, zip(sizes, outs, window, attrs["strides"], lows, dilations, strict=True))]
    depth, height, width = [NOTHING] * (SPATIAL - len(spatial)) + spatial
    images, channels = int(x.shape[0]), int(x.shape[-1 if is_last else 1])
    if (
        not is_of_bytes
        and all(axis.size == axis.window and axis.out == 1 for axis in spatial)
        and not any(map(any, pads))
    ):
        _whole(planner, node, is_last)
        return True
    stages = _Stages(planner, node, planner.place(x), planner.place(y))
    if is_of_bytes:
        stages.step(kernel("levels.pool", dtype=x.dtype), images, spatial, channels, [], is_end=True)
        return True
    if is_last:
        stages.image(images * depth.size, height, width, channels, is_end=depth == NOTHING)
        inner = height.out * width.out * channels
    else:
        if width.stride > MOST_STRIDE or width.window * width.dilation > MOST_SPAN:
            return False
        stages.plane(images * channels * depth.size, height, width, is_end=depth == NOTHING)
        images, inner = images * channels, height.out * width.out
    if depth != NOTHING:
        stages.image(images, depth, NOTHING, inner, is_end=True)
    return True


def _whole(planner: Planner, node: Node, is_last: bool) -> None:
    """One window that is all of an image."""
    x = node.inputs[0]
    assert x is not None
    channels = int(x.shape[-1 if is_last else 1])
    count = product(x.shape) // (int(x.shape[0]) * channels)
    outer, inner = (int(x.shape[0]), channels) if is_last else (int(x.shape[0]) * channels, 1)
    source, target = planner.place(x), planner.place(node.outputs[0])
    planner.step(
        kernel("reductions.reduce", op="max" if node.op.name == "max_pool" else "mean", lanes=planner.target.lanes),
        [target, source, outer, count, inner],
        reads=[source],
        writes=[target],
        work=product(x.shape) / 4.0,
        label=f"{node.op.name} of all",
    )


class _Stages:
    """Adds the steps of a pooling, which go along one or two axes each."""

    def __init__(self, planner: Planner, node: Node, source: Address | int, target: Address | int) -> None:
        self.planner, self.node, self.source, self.target = planner, node, source, target
        self.mode = "max" if node.op.name == "max_pool" else "mean"
        self.counts_padding = int(node.attrs.get("count_padding", False))

    def image(self, images: int, height: Axis, width: Axis, channels: int, is_end: bool) -> None:
        """Channels last; is_end: the result is the node's."""
        both, apart = height.window * width.window, width.window * height.stride + height.window
        if min(height.window, width.window) > 1 and width.out > 1 and both > APART * apart:
            rows = Axis(height.size, height.size, 1, 1, 0, 1)
            self.image(images, rows, width, channels, is_end=False)
            self.image(images, height, Axis(width.out, width.out, 1, 1, 0, 1), channels, is_end)
            return
        lanes = self.planner.target.lanes
        parameters = {"few": 1} if channels < lanes else {}
        if (height.window, width.window) in KNOWN:
            parameters |= {"rows": height.window, "columns": width.window}
        key = kernel("pooling.images", mode=self.mode, lanes=lanes, **parameters)
        self.step(key, images, [height, width], channels, [], is_end)

    def plane(self, planes: int, height: Axis, width: Axis, is_end: bool) -> None:
        """Of one channel."""
        shares = self.planner.constant(_shares(width, self.counts_padding))
        known = {"rows": height.window, "columns": width.window}
        parameters = known if max(known.values()) <= MOST_KNOWN and width.dilation == 1 else {}
        lanes = self.planner.target.lanes
        key = kernel("planes.pool", mode=self.mode, stride=width.stride, lanes=lanes, **parameters)
        self.step(key, planes, [height, width], 1, [shares], is_end)

    def step(
        self, key: Key, images: int, axes: list[Axis], channels: int, more: Sequence[Address], is_end: bool
    ) -> None:
        """Add one; more: further arguments."""
        count = images * channels * product([axis.out for axis in axes])
        target = self.target if is_end else self.planner.scratch(4 * count)
        words = [three(list(values), 0 if name == "pad" else 1) for name, values in _columns(axes)]
        self.planner.step(
            key,
            [self.source, target, images, channels, *itertools.chain(*words), self.counts_padding, *more],
            reads=[self.source, *more],
            writes=[target],
            work=count * product([axis.window for axis in axes]) / 8.0,
            label=f"{self.mode} pool {'x'.join(str(axis.window) for axis in axes)}",
        )
        self.source = target


def _columns(axes: list[Axis]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """What axes have, in the order in which kernels take it."""
    return zip(Axis._fields, zip(*axes, strict=True), strict=True)


def _shares(axis: Axis, counts_padding: int) -> np.ndarray:
    """One by how many elements along an axis each output averages."""
    if counts_padding:
        return np.full(axis.out, 1 / axis.window, np.float32)
    first = np.arange(axis.out) * axis.stride - axis.pad
    taps = first[:, None] + np.arange(axis.window) * axis.dilation
    return (1 / ((taps >= 0) & (taps < axis.size)).sum(axis=1)).astype(np.float32)
