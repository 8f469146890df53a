"""Equalization of histograms, by counting levels and looking new ones up."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from kcompat.ir import Builder, Node, Value
from kcompat.operators.histogram import LEVELS, neighbours, tile_sizes
from kcompat.operators.shape import INFER, KEEP

from ..expansion import Operands, expands
from .pieces import first_of, known_sizes


@expands("clahe")
def _clahe(b: Builder, node: Node, operands: Operands) -> Any:
    """The definition of the card; a table of levels is read at places that are counted through all tables."""
    x, tiles = first_of(operands), node.attrs["tiles"]
    height, width, channels = known_sizes(node, x, (1, 2, 3))
    sides = tile_sizes((height, width), tiles)
    fill = [side * count - size for side, count, size in zip(sides, tiles, (height, width), strict=True)]
    image = b.pad(x, pads=((0, 0), (0, fill[0]), (0, fill[1]), (0, 0)), mode="symmetric")
    pixels = b.cast(b.clip(image, low=0.0, high=LEVELS - 1.0), dtype="int32")
    tables = _tables(b, _counts(b, pixels, sides, tiles), prod(sides), node.attrs["clip_limit"])
    sizes = (sides[0] * tiles[0], sides[1] * tiles[1])
    (above, below, down), (left, right, across) = (
        neighbours(size, side, count + 2) for size, side, count in zip(sizes, sides, tiles, strict=True)
    )
    flat, index = b.reshape(tables, shape=(KEEP, INFER)), b.reshape(pixels, shape=(KEEP, INFER))

    def levels(rows: np.ndarray, columns: np.ndarray) -> Value:
        """With a border of one tile that repeats the outermost."""
        rows, columns = (np.clip(places - 1, 0, n - 1) for places, n in zip((rows, columns), tiles, strict=True))
        tile = (rows[:, None] * tiles[1] + columns)[..., None] * channels + np.arange(channels)
        found = b.gather_elements(flat, b.add(index, (tile * LEVELS).astype(np.int32).reshape(1, -1)), axis=1)
        return b.reshape(found, shape=(KEEP, *sizes, channels))

    def between(low: Value, high: Value, share: np.ndarray) -> Value:
        weights = share.astype(np.float32)
        return b.add(b.mul(low, 1 - weights), b.mul(high, weights))

    top = between(levels(above, left), levels(above, right), across[:, None])
    bottom = between(levels(below, left), levels(below, right), across[:, None])
    result = between(top, bottom, down[:, None, None])
    part = b.slice(result, starts=(0, 0), stops=(height, width), steps=(1, 1), axes=(1, 2))
    return part if part.dtype == x.dtype else b.cast(part, dtype=x.dtype)


def _counts(b: Builder, pixels: Value, sides: tuple[int, int], tiles: tuple[int, ...]) -> Value:
    """(batch, *tiles, channels, levels): how many pixels of each tile have each level."""
    channels = pixels.shape[3]
    split = b.reshape(pixels, shape=(KEEP, tiles[0], sides[0], tiles[1], sides[1], channels))
    rows = b.reshape(b.transpose(split, perm=(0, 1, 3, 5, 2, 4)), shape=(KEEP, *tiles, channels, prod(sides)))
    return b.bin_count(rows, depth=LEVELS)


def _tables(b: Builder, counts: Value, area: int, clip_limit: float) -> Value:
    """The new level of each level."""
    if clip_limit > 0:
        clipped = b.minimum(counts, float(np.float32(clip_limit * area / LEVELS)))
        excess = b.reduce_sum(b.sub(counts, clipped), axes=(-1,), keepdims=True)
        counts = b.add(clipped, b.div(excess, float(LEVELS)))
    below = b.cumsum(counts, axis=-1)
    least = b.reduce_min(below, axes=(-1,), keepdims=True)
    span = b.sub(b.constant(area, "float32"), least)
    safe = b.where(b.equal(span, 0.0), b.constant(1, "float32"), span)
    level = b.div(b.mul(b.sub(below, least), LEVELS - 1.0), safe)
    return b.clip(level, low=0.0, high=LEVELS - 1.0)
