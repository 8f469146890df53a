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
from .movement import copy, strides_of
from .tiles import choose_tile, pack_step, packed_bias
from .windows import SPATIAL, three
from .winograd_gradient import pays_for_gradient, winograd_gradient

CHUNK = 2048
"""Pixels over which a kernel's gradient is summed at a time: what they need stays in the cache."""


@lowers("conv_kernel_gradient")
def conv_kernel_gradient(planner: Planner, node: Node) -> bool:
    """A product whose rows are the kernel's rows: with channels first, what a tap meets along an image row is a run
    of contiguous elements, the phases of a stride apart."""
    x, dy = node.inputs
    assert x is not None
    assert dy is not None
    attrs, y = node.attrs, node.outputs[0]
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
    pads = [(0, 0)] * (SPATIAL - len(resolved)) + list(resolved)
    planes, shape = _channels_first(planner, x, three(sizes, 1), pads, strides[-1])
    rows = _row_offsets(window, dilations, strides[-1], shape)
    segments = _segments(three(dy.shape[1:-1], 1), strides, shape)
    _add_products(planner, node, planes, dy, y, rows, segments)
    return True


def _channels_first(
    planner: Planner, x: Value, sizes: list[int], pads: list[tuple[int, int]], stride: int
) -> tuple[Address, list[int]]:
    """x as (channels, images, depth, height, phases, width), padded with zeros, and that shape."""
    images, channels = product(x.shape[:1]), product(x.shape[-1:])
    padded = [low + size + high for size, (low, high) in zip(sizes, pads, strict=True)]
    width = -(-padded[2] // stride)
    shape = [channels, images, padded[0], padded[1], stride, width]
    target = planner.scratch(4 * product(shape))
    planner.step(
        kernel("moves.fill"),
        [target, product(shape), 0, 4],
        reads=[],
        writes=[target],
        work=product(shape) / 4.0,
        label="fill",
    )
    after, before = strides_of(shape, 4), strides_of([images, *sizes, channels], 4)
    source = planner.place(x)
    assert isinstance(source, Address)
    inside = target + pads[0][0] * after[2] + pads[1][0] * after[3]
    for first in range(min(stride, sizes[2])):
        phase, place = (first + pads[2][0]) % stride, (first + pads[2][0]) // stride
        count = -(-(sizes[2] - first) // stride)
        axes = [
            (channels, after[0], before[4]),
            (images, after[1], before[0]),
            (sizes[0], after[2], before[1]),
            (sizes[1], after[3], before[2]),
            (count, after[5], before[3] * stride),
        ]
        start = inside + phase * after[4] + place * after[5]
        copy(planner, start, source + first * before[3], axes, 4, "channels first")
    return target, shape


def _row_offsets(window: list[int], dilations: list[int], stride: int, shape: list[int]) -> np.ndarray:
    """For each row of the kernel (taps, then channels of the first group), its first element."""
    steps = strides_of(shape, 1)
    d, h, w = (np.arange(k) * dilation for k, dilation in zip(window, dilations, strict=True))
    along = w % stride * steps[4] + w // stride
    return np.add.outer(np.add.outer(d * steps[2], h * steps[3]), along).reshape(-1)


def _segments(outputs: list[int], strides: list[int], shape: list[int]) -> tuple[np.ndarray, int]:
    """Where the run of each row of output pixels begins, and its length."""
    steps = strides_of(shape, 1)
    images = np.arange(shape[1]) * steps[1]
    d, h = np.arange(outputs[0]) * strides[0] * steps[2], np.arange(outputs[1]) * strides[1] * steps[3]
    return np.add.outer(np.add.outer(images, d), h).reshape(-1), outputs[2]


def _add_products(
    planner: Planner,
    node: Node,
    planes: Address,
    dy: Value,
    y: Value,
    taps: np.ndarray,
    segments: tuple[np.ndarray, int],
) -> None:
    groups, filters, depth = node.attrs["groups"], product(y.shape[-1:]), product(dy.shape[:-1])
    channels, columns = product(y.shape[-2:-1]), filters // groups
    starts, length = segments
    plane = planes.buffer.nbytes // 4 // (channels * groups)
    rows = np.add.outer(taps, np.arange(channels) * plane).reshape(-1)
    tile = choose_tile(len(rows), planner.target.lanes)
    panels = pack_step(
        planner, planner.place(dy), depth, columns, tile.width, (4 * filters, 4), groups, 4 * columns
    )  # fmt: skip
    padded = -(-columns // tile.width) * tile.width
    target = planner.place(y)
    per_chunk = max(1, CHUNK // length)
    for first in range(0, len(starts), per_chunk):
        part = np.ascontiguousarray(starts[first : first + per_chunk], np.int64)
        add_product(
            planner,
            tile,
            places=(
                planes,
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
            matrices=(groups, channels * plane, padded * depth, padded, columns, columns),
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
    source, target, gradient = planner.place(x) if is_max else 0, planner.place(y), planner.place(dy)
    images = product(x.shape[:1])
    planner.step(
        kernel("pool_gradients.max_pool", ties=attrs["ties"]) if is_max else kernel("pool_gradients.avg_pool"),
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
