"""Equalization of histograms."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Float, Ints, operator
from ..ir.types import TensorType, shape_text
from .floating import require_float
from .gradients import constant

LEVELS = 256
"""Levels that a pixel can have."""


def tile_sizes(sizes: tuple[int, int], tiles: tuple[int, ...]) -> tuple[int, int]:
    """The height and width of a tile. Raises ShapeError where mirroring cannot fill the last ones."""
    height, width = (-(-size // count) for size, count in zip(sizes, tiles, strict=True))
    for size, tile, count in zip(sizes, (height, width), tiles, strict=True):
        if tile * count - size > size:
            raise ShapeError(f"clahe: an image of {sizes} is too small for tiles {tiles}")
    return height, width


def _clahe_type(x: TensorType, *, tiles: tuple[int, ...], clip_limit: float) -> TensorType:
    if x.rank != 4 or len(tiles) != 2 or min(tiles) < 1:
        raise ShapeError(f"clahe: x {shape_text(x.shape)} must be images (batch, h, w, channels), tiles {tiles} two")
    height, width = x.shape[1:3]
    if isinstance(height, int) and isinstance(width, int):
        tile_sizes((height, width), tiles)
    return require_float("clahe", x)


def _clahe(x: np.ndarray, *, tiles: tuple[int, ...], clip_limit: float) -> np.ndarray:
    _, height, width, _ = x.shape
    tile = tile_sizes((height, width), tiles)
    fill = [(0, 0), (0, tile[0] * tiles[0] - height), (0, tile[1] * tiles[1] - width), (0, 0)]
    image = np.pad(x, fill, mode="symmetric")
    pixels = np.clip(image, 0, LEVELS - 1).astype(np.int32)
    tables = _tables(_histograms(pixels, tile, tiles), tile[0] * tile[1], clip_limit)
    return _interpolated(np.pad(tables, [(0, 0), (1, 1), (1, 1), (0, 0), (0, 0)], mode="edge"), pixels, tile)[
        :, :height, :width
    ].astype(x.dtype)


def _histograms(pixels: np.ndarray, tile: tuple[int, int], tiles: tuple[int, ...]) -> np.ndarray:
    """(batch, *tiles, channels, levels): how many pixels of each tile have each level."""
    batch, channels = pixels.shape[0], pixels.shape[-1]
    split = pixels.reshape(batch, tiles[0], tile[0], tiles[1], tile[1], channels)
    rows = split.transpose(0, 1, 3, 5, 2, 4).reshape(-1, tile[0] * tile[1])
    counts = np.zeros((len(rows), LEVELS), np.float32)
    np.add.at(counts, (np.arange(len(rows))[:, None], rows), 1)
    return counts.reshape(batch, *tiles, channels, LEVELS)


def _tables(counts: np.ndarray, area: int, clip_limit: float) -> np.ndarray:
    """The new level of each level: the share of pixels below, with what exceeds the limit spread over all levels."""
    if clip_limit > 0:
        clipped = np.minimum(counts, np.float32(clip_limit * area / LEVELS))
        counts = clipped + (counts - clipped).sum(axis=-1, keepdims=True) / np.float32(LEVELS)
    below = np.cumsum(counts, axis=-1, dtype=np.float32)
    least = below.min(axis=-1, keepdims=True)
    span = np.float32(area) - least
    return np.clip((below - least) * np.float32(LEVELS - 1) / np.where(span == 0, 1, span), 0, LEVELS - 1)


def _interpolated(tables: np.ndarray, pixels: np.ndarray, tile: tuple[int, int]) -> np.ndarray:
    """Each pixel's new level, between those of the four nearest tiles; tables have a border of one tile."""
    batch, height, width, channels = pixels.shape
    (above, below, down), (left, right, across) = (
        neighbours(size, side, count)
        for size, side, count in zip((height, width), tile, tables.shape[1:3], strict=True)
    )
    samples, planes = np.arange(batch)[:, None, None, None], np.arange(channels)

    def levels(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return tables[samples, rows[:, None, None], columns[:, None], planes, pixels]

    across, down = across[:, None], down[:, None, None]
    top = levels(above, left) * (1 - across) + levels(above, right) * across
    bottom = levels(below, left) * (1 - across) + levels(below, right) * across
    return top * (1 - down) + bottom * down


def neighbours(size: int, side: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each position: the tiles before and after it, and how far it is from the first to the second."""
    places = (np.arange(size, dtype=np.float32) - np.float32(side / 2)) / np.float32(side) + np.float32(1)
    first = np.floor(places)
    indices = [np.clip(first + step, 0, count - 1).astype(np.int64) for step in (0, 1)]
    return indices[0], indices[1], places - first


clahe = operator(
    "clahe", "x", attrs={"tiles": Ints, "clip_limit": Float}, infer=_clahe_type, meaning=_clahe, gradient=constant
)
"""Images (batch, height, width, channels) of levels in [0, 255], equalized in tiles.

tiles: how many along height and width; images are mirrored at their low ends until they divide. clip_limit:
the greatest share of a level, as multiple of the mean; 0 for none. Contrast-limited adaptive histogram
equalization, Zuiderveld 1994, as in keras.layers.ContrastLimitedAdaptiveHistogramEqualization.
"""
