"""3x3 convolutions of stride 1 by Winograd's algorithm, where that is quicker."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ...ir.types import Shape
from ...operators.window import Pairs
from ..planner import Planner
from ..program import Address, bits, kernel, product
from ..strips import LARGE_BYTES, Chain, is_one_image, window_of
from .dense import FLOPS, add_product
from .tiles import Tile, choose_tile, pack_panels, packed_bias
from .windows import Convolution

OUT, IN, NEAR, FAR = 4, 6, 0.75, 1.5
"""As in kernels/winograd.py."""

PLACES = IN * IN

BYTES = 20.0
"""Moved by the transforms per nanosecond."""

GAIN = 0.85
"""Estimates are rough: of the direct convolution's time, what this one must stay below."""

MOST_CHANNELS = 256
"""Sums over more channels may miss the tolerance (1e-5 + 1e-4 |y|) where outputs are near zero."""

STRIP_BYTES = 640 << 10
"""The transforms of a strip of an image stay in the cache of one processor."""

LEAST_STRIPS = 8
"""Threads share the strips, whose number must not depend on how many threads there are."""

GROUP_BYTES = 3 << 20
"""Images go through the three steps in groups whose transforms stay in the cache."""


WORTH = 300_000.0
"""Nanoseconds that must be gained where the kernel is no constant: weights of small models then are Keras's to the
last digits."""


