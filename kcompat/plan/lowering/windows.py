"""What lowerings of sliding windows share."""

from __future__ import annotations

from itertools import product as places_of
from typing import NamedTuple

import numpy as np

from ...ir import Node, Value
from ...operators.window import Pairs, extent
from ..planner import Planner
from ..program import Address

SPATIAL = 3
"""Spatial axes that kernels take."""


class Convolution(NamedTuple):
    """A convolution, channels last, as its algorithms take it. residual: what is added to it, of the shape of the
    result; limits: between which sums are clamped."""

    node: Node
    x: Value
    w: Value
    bias: Value | None
    residual: Value | None
    pads: Pairs
    limits: tuple[float, float]


def three(values: list[int] | tuple[int, ...], fill: int) -> list[int]:
    """The values of spatial axes with `fill` for the axes in front that there are not."""
    return [fill] * (SPATIAL - len(values)) + list(values)


def label_of(name: str, node: Node, w: Value) -> str:
    """A name for people: operator, window, strides, groups."""
    window = "x".join(map(str, w.shape[:-2]))
    stride = "x".join(map(str, node.attrs["strides"]))
    groups = node.attrs["groups"]
    return f"{name} {window} s{stride}" + (f" g{groups}" if groups > 1 else "")


def geometry(
    planner: Planner, node: Node, sizes: list[int], channels: int, w: Value, groups: int
) -> tuple[Address, tuple[Address, int, int]]:
    """Offsets of output pixels' inputs in the padded image, and the runs of contiguous elements from there."""
    window = [int(size) for size in w.shape[:-2]]
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    steps = [channels * int(np.prod(sizes[axis + 1 :])) for axis in range(len(sizes))]
    outputs = [(size - extent(k, d)) // s + 1 for size, k, s, d in zip(sizes, window, strides, dilations, strict=True)]
    pixels = offsets_of([np.arange(n) * s * step for n, s, step in zip(outputs, strides, steps, strict=True)])
    taps = [[t * d * step for t in range(k)] for k, d, step in zip(window, dilations, steps, strict=True)]
    joined = groups == 1 and dilations[-1] == 1
    if joined:
        taps[-1] = [0]
    runs = np.array([sum(tap) for tap in places_of(*taps)], np.int64)
    length = channels // groups * (window[-1] if joined else 1)
    return planner.constant(pixels), (planner.constant(runs), len(runs), length)


def offsets_of(axes: list[np.ndarray]) -> np.ndarray:
    """The sums of one offset of each axis, the last axis running fastest."""
    total = np.zeros((), np.int64)
    for offsets in axes:
        total = np.add.outer(total, offsets)
    return np.ascontiguousarray(total.reshape(-1), np.int64)
