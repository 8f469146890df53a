"""Matrix products and convolutions: `y = clamp(x * w * scale + bias + residual, low, high)`, both channels last.

A convolution is a product whose rows are output pixels: the input of a pixel is a few runs of contiguous
elements (for each kernel row, kernel width times channels), at the same offsets from every pixel's first one.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import as_f32, i64, stack
from .micro import tile_kernel
from .shares import share_start

ARGUMENTS = (
    "x", "weights", "bias", "y", "residual",  # addresses; residual 0 for none
    "rows", "columns", "depth",  # depth: rows of the packed weights
    "x_stride", "y_stride", "residual_stride",  # elements from row to row
    "pixels", "pixel_offsets", "image_stride",  # of a convolution; pixel_offsets 0 for a plain product
    "segments", "segment_count", "segment_length",
    "low", "high",  # bits of float32
    "block", "chunk",  # rows and panels that are done together
    "matrices", "x_step", "weights_step", "bias_step", "y_step", "residual_step",  # elements
    "spacing",  # elements from one element of a row of x to the next, where they are strided
    "scale",  # address of the columns' factors, their steps those of the bias; 0 for none
)  # fmt: skip
"""The arguments in order. The elements of `matrices` products (a batch, or groups) lie their steps apart."""


RESIDENT = 256 << 10
"""Bytes of panels that stay in a cache while rows pass."""


def tiles(rows: int, vectors: int, lanes: int, streams: int = 0, strided: int = 0, tail: int = 0) -> Any:
    """Tiles of `rows` by `vectors * lanes`. Weights are packed in panels of so many columns, zeros beyond the last.

    Row r of x begins at r * x_stride, or, in a convolution, at image_stride * (r // pixels) +
    pixel_offsets[r % pixels]. A block of rows stays in the cache while a chunk of panels passes; panels that stay
    there themselves pass for one tile of rows after another.
    streams: 1 if results are larger than caches and rows of y whole vectors. strided: 1 if the elements of a row of x
    are not neighbours, as in the product of a transposed matrix. tail: how many columns of the last panel are
    computed; 0 for all.
    """
    tile = tile_kernel(rows, vectors, lanes, bool(streams))
    last_tile = tile_kernel(rows, vectors, lanes, bool(streams), tail)
    table_on_stack, width = stack(3 * rows), vectors * lanes

    @njit(inline="always")
    def fill(table, a, x, y, residual, first, end):
        """Where the rows of one tile begin; rows beyond the end repeat the last."""
        places, offsets, pixels = i64(table), i64(a[12]), a[11]
        for row in range(rows):
            at = min(first + row, end - 1)
            places[rows + row] = y + at * a[9] * 4
            places[2 * rows + row] = residual + at * a[10] * 4
        if a[12] == 0:
            for row in range(rows):
                places[row] = x + min(first + row, end - 1) * a[8] * 4
            return
        image = first // pixels
        pixel = first - image * pixels
        for row in range(rows):
            places[row] = x + (image * a[13] + offsets[pixel]) * 4
            if first + row + 1 < end:
                pixel += 1
                if pixel == pixels:
                    pixel, image = 0, image + 1

    @njit(inline="always")
    def run_tiles(table, a, weights, bias, scale, panel, last):
        """Panels for the rows of the table."""
        low, high = as_f32(a[17]), as_f32(a[18])
        spacing = a[27] if strided else 1
        while panel < last:
            column = panel * width
            packed, offset, left = weights + column * a[7] * 4, bias + column * 4, a[6] - column
            factors = scale + column * 4 if scale != 0 else 0
            if tail and left < width:
                last_tile(table, a[14], a[15], a[16], spacing, packed, offset, factors, column, left, a[4], low, high)
            else:
                tile(table, a[14], a[15], a[16], spacing, packed, offset, factors, column, left, a[4], low, high)
            panel += 1

    @njit(inline="always")
    def run_block(table, a, matrix, first, end, panel, last):
        x, y = a[0] + matrix * a[22] * 4, a[3] + matrix * a[25] * 4
        weights, bias = a[1] + matrix * a[23] * 4, a[2] + matrix * a[24] * 4
        residual = a[4] + matrix * a[26] * 4 if a[4] != 0 else 0
        scale = a[28] + matrix * a[24] * 4 if a[28] != 0 else 0
        together = max(1, RESIDENT // max(1, a[7] * width * 4))
        while panel < last:
            row = first
            while row < end:
                fill(table, a, x, y, residual, row, end)
                run_tiles(table, a, weights, bias, scale, panel, min(panel + together, last))
                row += rows
            panel += together

    def kernel(a, thread, threads):
        table = table_on_stack()
        panels = (a[6] + width - 1) // width
        chunks = (panels + a[20] - 1) // a[20]
        blocks = (a[5] + a[19] - 1) // a[19]
        per_matrix = blocks * chunks
        unit = share_start(a[21] * per_matrix, thread, threads)
        end = share_start(a[21] * per_matrix, thread + 1, threads)
        while unit < end:
            matrix = unit // per_matrix
            block = (unit - matrix * per_matrix) // chunks
            chunk = unit - matrix * per_matrix - block * chunks
            row, panel = block * a[19], chunk * a[20]
            run_block(table, a, matrix, row, min(row + a[19], a[5]), panel, min(panel + a[20], panels))
            unit += 1

    return kernel