def pays(planner: Planner, node: Node, kernel_shape: Shape, y: Value, least: float = 0.0) -> bool:
    """Whether a convolution with the result y, or the gradient of one, is one of these, and this is quicker, by
    `least` nanoseconds at least."""
    attrs, lanes = node.attrs, planner.target.lanes
    if planner.target.exact or attrs["groups"] != 1 or kernel_shape[:-2] != (3, 3):
        return False
    if any(step != 1 for step in (*attrs["strides"], *attrs["dilations"])):
        return False
    channels, filters = product(kernel_shape[2:3]), product(kernel_shape[3:])
    if min(channels, filters) < lanes or channels > MOST_CHANNELS:
        return False
    direct = 18.0 * product(y.shape) * channels / FLOPS
    tiles = product(y.shape[:1]) * count(y, 1) * count(y, 2)
    rows = choose_tile(tiles, lanes).rows
    products = 2.0 * PLACES * -(-tiles // rows) * rows * channels * filters / FLOPS
    moved = 8.0 * PLACES * tiles * (channels + filters) + 4.0 * PLACES * channels * filters
    return products + moved / BYTES < GAIN * direct - least


def count(y: Value, axis: int) -> int:
    """Tiles along an axis."""
    return -(-product(y.shape[axis : axis + 1]) // OUT)


def winograd(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    y, lanes = node.outputs[0], planner.target.lanes
    images, height, width, channels = (int(size) for size in x.shape)
    _, rows, columns, filters = (int(size) for size in y.shape)
    down, across = count(y, 1), count(y, 2)
    if _in_strips(planner, node, down, across, channels, filters):
        return
    group = images_at_once(images, down * across, channels + filters)
    tile = choose_tile(group * down * across, lanes, filters)
    weights = _weights(planner, w, tile)
    panels = -(-filters // tile.width)
    offset = packed_bias(planner, bias, filters, 1)
    nothing = packed_bias(planner, None, filters, tile.width)
    source, target, added = planner.place(x), planner.place(y), planner.place(residual)
    assert isinstance(source, Address)
    assert isinstance(target, Address)
    for first in range(0, images, group):
        part = min(group, images - first)
        tiles = part * down * across
        v_step, m_step = tiles * channels + 16, tiles * filters + 16
        v, m = planner.scratch(4 * PLACES * v_step), planner.scratch(4 * PLACES * m_step)
        add_forward(planner, source + first * height * width * channels * 4, x, part, (down, across), pads, v, v_step)
        add_product(
            planner,
            tile,
            places=(v, weights, nothing, m, 0),
            sizes=(tiles, filters, channels),
            strides=(channels, filters, filters),
            limits=(-np.inf, np.inf),
            label="winograd 3x3",
            matrices=(PLACES, v_step, panels * tile.width * channels, 0, m_step, 0),
        )
        done = first * rows * columns * filters * 4
        planner.step(
            kernel("winograd.backward", lanes=lanes),
            [
                m, target + done, added + done if isinstance(added, Address) else 0, offset, part, rows, columns,
                filters, down, across, m_step, bits(limits[0]), bits(limits[1]),
            ],
            reads=[m, offset, added],
            writes=[target],
            work=8.0 * PLACES * tiles * filters / BYTES,
            label="winograd backward",
        )  # fmt: skip


def _in_strips(planner: Planner, node: Node, down: int, across: int, channels: int, filters: int) -> bool:
    """Let a convolution of a large image do a few rows of tiles at a time; False if it is to do all at once."""
    row = 4 * PLACES * across * (channels + filters)
    if down * row <= LARGE_BYTES or window_of(node) is None or not is_one_image(node):
        return False
    at_once = min(STRIP_BYTES // row, down // LEAST_STRIPS)
    if at_once < 1 or channels * filters > 2 * at_once * across * (channels + filters):
        return False
    return planner.in_strips(Chain([node]), OUT * -(-down // -(-down // at_once)))


def images_at_once(images: int, tiles: int, elements: int) -> int:
    """Of how many images the transforms, of so many elements for each tile and place, stay in the cache."""
    group = max(1, GROUP_BYTES // (4 * PLACES * tiles * elements))
    return -(-images // -(-images // group))


def add_forward(
    planner: Planner,
    source: Address,
    x: Value,
    images: int,
    tiles: tuple[int, int],
    pads: Pairs,
    v: Address,
    v_step: int,
) -> None:
    """Add the transform of some images of x, at a place, into v."""
    height, width, channels = (int(size) for size in x.shape[1:])
    zeros = planner.constant(planner.packs.zeros(channels).data)
    planner.step(
        kernel("winograd.forward", lanes=planner.target.lanes),
        [source, v, zeros, images, height, width, channels, *tiles, pads[0][0], pads[1][0], v_step],
        reads=[source, zeros],
        writes=[v],
        work=8.0 * PLACES * images * product(tiles) * channels / BYTES,
        label="winograd forward",
    )


def _weights(planner: Planner, w: Value, tile: Tile) -> Address:
    """G g Gt in panels: made once of a constant, by a step of other values."""
    if isinstance(w, Constant):
        return planner.constant(planner.packs.get(w, ("winograd", tile.width), lambda data: pack(data, tile.width)))
    channels, filters = product(w.shape[2:3]), product(w.shape[3:])
    size = -(-filters // tile.width) * tile.width * channels
    source, target = planner.place(w), planner.scratch(4 * PLACES * size)
    planner.step(
        kernel("winograd_training.kernels", lanes=tile.lanes, vectors=tile.vectors),
        [target, source, channels, filters, size],
        reads=[source],
        writes=[target],
        work=4.0 * PLACES * size / BYTES,
        label="winograd kernel",
    )
    return target


def pack(weights: np.ndarray, width: int) -> np.ndarray:
    """(3, 3, channels, filters) -> (places, panels, channels, width): G g Gt in panels."""
    return pack_panels(transformed(weights), width)


def transformed(weights: np.ndarray) -> np.ndarray:
    """(3, 3, channels, filters) -> (places, channels, filters): G g Gt in float64."""
    g = _filter_transform()
    matrices = np.kron(g, g) @ weights.reshape(9, -1).astype(np.float64)
    return matrices.reshape(PLACES, *weights.shape[2:])


def _filter_transform() -> np.ndarray:
    """G (6, 3): powers of each point over the product of its distances to the others; infinity last."""
    points = [0.0, NEAR, -NEAR, FAR, -FAR]
    rows = [
        [point**power / np.prod([point - other for other in points if other != point]) for power in range(3)]
        for point in points
    ]
    return np.array([*rows, [0.0, 0.0, 1.0]])
