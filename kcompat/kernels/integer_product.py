"""Products of bytes and convolutions of images of bytes, channels last, in int32: `(x - x_zero) * w + bias` as it is;
or in float32 times a factor plus an offset and clamped; or that rounded to steps from a zero, as bytes.

A convolution is a product whose rows are output pixels, as in `product.py`.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .integer_micro import EXACT, GROUP, byte_tile
from .intrinsics import address_of, i64, stack
from .shares import share_start

ARGUMENTS = (
    "x", "weights", "start", "y",  # addresses; start: the bias less what the known zero of x gives, for each column
    "segments", "segment_count", "segment_length",  # bytes from a row's first one; length in groups of four
    "x_zero", "column_sums",  # addresses, where the zero of x is not known before, else 0
    "correction",  # address: by what the sum of each row's own factors is multiplied, where weights are off by that
    "factor", "factor_step", "offset",  # addresses; factor_step: 0 for one factor
    "low", "high",  # bits of float32
    "y_zero",
    "rows", "columns", "depth",  # depth: groups of four of the packed weights
    "x_stride", "y_stride",  # bytes from row to row
    "pixels", "pixel_offsets", "image_stride",  # of a convolution; pixel_offsets 0 for a plain product
    "block", "chunk",  # rows and panels that are done together
    "matrices", "x_step", "weights_step", "column_step", "y_step",  # y_step in columns, others in bytes; columns padded
)  # fmt: skip
"""The arguments in order; `integer_micro` names the first ones."""


def tiles(
    rows: int, vectors: int, lanes: int, parts: int, result: str, flips: int = 0, counts: int = 0, way: str = ""
) -> Any:
    """Tiles of `rows` by `vectors * lanes`. Weights are packed in panels of so many columns, zeros beyond the last.

    result: "int32", "float" or "byte". flips: 1 if x is signed. counts: 1 if weights are off by a correction. parts,
    way: as in `integer_micro`.
    """
    tile = byte_tile(rows, vectors, lanes, parts, result, bool(flips), bool(counts), way)
    table_on_stack, width = stack(2 * rows), vectors * lanes
    group_bytes = (vectors + (1 if counts else 0)) * lanes * GROUP

    @njit(inline="always")
    def fill(table, a, x, first, end):
        """Where the rows of one tile begin; rows beyond the end repeat the last."""
        places, offsets, pixels = i64(table), i64(a[22]), a[21]
        for row in range(rows):
            at = min(first + row, end - 1)
            places[row], places[rows + row] = x + at * a[19], a[3] + at * a[20]
        if a[22] == 0:
            return
        image = first // pixels
        pixel = first - image * pixels
        for row in range(rows):
            places[row] = x + image * a[23] + offsets[pixel]
            if first + row + 1 < end:
                pixel += 1
                if pixel == pixels:
                    pixel, image = 0, image + 1

    def kernel(a, thread, threads):
        table, words = table_on_stack(), address_of(a)
        panels = (a[17] + width - 1) // width
        chunks, blocks = (panels + a[25] - 1) // a[25], (a[16] + a[24] - 1) // a[24]
        per_matrix = blocks * chunks
        unit = share_start(a[26] * per_matrix, thread, threads)
        end = share_start(a[26] * per_matrix, thread + 1, threads)
        while unit < end:
            matrix = unit // per_matrix
            block = (unit - matrix * per_matrix) // chunks
            chunk = unit - matrix * per_matrix - block * chunks
            row, last_row = block * a[24], min(block * a[24] + a[24], a[16])
            while row < last_row:
                fill(table, a, a[0] + matrix * a[27], row, last_row)
                for panel in range(chunk * a[25], min(chunk * a[25] + a[25], panels)):
                    column = panel * width
                    weights = a[1] + matrix * a[28] + panel * a[18] * group_bytes
                    at = matrix * a[30] + column
                    tile(words, table, weights, matrix * a[29] + column, at, a[17] - column)
                row += rows
            unit += 1

    kernel.fastmath = EXACT  # type: ignore[attr-defined]
    return kernel
