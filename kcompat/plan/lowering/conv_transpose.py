"""Transposed convolution: products of pixels with all taps at once, which are then put in place."""

from __future__ import annotations

import math

import numpy as np

from ...ir import Constant, Node, Value
from ...operators.conv import is_of_one_pixel
from ..planner import Planner, lowers
from ..program import Address, kernel, product
from .dense import add_product
from .depthwise import depthwise_transposed
from .phases import by_phases, is_of_phases
from .tiles import Tile, choose_tile, pack_panels, pack_step, packed_bias, unpack_panels
from .windows import SPATIAL, label_of, three

BYTES = 8.0
"""Read and added by the last step per nanosecond."""

UNLIMITED = (-math.inf, math.inf)


@lowers("conv_transpose")
def conv_transpose(planner: Planner, node: Node) -> bool:
    x, w, bias = node.inputs
    assert x is not None
    assert w is not None
    if x.dtype != "float32" or node.attrs["layout"] == "channels_first" or w.rank - 2 > SPATIAL:
        return False
    if 0 in x.shape or 0 in node.outputs[0].shape:
        return False
    if w.shape[-2] == 1 and 1 < node.attrs["groups"] == x.shape[-1]:
        if any(low < 0 for low, _ in node.attrs["pads"]):
            return False
        depthwise_transposed(planner, node, x, w, bias)
    elif is_of_one_pixel(x, node.attrs) and (bias is None or isinstance(bias, Constant)):
        _one_pixel(planner, node, x, w, bias)
    elif _is_tiling(node, w) and (bias is None or isinstance(bias, Constant)):
        _tiled(planner, node, x, w, bias)
    elif isinstance(w, Constant) and is_of_phases(node, w):
        by_phases(planner, node, x, w, bias)
    else:
        _collected(planner, node, x, w, bias)
    return True


def _one_pixel(planner: Planner, node: Node, x: Value, w: Value, bias: Constant | None) -> None:
    images, channels = product(x.shape[:1]), product(x.shape[-1:])
    columns = product(w.shape[:-1])
    tile = choose_tile(images, planner.target.lanes, columns, channels)
    add_product(
        planner,
        tile,
        places=(
            planner.place(x),
            _packed(planner, w, tile, 1),
            _repeated(planner, bias, columns, tile),
            planner.place(node.outputs[0]),
            0,
        ),
        sizes=(images, columns, channels),
        strides=(channels, columns, 0),
        limits=UNLIMITED,
        label=label_of("conv transpose", node, w),
    )


def _is_tiling(node: Node, w: Value) -> bool:
    """Whether windows lie side by side in images and cover them."""
    attrs, window = node.attrs, w.shape[:-2]
    return (
        len(window) == 2
        and tuple(attrs["strides"]) == tuple(window)
        and set(attrs["dilations"]) == {1}
        and attrs["groups"] == 1
        and not any(map(any, attrs["pads"]))
        and not any(attrs["output_padding"])
    )


