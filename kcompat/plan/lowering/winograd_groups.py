"""3x3 convolutions of stride 1 in groups of few channels by Winograd's algorithm, where that is quicker."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ..planner import Planner
from ..program import bits, kernel, product
from .dense import FLOPS
from .tiles import packed_bias
from .windows import Convolution, label_of
from .winograd import BYTES, GAIN, OUT, PLACES, count, transformed

MOST_CHANNELS = 64
"""Of a group, or filters: one kernel is compiled for each."""

SUMS = {16: 28, 8: 12, 4: 12}
"""Vectors of sums that fit the registers beside weights, by the processor's lanes."""

HALF, LEAST_HALF = 0.6, 8
"""Of the time that a vector takes, what one of half its lanes does, and how many lanes it has at the least."""

STACK_BYTES = 96 << 10
"""Of transforms, in memory of the thread."""

TRANSFORMS = 320.0
"""What both transforms of a tile take for a vector of channels and of filters, in multiplications of vectors."""

RESIDENT = 256 << 10
"""Bytes of weights that stay in the second-level cache while tiles pass."""

LEAST_PARTS = 8
"""Of tiles, for threads to share; where there are fewer, they share groups."""


def pays_in_groups(planner: Planner, node: Node, w: Value) -> bool:
    """Whether a convolution is one of these whose weights are known, and this is quicker."""
    attrs, lanes, y = node.attrs, planner.target.lanes, node.outputs[0]
    channels, filters = product(w.shape[-2:-1]), product(w.shape[-1:]) // attrs["groups"]
    if planner.target.exact or not isinstance(w, Constant) or attrs["groups"] == 1 or w.shape[:-2] != (3, 3):
        return False
    if any(step != 1 for step in (*attrs["strides"], *attrs["dilations"])):
        return False
    vector = _vector(channels, filters, lanes)
    if not vector or max(channels, filters) > MOST_CHANNELS:
        return False
    total, pixels = _tiles(y), product(y.shape[:-1])
    at_once = _at_once(total, channels, filters, vector, SUMS[lanes])
    own = _work(-(-total // at_once) * at_once, channels, filters) * (HALF * lanes / vector if vector < lanes else 1)
    direct = 18.0 * pixels * channels * max(filters, filters // lanes * lanes) / FLOPS
    read = 4.0 * channels * filters / BYTES
    return own + PLACES * read < GAIN * (direct + 9 * read)


def _work(tiles: int, channels: int, filters: int) -> float:
    """Nanoseconds that tiles of a group take, without reading weights."""
    return 2.0 * tiles * (PLACES * channels * filters + TRANSFORMS * (channels + filters) / 2) / FLOPS


def _vector(channels: int, filters: int, lanes: int) -> int:
    """Lanes of vectors that channels and filters of a group fill; 0 if they fill none."""
    fitting = (size for size in (lanes, lanes // 2) if channels % size == filters % size == 0)
    return next((size for size in fitting if size == lanes or size >= LEAST_HALF), 0)


def _tiles(y: Value) -> int:
    return product(y.shape[:1]) * count(y, 1) * count(y, 2)


def _at_once(total: int, channels: int, filters: int, vector: int, sums: int) -> int:
    """How many tiles at once compute all in the least time, reading weights for each such part."""
    most = min(total, sums // min(2, filters // vector), STACK_BYTES // (4 * PLACES * (channels + filters)))
    return min(range(max(most, 1), 0, -1), key=lambda tiles: -(-total // tiles) * (tiles + 1))


def winograd_in_groups(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    assert isinstance(w, Constant)
    y, lanes, groups = node.outputs[0], planner.target.lanes, node.attrs["groups"]
    channels, filters = product(w.shape[-2:-1]), product(w.shape[-1:]) // groups
    total = _tiles(y)
    vector = _vector(channels, filters, lanes)
    tiles = _at_once(total, channels, filters, vector, SUMS[lanes])
    weights = planner.constant(planner.packs.get(w, ("winograd groups",), lambda data: pack(data, groups)))
    offset = packed_bias(planner, bias, groups * filters, 1)
    zeros = planner.constant(planner.packs.zeros(channels).data)
    source, target, added = planner.place(x), planner.place(y), planner.place(residual)
    together = max(1, RESIDENT // (4 * PLACES * channels * filters)) if total >= LEAST_PARTS * tiles else 1
    planner.step(
        kernel("winograd_groups.images", channels=channels, filters=filters, tiles=tiles, lanes=vector),
        [
            source, target, weights, offset, added, zeros, *map(int, x.shape[:3]), *map(int, y.shape[1:3]), groups,
            count(y, 1), count(y, 2), pads[0][0], pads[1][0], together, *map(bits, limits),
        ],
        reads=[source, weights, offset, added, zeros],
        writes=[target],
        work=groups * _work(total, channels, filters),
        label=f"{label_of('winograd', node, w)} {tiles} tiles of {OUT}x{OUT}",
    )  # fmt: skip


def pack(weights: np.ndarray, groups: int) -> np.ndarray:
    """(3, 3, channels, groups * filters) -> (groups, places, channels, filters): G g Gt."""
    places = transformed(weights)
    own = places.reshape(*places.shape[:2], groups, -1)
    return np.ascontiguousarray(np.moveaxis(own, 2, 0), np.float32)
