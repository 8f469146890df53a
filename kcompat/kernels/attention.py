"""Scaled dot-product attention: for each head, blocks of queries whose scores stay in the cache.

Sequences are (batch, time, heads, size). The scores of a block are a product of queries with packed keys, which are
scaled; their softmax times packed values is the output.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .intrinsics import as_f32, f32, i64, stack, u8
from .micro import tile_kernel
from .panels import turned_panel
from .shares import share_start
from .softmax import softmax_row

ARGUMENTS = (
    "y", "query", "keys", "values", "weights",  # addresses; weights 0 unless they are a result
    "scratch", "slots", "zeros", "origin",  # zeros: a panel's width; origin: an int64 0
    "batch", "heads", "groups", "queries", "times", "size", "value_size",
    "mask", "mask_batch", "mask_head", "mask_query", "mask_key",  # address or 0; bytes from index to index
    "causal", "window", "zero_masked", "scale",
    "block",  # queries that are done together
)  # fmt: skip

LOWEST = np.finfo(np.float32).min

compiled = njit(error_model="numpy", fastmath={"contract", "nsz"}, forceinline=True)
"""As in recurrent.py."""


@compiled
def _hide(x, a, times, sample, head, query, lowest):
    """Put a value at the keys that the query may not see."""
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
def _seen_times(a, last):
    """How many keys queries before `last` may see, if all of these see one at least and no more is wanted."""
    is_limited = a[21] != 0 and a[16] == 0 and a[22] == 0 and a[4] == 0
    return min(a[13], last) if is_limited else a[13]


def run(rows: int, vectors: int, lanes: int) -> Any:
    """Products are computed in tiles of `rows` by `vectors * lanes`; keys and values are packed in panels of as many
    columns.

    `scratch` has, for each of `slots` parts of the work (more do nothing), so many float32: size * times + times *
    value_size + block * times, `times` in the first and last and value_size rounded up to whole panels.
    """
    tile, width = tile_kernel(rows, vectors, lanes), vectors * lanes
    turn, softmax = turned_panel(lanes), softmax_row(lanes)
    table_on_stack = stack(3 * rows)

    @compiled
    def pack(a, scratch, matrix):
        """The keys, scaled, and the values of one group of heads."""
        times, groups, size, value_size = a[13], a[11], a[14], a[15]
        sample = matrix // groups
        first, scale = sample * times * groups + matrix - sample * groups, as_f32(a[24])
        panels = (times + width - 1) // width
        for panel in range(panels):
            key = panel * width
            source = a[2] + (first + key * groups) * size * 4
            turn(scratch + key * size * 4, source, size, min(width, times - key), width, groups * size * 4)
        keys = f32(scratch)
        for i in range(panels * width * size):
            keys[i] *= scale
        target, source = scratch + panels * width * size * 4, a[3] + first * value_size * 4
        for column in range(0, value_size, width):
            filled = min(width, value_size - column)
            for key in range(times):
                y = f32(target + (column * times + key * width) * 4)
                x = f32(source + (key * groups * value_size + column) * 4)
                for i in range(filled):
                    y[i] = x[i]
                for i in range(filled, width):
                    y[i] = np.float32(0)

    @njit(inline="always")
    def multiply(table, a, x, x_step, y, y_step, count, panels, panel_step, length, columns):
        """`count` rows times all panels."""
        places = i64(table)
        for column in range(0, columns, width):
            for first in range(0, count, rows):
                for row in range(rows):
                    at = min(first + row, count - 1)
                    places[row], places[rows + row] = x + at * x_step, y + at * y_step + column * 4
                tile(
                    table, a[8], 1, length, 1, panels, a[7], 0, 0, columns - column, 0,
                    np.float32(-np.inf), np.float32(np.inf),
                )  # fmt: skip
            panels += panel_step

    @compiled
    def weigh(a, scores, sample, head, query, times, wide):
        """Make weights of a query's scores."""
        x = f32(scores)
        _hide(x, a, times, sample, head, query, np.float32(LOWEST))
        for key in range(times, wide):
            x[key] = np.float32(-np.inf)
        softmax(scores, scores, wide)
        if a[23] != 0:
            _hide(x, a, times, sample, head, query, np.float32(0))
        if a[4] != 0:
            weights = f32(a[4] + ((sample * a[10] + head) * a[12] + query) * times * 4)
            for key in range(times):
                weights[key] = x[key]

    @njit(inline="always")
    def attend(table, a, scratch, matrix, first, count):
        """The output of a block of queries."""
        heads, queries, times, size, value_size = a[10], a[12], a[13], a[14], a[15]
        sample = matrix // heads
        head = matrix - sample * heads
        wide = (times + width - 1) // width * width
        values = scratch + wide * size * 4
        scores = values + times * ((value_size + width - 1) // width * width) * 4
        seen = _seen_times(a, first + count)
        wide = (seen + width - 1) // width * width
        place = (sample * queries + first) * heads + head
        step = width * size * 4
        multiply(
            table, a, a[1] + place * size * 4, heads * size * 4, scores, wide * 4, count, scratch, step, size, wide
        )  # fmt: skip
        for row in range(count):
            weigh(a, scores + row * wide * 4, sample, head, first + row, seen, wide)
        y, step = a[0] + place * value_size * 4, width * times * 4
        multiply(
            table, a, scores, wide * 4, y, heads * value_size * 4, count, values, step, seen, value_size
        )  # fmt: skip

    def kernel(a, thread, threads):
        table, workers = table_on_stack(), min(threads, a[6])
        if thread >= workers:
            return
        heads, per_group, queries, block = a[10], a[10] // a[11], a[12], a[25]
        times, size, value_size = a[13], a[14], a[15]
        wide, value_wide = (times + width - 1) // width * width, (value_size + width - 1) // width * width
        scratch = a[5] + thread * (wide * size + times * value_wide + block * wide) * 4
        blocks, matrices = (queries + block - 1) // block, a[9] * heads
        apart = blocks if matrices >= workers else 1
        count = matrices * blocks // apart
        unit, end = share_start(count, thread, workers) * apart, share_start(count, thread + 1, workers) * apart
        packed = -1
        while unit < end:
            matrix = unit // blocks
            if matrix // per_group != packed:
                packed = matrix // per_group
                pack(a, scratch, packed)
            first = (unit - matrix * blocks) * block
            attend(table, a, scratch, matrix, first, min(block, queries - first))
            unit += 1

    return kernel
