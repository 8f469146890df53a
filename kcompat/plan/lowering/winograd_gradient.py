"""The gradient of a 3x3 convolution of stride 1 by its kernel, by Winograd's algorithm."""

from __future__ import annotations

import numpy as np

from ...ir import Node, Value
from ...operators.window import Pairs
from ..planner import Planner
from ..program import Address, kernel, product
from .dense import add_product
from .tiles import Tile, choose_tile, packed_bias
from .winograd import BYTES, PLACES, WORTH, add_forward, count, images_at_once, pays


def pays_for_gradient(planner: Planner, node: Node, dy: Value) -> bool:
    """Whether a gradient is one of these, and this is quicker."""
    y = node.outputs[0]
    return pays(planner, node, y.shape, dy, WORTH) and product(y.shape[3:]) % planner.target.lanes == 0


def winograd_gradient(planner: Planner, node: Node, x: Value, dy: Value, pads: Pairs) -> None:
    """Sums over the tiles of a group of images are added to those of the groups before."""
    y, lanes = node.outputs[0], planner.target.lanes
    images, rows, columns, filters = (int(size) for size in dy.shape)
    channels, tiles = product(x.shape[-1:]), (count(dy, 1), count(dy, 2))
    group = images_at_once(images, product(tiles), channels + filters)
    tile = choose_tile(channels, lanes, filters)
    source, gradient = planner.place(x), planner.place(dy)
    assert isinstance(source, Address)
    assert isinstance(gradient, Address)
    sums = planner.scratch(4 * PLACES * channels * filters)
    for first in range(0, images, group):
        part = min(group, images - first)
        v_step = part * product(tiles) * channels + 16
        v = planner.scratch(4 * PLACES * v_step)
        add_forward(planner, source + 4 * first * product(x.shape[1:]), x, part, tiles, pads, v, v_step)
        place = gradient + 4 * first * rows * columns * filters
        g, g_step = _add_outputs(planner, place, dy, part, tiles, tile)
        add_product(
            planner,
            tile,
            places=(v, g, packed_bias(planner, None, filters, tile.width), sums, sums if first else 0),
            sizes=(channels, filters, part * product(tiles)),
            strides=(1, filters, filters),
            limits=(-np.inf, np.inf),
            label="winograd kernel gradient",
            matrices=(PLACES, v_step, g_step, 0, channels * filters, channels * filters),
            spacing=channels,
        )
    target = planner.place(y)
    planner.step(
        kernel("winograd_training.gradient", lanes=lanes),
        [sums, target, channels, filters],
        reads=[sums],
        writes=[target],
        work=4.0 * PLACES * channels * filters / BYTES,
        label="winograd kernel gradient",
    )


def _add_outputs(
    planner: Planner, source: Address, dy: Value, images: int, tiles: tuple[int, int], tile: Tile
) -> tuple[Address, int]:
    """Add the transform of some images of dy, in panels; where it is, and the elements from place to place."""
    rows, columns, filters = (int(size) for size in dy.shape[1:])
    step = -(-filters // tile.width) * tile.width * images * product(tiles) + 16
    target, zeros = planner.scratch(4 * PLACES * step), planner.constant(planner.packs.zeros(filters).data)
    planner.step(
        kernel("winograd_training.outputs", lanes=tile.lanes),
        [source, target, zeros, images, rows, columns, filters, *tiles, tile.width, step],
        reads=[source, zeros],
        writes=[target],
        work=6.0 * PLACES * images * product(tiles) * filters / BYTES,
        label="winograd output gradient",
    )
    return target, step