def _tiled(planner: Planner, node: Node, x: Value, w: Value, bias: Constant | None) -> None:
    """Each row of the window is a product whose results lie side by side in the output."""
    images, height, width, channels = (int(size) for size in x.shape)
    rows, taps, filters, _ = (int(size) for size in w.shape)
    columns = taps * filters
    tile = choose_tile(width, planner.target.lanes, columns, channels)
    panels = -(-columns // tile.width)
    weights = _packed(planner, w, tile, rows)
    offset = _repeated(planner, bias, columns, tile)
    source, target = planner.place(x), planner.place(node.outputs[0])
    for row in range(rows):
        add_product(
            planner,
            tile,
            places=(
                source,
                weights + 4 * row * panels * tile.width * channels,
                offset,
                target + 4 * row * width * columns if isinstance(target, Address) else 0,
                0,
            ),
            sizes=(width, columns, channels),
            strides=(channels, columns, columns),
            limits=UNLIMITED,
            label=label_of("conv transpose", node, w),
            matrices=(images * height, width * channels, 0, 0, rows * width * columns, 0),
        )


def _repeated(planner: Planner, bias: Constant | None, columns: int, tile: Tile) -> Address:
    """A bias (zeros if there is none) for so many columns, with zeros up to whole panels."""
    if bias is None:
        return packed_bias(planner, None, columns, tile.width)

    def make(data: np.ndarray) -> np.ndarray:
        return np.pad(np.tile(data, columns // data.size), (0, -columns % tile.width))

    return planner.constant(planner.packs.get(bias, ("repeated bias", columns, tile.width), make))


def _collected(planner: Planner, node: Node, x: Value, w: Value, bias: Value | None) -> None:
    """Every pixel's share of every place it reaches, then sums of those."""
    groups, y, attrs = node.attrs["groups"], node.outputs[0], node.attrs
    pixels, channels = product(x.shape[:-1]), product(x.shape[-1:])
    window, filters = [int(size) for size in w.shape[:-2]], product(w.shape[-2:-1])
    columns, depth = product(window) * filters, channels // groups
    tile = choose_tile(pixels, planner.target.lanes, columns, channels)
    panels = -(-columns // tile.width)
    shares = planner.scratch(4 * pixels * groups * columns)
    add_product(
        planner,
        tile,
        places=(planner.place(x), _packed(planner, w, tile, 1, groups), _zeros(planner, columns, tile), shares, 0),
        sizes=(pixels, columns, depth),
        strides=(channels, groups * columns, 0),
        limits=UNLIMITED,
        label=label_of("conv transpose", node, w),
        matrices=(groups, depth, panels * tile.width * depth, 0, columns, 0) if groups > 1 else (1, 0, 0, 0, 0, 0),
    )
    target, offset = planner.place(y), packed_bias(planner, bias, groups * filters, 1)
    common = [math.gcd(*pair) for pair in zip(attrs["strides"], attrs["dilations"], strict=True)]
    steps = [stride // factor for stride, factor in zip(attrs["strides"], common, strict=True)]
    backs = [apart // factor for apart, factor in zip(attrs["dilations"], common, strict=True)]
    lanes = planner.target.lanes
    planner.step(
        kernel("transposed.collect", lanes=lanes, few=int(filters < lanes)),
        [
            shares, target, product(x.shape[:1]), filters,
            *three(x.shape[1:-1], 1), *three(y.shape[1:-1], 1), *three(window, 1), *three(attrs["strides"], 1),
            *three([low for low, _ in attrs["pads"]], 0), *three(attrs["dilations"], 1), groups, offset,
            *three(steps, 1), *three(backs, 1),
        ],
        reads=[shares, offset],
        writes=[target],
        work=4.0 * pixels * groups * columns / BYTES,
        label="collect",
    )  # fmt: skip


def _zeros(planner: Planner, columns: int, tile: Tile) -> Address:
    return packed_bias(planner, None, columns, tile.width)


def _packed(planner: Planner, w: Value, tile: Tile, parts: int, groups: int = 1) -> Address:
    """w (*K, filters, channels) in panels of (channels / groups, taps / parts * filters): each part's, each group's."""
    channels, columns = product(w.shape[-1:]), product(w.shape[:-1]) // parts
    if isinstance(w, Constant):
        shape = w.type.shape

        def make(data: np.ndarray) -> np.ndarray:
            return pack_panels(data.reshape(parts, columns, groups, -1).transpose(0, 2, 3, 1), tile.width)

        def unmake(packed: np.ndarray) -> np.ndarray:
            return unpack_panels(packed, columns).transpose(0, 3, 1, 2).reshape(shape)

        return planner.constant(planner.packs.get(w, ("transposed", tile.width, parts, groups), make, unmake))
    count, step = (groups, 4 * (channels // groups)) if parts == 1 else (parts, 4 * columns * channels)
    return pack_step(
        planner, planner.place(w), channels // groups, columns, tile.width, (4, 4 * channels), count, step
    )  # fmt: skip
