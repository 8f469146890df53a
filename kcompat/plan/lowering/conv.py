"""Convolution: a product whose rows are output pixels, or a depthwise one."""

from __future__ import annotations

import math
from itertools import product as places_of

import numpy as np

from ...ir import Constant, Node, Parameter, Value
from ...operators.window import Pairs, extent, resolve_pads
from ..planner import Planner, lowers
from ..program import Address, product
from .dense import add_product
from .depthwise import depthwise
from .movement import pad
from .tiles import choose_tile, packed_bias, packed_scale, packed_weights
from .windows import SPATIAL, label_of
from .winograd import WORTH, pays, winograd


@lowers("conv", "fused_conv")
def conv(planner: Planner, node: Node) -> bool:
    x, w, bias, *rest = node.inputs
    residual = rest[0] if rest else None
    assert x is not None
    assert w is not None
    if x.dtype != "float32" or node.attrs.get("layout") == "channels_first" or w.rank - 2 > SPATIAL:
        return False
    if 0 in x.shape or 0 in node.outputs[0].shape:
        return False
    sizes = [int(size) for size in x.shape[1:-1]]
    window = [int(size) for size in w.shape[:-2]]
    pads = resolve_pads(node.attrs["pads"], sizes, window, node.attrs["strides"], node.attrs["dilations"])
    if any(low < 0 or high < 0 for low, high in pads):
        return False
    limits = node.attrs.get("low", -math.inf), node.attrs.get("high", math.inf)
    if w.shape[-2] == 1 and 1 < node.attrs["groups"] == x.shape[-1]:
        depthwise(planner, node, x, w, bias, residual, pads, limits)
    elif _is_winograd(planner, node, w):
        winograd(planner, node, x, w, bias, residual, pads, limits)
    else:
        _product(planner, node, x, w, bias, residual, pads, limits)
    return True


def _is_winograd(planner: Planner, node: Node, w: Value) -> bool:
    """A kernel that training changes is applied directly: what rounding adds would turn a relu behind it on or off."""
    least = 0.0 if isinstance(w, Constant) else WORTH
    return not isinstance(w, Parameter) and pays(planner, node, w.shape, node.outputs[0], least)


def _product(
    planner: Planner,
    node: Node,
    x: Value,
    w: Value,
    bias: Value | None,
    residual: Value | None,
    pads: Pairs,
    limits: tuple[float, float],
) -> None:
    groups, y = node.attrs["groups"], node.outputs[0]
    place, sizes = pad(planner, x, pads)
    images, channels = product(x.shape[:1]), product(x.shape[-1:])
    depth, filters = product(w.shape[:-1]), product(w.shape[-1:])
    pixels = product(y.shape[1:-1])
    is_plain = product(w.shape[:-2]) == 1 and all(stride == 1 for stride in node.attrs["strides"]) and groups == 1
    geometry = _geometry(planner, node, sizes, channels, w, groups)
    columns = filters // groups
    step = channels * node.attrs["strides"][-1]
    tile = choose_tile(images * pixels, planner.target.lanes, columns, step, may_be_wide=pixels > 1)
    panels = -(-columns // tile.width)
    add_product(
        planner,
        tile,
        places=(
            place,
            packed_weights(planner, w, tile.width, groups),
            packed_bias(planner, bias, filters, tile.width, groups),
            planner.place(y),
            planner.place(residual),
        ),
        sizes=(images * pixels, columns, depth),
        strides=(channels, filters, filters),
        limits=limits,
        scale=packed_scale(planner, w, tile.width, groups),
        label=label_of("conv", node, w),
        pixels=(1, 0, 0) if is_plain else (pixels, geometry[0], product(sizes) * channels),
        segments=None if is_plain else geometry[1],
        matrices=(
            groups, channels // groups, panels * tile.width * depth, panels * tile.width, columns, columns,
        ) if groups > 1 else (1, 0, 0, 0, 0, 0),
        own_elements=channels * math.prod(node.attrs["strides"]),
    )  # fmt: skip


def _geometry(
    planner: Planner, node: Node, sizes: list[int], channels: int, w: Value, groups: int
) -> tuple[Address, tuple[Address, int, int]]:
    """Offsets of output pixels' inputs in the padded image, and the runs of contiguous elements from there."""
    window = [int(size) for size in w.shape[:-2]]
    strides, dilations = node.attrs["strides"], node.attrs["dilations"]
    steps = [channels * int(np.prod(sizes[axis + 1 :])) for axis in range(len(sizes))]
    outputs = [(size - extent(k, d)) // s + 1 for size, k, s, d in zip(sizes, window, strides, dilations, strict=True)]
    pixels = _offsets([np.arange(n) * s * step for n, s, step in zip(outputs, strides, steps, strict=True)])
    taps = [[t * d * step for t in range(k)] for k, d, step in zip(window, dilations, steps, strict=True)]
    joined = groups == 1 and dilations[-1] == 1
    if joined:
        taps[-1] = [0]
    runs = np.array([sum(tap) for tap in places_of(*taps)], np.int64)
    length = channels // groups * (window[-1] if joined else 1)
    return planner.constant(pixels), (planner.constant(runs), len(runs), length)


def _offsets(axes: list[np.ndarray]) -> np.ndarray:
    total = np.zeros((), np.int64)
    for offsets in axes:
        total = np.add.outer(total, offsets)
    return np.ascontiguousarray(total.reshape(-1), np.int64)
