"""Transposed convolution of images by phases: output places that lie a stride apart see the same taps, so those of each
phase are a convolution with these, all of which are then interleaved."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ...ir import Constant, Node, Value
from ..planner import Planner
from ..program import Address, product
from .dense import add_product
from .movement import copy, pad, strides_of
from .tiles import Tile, choose_tile, pack_panels, packed_bias, unpack_panels
from .windows import label_of, offsets_of

LEAST_FILTERS = 8
"""Fewer leave too much of a panel empty."""


class Phase(NamedTuple):
    """Along one axis: its taps, in the order of the input places that they meet, and the first of these places for
    the first output place."""

    taps: list[int]
    first: int


def phases_of(taps: int, stride: int, low: int) -> list[Phase]:
    """The phases along an axis, the first one's first output place being 0; `low` places are cut off."""
    found = []
    for start in range(stride):
        own = list(range((start + low) % stride, taps, stride))[::-1]
        found.append(Phase(own, (start + low) // stride - len(own) + 1))
    return found


def is_of_phases(node: Node, w: Constant) -> bool:
    """Whether a transposed convolution has phases of one size, of enough filters, each with a tap."""
    attrs, y = node.attrs, node.outputs[0]
    return (
        w.rank == 4
        and attrs["groups"] == 1
        and set(attrs["dilations"]) == {1}
        and product(w.shape[-2:-1]) >= LEAST_FILTERS
        and product(attrs["strides"]) > 1
        and all(
            stride <= int(taps) and int(size) % stride == 0
            for stride, taps, size in zip(attrs["strides"], w.shape, y.shape[1:-1], strict=False)
        )
    )


def by_phases(planner: Planner, node: Node, x: Value, w: Constant, bias: Value | None) -> None:
    y, strides = node.outputs[0], node.attrs["strides"]
    images, channels, filters = product(x.shape[:1]), product(x.shape[-1:]), product(w.shape[-2:-1])
    lows = [low for low, _ in node.attrs["pads"]]
    axes = [phases_of(int(taps), *pair) for taps, *pair in zip(w.shape, strides, lows, strict=False)]
    counts = [int(size) // stride for size, stride in zip(y.shape[1:-1], strides, strict=True)]
    edges = [_edges(axis, count, int(size)) for axis, count, size in zip(axes, counts, x.shape[1:-1], strict=True)]
    source, (height, width) = pad(planner, x, tuple(edges))
    pixels, columns = product(counts), product(strides) * filters
    tile = choose_tile(images * pixels, planner.target.lanes, filters, channels)
    weights, start = _packed(planner, w, axes, tile), packed_bias(planner, bias, filters, tile.width)
    places = planner.constant(offsets_of([np.arange(counts[0]) * width * channels, np.arange(counts[1]) * channels]))
    made = planner.scratch(4 * images * pixels * columns)
    panels = -(-filters // tile.width)
    for number, (down, across) in enumerate((down, across) for down in axes[0] for across in axes[1]):
        runs = np.arange(len(down.taps)) + down.first + edges[0][0]
        begin = runs * width * channels + (across.first + edges[1][0]) * channels
        depth = len(down.taps) * len(across.taps) * channels
        add_product(
            planner,
            tile,
            places=(source, weights, start, made + 4 * number * filters, 0),
            sizes=(images * pixels, filters, depth),
            strides=(channels, columns, 0),
            limits=(-math.inf, math.inf),
            label=f"{label_of('conv transpose', node, w)} phase",
            pixels=(pixels, places, height * width * channels),
            segments=(planner.constant(begin.astype(np.int64)), len(runs), len(across.taps) * channels),
        )
        weights += 4 * panels * depth * tile.width
    _interleave(planner, y, made, (images, *counts, *strides, filters))


def _edges(phases: list[Phase], count: int, size: int) -> tuple[int, int]:
    """Zeros before and after an axis of so many input places, of which phases see `count` windows each."""
    last = max(phase.first + len(phase.taps) for phase in phases) + count - 1
    return max(0, *(-phase.first for phase in phases)), max(0, last - size)


def _packed(planner: Planner, w: Constant, axes: list[list[Phase]], tile: Tile) -> Address:
    """The panels of each phase, one after another's: (taps, channels) by filters, of w (height, width, filters,
    channels)."""
    _, _, filters, channels = shape = tuple(int(size) for size in w.shape)
    kept = [np.ix_(down.taps, across.taps) for down in axes[0] for across in axes[1]]

    def make(data: np.ndarray) -> np.ndarray:
        parts = [data[taps].swapaxes(2, 3).reshape(-1, filters) for taps in kept]
        return np.concatenate([pack_panels(part, tile.width).reshape(-1) for part in parts])

    def unmake(packed: np.ndarray) -> np.ndarray:
        data, panels, first = np.empty(shape, np.float32), -(-filters // tile.width), 0
        for taps in kept:
            rows = taps[0].size * taps[1].size * channels
            part = packed[first : first + panels * rows * tile.width].reshape(panels, rows, tile.width)
            matrix = unpack_panels(part, filters)
            data[taps] = matrix.reshape(taps[0].size, taps[1].size, channels, filters).swapaxes(2, 3)
            first += part.size
        return data

    form = ("phases", tile.width, *(phase.first for axis in axes for phase in axis))
    return planner.constant(planner.packs.get(w, form, make, unmake))


def _interleave(planner: Planner, y: Value, made: Address, sizes: tuple[int, ...]) -> None:
    """(images, height, width, rows, columns, filters) -> y (images, height, rows, width, columns, filters)."""
    order = (0, 1, 3, 2, 4, 5)
    before, after = strides_of(sizes, 4), strides_of([sizes[axis] for axis in order], 4)
    target = planner.place(y)
    assert isinstance(target, Address)
    copy(
        planner, target, made, [(sizes[axis], after[i], before[axis]) for i, axis in enumerate(order)], 4, "interleave"
    )
