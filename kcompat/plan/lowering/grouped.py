"""Convolution in groups of few channels, several of which share a vector."""

from __future__ import annotations

from functools import partial

import numpy as np

from ...ir import Constant, Node, Scaled, Value
from ..planner import Planner
from ..program import Address, bits, kernel, product
from .dense import FLOPS
from .windows import Convolution, label_of, three

MOST_VECTORS = 2
"""Of filters in a group."""

MOST_TAPS = 11
"""Across, which are unrolled."""

MOST_ROWS = 49
"""Of a window."""

PIXELS = {16: 16, 8: 8, 4: 8}
"""Sums that fit the registers beside weights, by lanes."""

OVERHEAD = 0.6
"""What an input pixel, and a tap's weights, take for each channel, in multiplications."""

RESIDENT = 24 << 10
"""Bytes of weights that stay in the first-level cache while pixels pass."""


class Layout:
    """How groups lie in vectors: `groups` in each, every one in `slots` lanes, or `vectors` for one group."""

    def __init__(self, groups: int, filters: int, lanes: int) -> None:
        self.all, self.filters = groups, filters
        slots = 1 << (filters - 1).bit_length()
        self.vectors = max(1, filters // lanes)
        self.groups = max(1, min(lanes // slots, 1 << groups.bit_length() - 1))
        self.slots = max(filters, lanes) if self.vectors > 1 else slots

    @property
    def parts(self) -> int:
        return -(-self.all // self.groups)

    def first_group(self, part: int) -> int:
        """The last part overlaps the one before it, where groups are no whole parts."""
        return min(part * self.groups, self.all - self.groups)

    def pack(self, data: np.ndarray) -> np.ndarray:
        """(rows, taps, channels, groups * filters) -> (parts, rows, channels, taps, lanes), zeros between groups."""
        rows, taps, channels, _ = data.shape
        whole = np.zeros((rows, taps, channels, self.all, self.slots), np.float32)
        whole[..., : self.filters] = data.reshape(rows, taps, channels, self.all, self.filters)
        turned = whole.transpose(3, 0, 2, 1, 4)
        packed = [self._joined(turned, self.first_group(part)) for part in range(self.parts)]
        return np.ascontiguousarray(np.stack(packed))

    def _joined(self, groups: np.ndarray, first: int) -> np.ndarray:
        own = groups[first : first + self.groups]
        return np.moveaxis(own, 0, -2).reshape(*own.shape[1:-1], self.groups * self.slots)

    def unpack(self, shape: tuple[int, ...], packed: np.ndarray) -> np.ndarray:
        """What `pack` packed, in a shape."""
        parts = packed.reshape(*packed.shape[:-1], self.groups, self.slots)[..., : self.filters]
        places = [(min(group // self.groups, self.parts - 1), group) for group in range(self.all)]
        own = [parts[part][..., group - self.first_group(part), :] for part, group in places]
        return np.stack(own, -2).swapaxes(1, 2).reshape(shape)


def is_of_few_channels(planner: Planner, node: Node, w: Value, bias: Value | None) -> bool:
    """Whether vectors are filled by few groups each, whose weights are known."""
    groups, lanes, window = node.attrs["groups"], planner.target.lanes, three(w.shape[:-2], 1)
    filters = product(w.shape[-1:]) // groups
    is_filled = filters <= lanes or (filters % lanes == 0 and filters <= MOST_VECTORS * lanes)
    fits = window[-1] <= MOST_TAPS and window[0] * window[1] <= MOST_ROWS
    is_known = isinstance(w, Constant) and isinstance(bias, Constant | None)
    return is_known and groups > 1 and is_filled and fits


def grouped(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    assert isinstance(w, Constant)
    y, attrs, lanes = node.outputs[0], node.attrs, planner.target.lanes
    groups, channels, filters = attrs["groups"], product(x.shape[-1:]), product(w.shape[-1:])
    layout = Layout(groups, filters // groups, lanes)
    window, strides, dilations = three(w.shape[:-2], 1), three(attrs["strides"], 1), three(attrs["dilations"], 1)
    outputs, depth = three(y.shape[1:-1], 1), product(w.shape[-2:-1])
    pixels = _pixels(outputs[-1], window[-1], strides[-1], PIXELS[lanes] // layout.vectors)
    weights = planner.constant(_packed(planner, w, layout))
    offset = _packed_vector(planner, planner.packs.zeros(filters) if bias is None else bias, layout)
    factors = _packed_vector(planner, w.factor, layout) if isinstance(w, Scaled) else 0
    source, target, added = planner.place(x), planner.place(y), planner.place(residual)
    zeros = planner.constant(planner.packs.zeros(channels).data)
    part_bytes = 4 * product(window) * depth * layout.groups * layout.slots
    planner.step(
        kernel(
            "grouped.images", channels=depth, filters=layout.filters, groups=layout.groups, slots=layout.slots,
            vectors=layout.vectors, rows=window[0] * window[1], width=window[2], stride=strides[2],
            dilation=dilations[2], pixels=pixels, lanes=lanes,
        ),
        [
            source, target, weights, offset, factors, added, zeros, product(x.shape[:1]), *three(x.shape[1:-1], 1),
            *outputs, channels, filters, groups, *window[:2], *strides[:2], *dilations[:2],
            *three([low for low, _ in pads], 0), layout.parts, max(1, RESIDENT // part_bytes), *map(bits, limits),
        ],
        reads=[source, weights, offset, factors, added, zeros],
        writes=[target],
        work=2.0 * product(y.shape) * product(window) * depth / FLOPS * 1.5,
        label=f"{label_of('conv', node, w)} {layout.groups} together",
    )  # fmt: skip


def _pixels(columns: int, width: int, stride: int, most: int) -> int:
    """How many pixels at once compute a row in the least time."""

    def cost(pixels: int) -> float:
        seen = min((pixels - 1) * stride + width, pixels * width)
        return -(-columns // pixels) * (width * pixels + OVERHEAD * (seen + width))

    return min(range(min(most, columns), 0, -1), key=cost)


def _packed(planner: Planner, w: Constant, layout: Layout) -> np.ndarray:
    """Weights in the layout; without the factors of scaled ones."""
    if isinstance(w, Scaled):
        w = w.source
    shape = tuple(map(int, w.shape))
    rows, taps = product(shape[:-3]), product(shape[-3:-2])
    form = ("groups", layout.groups, layout.slots)
    return planner.packs.get(
        w,
        form,
        lambda data: layout.pack(data.reshape(rows, taps, *shape[-2:])),
        partial(layout.unpack, shape),
    )


def _packed_vector(planner: Planner, vector: Value, layout: Layout) -> Address:
    """A number for each filter, as the lanes hold them."""
    assert isinstance(vector, Constant)
    form = ("groups", layout.groups, layout.slots)
    return planner.constant(planner.packs.get(vector, form, lambda data: layout.pack(data.reshape(1, 1, 1, -1))))
