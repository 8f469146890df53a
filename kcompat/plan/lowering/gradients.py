"""Gradients of convolution and pooling."""

from __future__ import annotations

import math

import numpy as np

from ...ir import Node, Value
from ...operators.window import resolve_pads
from ..planner import Planner, lowers
from ..program import Address, kernel, product
from .dense import add_product
from .depthwise import depthwise_kernel_gradient
from .movement import pad, strides_of
from .tiles import choose_tile, pack_step, packed_bias
from .windows import SPATIAL, three
from .winograd_gradient import pays_for_gradient, winograd_gradient

CHUNK = 2048
"""Pixels over which a kernel's gradient is summed at a time: what they need stays in the cache."""

MOST_TAPS = 1024
"""As in kernels/pool_gradients.py."""


@lowers("conv_kernel_gradient")
def conv_kernel_gradient(planner: Planner, node: Node) -> bool:
    x, dy = node.inputs
    assert x is not None
    assert dy is not None
    attrs = node.attrs
    if x.dtype != "float32" or attrs["layout"] == "channels_first" or not 0 < x.rank - 2 <= SPATIAL or 0 in dy.shape:
        return False
    window, strides, dilations = (three(attrs[name], 1) for name in ("window", "strides", "dilations"))
    sizes = [int(size) for size in x.shape[1:-1]]
    resolved = resolve_pads(attrs["pads"], sizes, attrs["window"], attrs["strides"], attrs["dilations"])
    if any(low < 0 or high < 0 for low, high in resolved):
        return False
    if 1 < attrs["groups"] == x.shape[-1]:
        depthwise_kernel_gradient(planner, node, x, dy, resolved)
        return True
    if pays_for_gradient(planner, node, dy):
        winograd_gradient(planner, node, x, dy, resolved)
        return True
    place, padded = pad(planner, x, resolved)
    steps = strides_of([*x.shape[:1], *three(padded, 1), *x.shape[-1:]], 1)
    taps = _offsets(window, dilations, steps[1:4])
    images = np.arange(product(x.shape[:1])) * steps[0]
    lines = np.add.outer(images, _offsets(three(dy.shape[1:-2], 1)[1:], strides[:2], steps[1:3])).reshape(-1)
    _add_products(planner, node, place, dy, taps, lines, strides[2] * steps[3])
    return True


def _offsets(counts: list[int], factors: list[int], steps: list[int]) -> np.ndarray:
    """Places in an image, of taps or of windows, as elements from its beginning."""
    total = np.zeros(1, np.int64)
    for count, factor, step in zip(counts, factors, steps, strict=True):
        total = np.add.outer(total, np.arange(count) * factor * step)
    return total.reshape(-1)


def _add_products(
    planner: Planner, node: Node, x: Address, dy: Value, taps: np.ndarray, lines: np.ndarray, spacing: int
) -> None:
    """Rows are the kernel's rows: what a tap of a channel meets along a line of windows lies `spacing` apart."""
    y, groups, filters, depth = node.outputs[0], node.attrs["groups"], product(dy.shape[-1:]), product(dy.shape[:-1])
    channels, columns, length = product(y.shape[-2:-1]), filters // groups, product(dy.shape[-2:-1])
    rows = np.add.outer(taps, np.arange(channels)).reshape(-1)
    tile = choose_tile(len(rows), planner.target.lanes, columns)
    panels, target = planner.place(dy), planner.place(y)
    if columns != tile.width or groups > 1:
        panels = pack_step(planner, panels, depth, columns, tile.width, (4 * filters, 4), groups, 4 * columns)
    assert isinstance(panels, Address)
    padded = -(-columns // tile.width) * tile.width
    per_chunk = max(1, CHUNK // length)
    for first in range(0, len(lines), per_chunk):
        part = np.ascontiguousarray(lines[first : first + per_chunk], np.int64)
        add_product(
            planner,
            tile,
            places=(
                x,
                panels + 4 * tile.width * first * length,
                packed_bias(planner, None, filters, tile.width, groups),
                target,
                target if first else 0,
            ),
            sizes=(len(rows), columns, depth),
            strides=(0, filters, filters),
            limits=(-math.inf, math.inf),
            label="kernel gradient",
            pixels=(len(rows), planner.constant(np.ascontiguousarray(rows, np.int64)), 0),
            segments=(planner.constant(part), len(part), length),
            matrices=(groups, channels, padded * depth, padded, columns, columns),
            spacing=spacing,
        )


@lowers("max_pool_gradient", "avg_pool_gradient")
def pool_gradient(planner: Planner, node: Node) -> bool:
    dy, x = node.inputs
    assert dy is not None
    assert x is not None
    attrs, y = node.attrs, node.outputs[0]
    if x.dtype != "float32" or attrs["layout"] == "channels_first" or not 0 < x.rank - 2 <= SPATIAL or 0 in dy.shape:
        return False
    window = attrs["window"]
    dilations = attrs["dilations"] or (1,) * len(window)
    sizes = [int(size) for size in x.shape[1:-1]]
    pads = resolve_pads(attrs["pads"], sizes, window, attrs["strides"], dilations)
    if any(low < 0 or high < 0 for low, high in pads):
        return False
    is_max = node.op.name == "max_pool_gradient"
    if is_max and product(window) > MOST_TAPS:
        return False
    source, target, gradient = planner.place(x) if is_max else 0, planner.place(y), planner.place(dy)
    images = product(x.shape[:1])
    planner.step(
        kernel("pool_gradients.max_pool", ties=attrs["ties"], lanes=planner.target.lanes)
        if is_max
        else kernel("pool_gradients.avg_pool"),
        [
            source, target, images, product(x.shape[-1:]),
            *three(sizes, 1), *three(dy.shape[1:-1], 1), *three(window, 1),
            *three(attrs["strides"], 1), *three([low for low, _ in pads], 0), *three(dilations, 1),
            gradient, product(x.shape[1:]), int(attrs.get("count_padding", False)),
        ],
        reads=[source, gradient],
        writes=[target],
        work=product(dy.shape) * product(window) / 3.0,
        label=f"{node.op.name} {'x'.join(map(str, window))}",
    )  # fmt: skip
    return True
