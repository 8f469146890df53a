"""Scaled dot-product attention: a block of queries at a time, whose scores stay in the cache.

Sequences are (batch, time, heads, size). The scores of a block are a product of queries with packed keys; their
softmax times packed values is the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import as_f32, f32, i64, stack, u8
from .micro import tile_kernel
from .reducers import reducer
from .scalars import exp
from .shares import share_start

ARGUMENTS = (
    "y", "query", "keys", "values", "weights",  # addresses; weights 0 unless they are a result
    "scratch", "slots", "zeros", "origin",  # zeros: a panel's width; origin: an int64 0
    "batch", "heads", "groups", "queries", "times", "size", "value_size",
    "mask", "mask_batch", "mask_head", "mask_query", "mask_key",  # address or 0; bytes from index to index
    "causal", "window", "zero_masked", "scale",
)  # fmt: skip

LOWEST = np.finfo(np.float32).min


def pack(width: int) -> Any:
    """Panels of a matrix for each sample and head: `target[panel, k, column]`, zeros beyond the columns.

    arguments: target, source, samples, heads, bytes from sample to sample and from head to head, depth, columns,
    bytes from k to k and from column to column.
    """

    def kernel(a, thread, threads):
        depth, columns = a[6], a[7]
        panels = (columns + width - 1) // width
        count = a[2] * a[3] * panels
        unit, end = share_start(count, thread, threads), share_start(count, thread + 1, threads)
        while unit < end:
            matrix = unit // panels
            panel = unit - matrix * panels
            sample = matrix // a[3]
            source = a[1] + sample * a[4] + (matrix - sample * a[3]) * a[5] + panel * width * a[9]
            filled = min(width, columns - panel * width)
            for k in range(depth):
                y, row = f32(a[0] + (unit * depth + k) * width * 4), source + k * a[8]
                if a[9] == 4:
                    x = f32(row)
                    for column in range(filled):
                        y[column] = x[column]
                else:
                    for column in range(filled):
                        y[column] = f32(row + column * a[9])[0]
                for column in range(filled, width):
                    y[column] = 0
            unit += 1

    return kernel


def run(rows: int, vectors: int, lanes: int) -> Any:
    """Blocks of `rows` queries; keys and values are packed in panels of vectors * lanes columns.

    `scratch` has rows * times, rounded up to panels, float32 for each of `slots` threads; more do not work.
    """
    tile, width = tile_kernel(rows, vectors, lanes), vectors * lanes
    table_on_stack = stack(3 * rows)
    largest, total_of = reducer("max", lanes), reducer("sum", lanes)

    @njit(inline="always")
    def hide(x, a, sample, head, query, lowest):
        """Put a value at the keys that the query may not see."""
        times = a[13]
        if a[16] != 0:
            seen = a[16] + sample * a[17] + head * a[18] + query * a[19]
            step = a[20]
            for key in range(times):
                if u8(seen + key * step)[0] == 0:
                    x[key] = lowest
        if a[21] != 0:
            for key in range(query + 1, times):
                x[key] = lowest
        if a[22] != 0:
            for key in range(min(times, query - a[22] + 1)):
                x[key] = lowest
            for key in range(query + a[22], times):
                x[key] = lowest

    @njit(inline="always")
    def softmax(x, place, a, sample, head, query, wide):
        times, scale = a[13], as_f32(a[24])
        for key in range(times):
            x[key] = x[key] * scale
        hide(x, a, sample, head, query, np.float32(LOWEST))
        for key in range(times, wide):
            x[key] = np.float32(-np.inf)
        best = largest(place, wide // lanes)
        for key in range(wide):
            x[key] = exp(x[key] - best)
        inverse = np.float32(1) / total_of(place, wide // lanes)
        for key in range(times):
            x[key] = x[key] * inverse
        if a[23] != 0:
            hide(x, a, sample, head, query, np.float32(0))

    @njit(inline="always")
    def multiply(table, a, matrix, length, columns):
        """All panels of one product for the rows of the table."""
        column = 0
        while column < columns:
            tile(
                table, a[8], 1, length, 1, matrix + column * length * 4, a[7], 0, column, columns - column, 0,
                np.float32(-np.inf), np.float32(np.inf),
            )  # fmt: skip
            column += width

    @njit(inline="always")
    def block(table, a, scores, sample, head, first):
        queries, times, size, value_size = a[12], a[13], a[14], a[15]
        wide = (times + width - 1) // width * width
        value_wide = (value_size + width - 1) // width * width
        group = sample * a[11] + head // (a[10] // a[11])
        places = i64(table)
        count = min(rows, queries - first)
        for row in range(rows):
            query = first + min(row, count - 1)
            places[row] = a[1] + ((sample * queries + query) * a[10] + head) * size * 4
            places[rows + row] = scores + row * wide * 4
        multiply(table, a, a[2] + group * size * wide * 4, size, wide)
        for row in range(count):
            place = scores + row * wide * 4
            softmax(f32(place), place, a, sample, head, first + row, wide)
            if a[4] != 0:
                weights, x = f32(a[4] + (((sample * a[10] + head) * queries + first + row) * times) * 4), f32(place)
                for key in range(times):
                    weights[key] = x[key]
        for row in range(rows):
            query = first + min(row, count - 1)
            places[row] = scores + min(row, count - 1) * wide * 4
            places[rows + row] = a[0] + ((sample * queries + query) * a[10] + head) * value_size * 4
        multiply(table, a, a[3] + group * times * value_wide * 4, times, value_size)

    def kernel(a, thread, threads):
        table = table_on_stack()
        workers = min(threads, a[6])
        if thread >= workers:
            return
        wide = (a[13] + width - 1) // width * width
        scores = a[5] + thread * rows * wide * 4
        blocks = (a[12] + rows - 1) // rows
        count = a[9] * a[10] * blocks
        unit, end = share_start(count, thread, workers), share_start(count, thread + 1, workers)
        while unit < end:
            matrix = unit // blocks
            sample = matrix // a[10]
            block(table, a, scores, sample, matrix - sample * a[10], (unit - matrix * blocks) * rows)
            unit += 1

    return kernel
