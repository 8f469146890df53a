"""Convolution: a product whose rows are output pixels, or a depthwise one."""

from __future__ import annotations

import math

from ...ir import Constant, Node, Parameter, Value
from ...operators.window import Pairs, resolve_pads
from ..planner import Planner, lowers
from ..program import product
from .dense import add_product
from .depthwise import depthwise, is_depthwise, is_of_vectors
from .few_filters import few_filters, is_of_few_filters
from .grouped import grouped, is_of_few_channels
from .movement import pad
from .tiles import choose_tile, packed_bias, packed_scale, packed_weights
from .windows import SPATIAL, Convolution, geometry, label_of
from .winograd import WORTH, pays, winograd
from .winograd_groups import pays_in_groups, winograd_in_groups


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
    w, pads = _without_idle_taps(planner, node, w, sizes, pads)
    convolution = Convolution(node, x, w, bias, residual, pads, limits)
    is_grouped = is_of_few_channels(planner, node, w, bias)
    if is_depthwise(node, x, w) and (is_of_vectors(planner, node, x, w) or not is_grouped):
        depthwise(planner, convolution)
    elif pays_in_groups(planner, node, w):
        winograd_in_groups(planner, convolution)
    elif is_grouped:
        grouped(planner, convolution)
    elif is_of_few_filters(planner, node, w):
        few_filters(planner, convolution)
    elif _is_winograd(planner, node, w):
        winograd(planner, convolution)
    else:
        _product(planner, convolution)
    return True


def _is_winograd(planner: Planner, node: Node, w: Value) -> bool:
    """A kernel that training changes is applied directly: what rounding adds would turn a relu behind it on or off."""
    least = 0.0 if isinstance(w, Constant) else WORTH
    return not isinstance(w, Parameter) and pays(planner, node, w.shape, node.outputs[0], least)


def _without_idle_taps(planner: Planner, node: Node, w: Value, sizes: list[int], pads: Pairs) -> tuple[Value, Pairs]:
    """A known kernel without the outer taps that meet nothing but padding, and the pads that then remain."""
    kept, rest = [], []
    attrs, outputs = node.attrs, node.outputs[0].shape[1:-1]
    for axis, (size, (low, high)) in enumerate(zip(sizes, pads, strict=True)):
        stride, dilation, taps = attrs["strides"][axis], attrs["dilations"][axis], int(w.shape[axis])
        last = (int(outputs[axis]) - 1) * stride - low
        meets = [tap for tap in range(taps) if last + tap * dilation >= 0 and tap * dilation - low < size]
        first, end = (meets[0], meets[-1] + 1) if meets else (0, taps)
        kept.append(slice(first, end))
        rest.append((low - first * dilation, high - (taps - end) * dilation))
    if not isinstance(w, Constant) or any(low < 0 or high < 0 for low, high in rest):
        return w, pads
    form = tuple((part.start, part.stop) for part in kept)
    if form == tuple((0, int(size)) for size in w.shape[:-2]):
        return w, pads
    return planner.packs.derived(w, ("taps", *form), lambda data: data[tuple(kept)]), tuple(rest)


def _product(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    groups, y = node.attrs["groups"], node.outputs[0]
    place, sizes = pad(planner, x, pads)
    images, channels = product(x.shape[:1]), product(x.shape[-1:])
    depth, filters = product(w.shape[:-1]), product(w.shape[-1:])
    pixels = product(y.shape[1:-1])
    window = [int(size) for size in w.shape[:-2]]
    is_whole = pixels == 1 and window == sizes and groups == 1
    is_plain = is_whole or (product(window) == groups == 1 and all(stride == 1 for stride in node.attrs["strides"]))
    places = geometry(planner, node, sizes, channels, w, groups)
    columns = filters // groups
    row = product(sizes) * channels if is_whole else channels * node.attrs["strides"][-1]
    tile = choose_tile(images * pixels, planner.target.lanes, columns, row, may_be_wide=pixels > 1)
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
        strides=(row, filters, filters),
        limits=limits,
        scale=packed_scale(planner, w, tile.width, groups),
        label=label_of("conv", node, w),
        pixels=(1, 0, 0) if is_plain else (pixels, places[0], product(sizes) * channels),
        segments=None if is_plain else places[1],
        matrices=(
            groups, channels // groups, panels * tile.width * depth, panels * tile.width, columns, columns,
        ) if groups > 1 else (1, 0, 0, 0, 0, 0),
        own_elements=channels * math.prod(node.attrs["strides"]),
    )  # fmt: skip
