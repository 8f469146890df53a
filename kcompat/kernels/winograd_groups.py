"""Winograd's 3x3 convolution (kernels/winograd.py) in groups whose channels and filters are whole vectors.

A group has too few channels for matrix products over an image: both transforms and the products between them are done
for some tiles of one group at a time, in memory of the thread.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import as_f32, i64, stack
from .micro import LINE
from .places import find_pixels
from .shares import share_start
from .vectors import Vectors, constant
from .winograd import IN, OUT, backward_kernel, forward_kernel

PLACES = IN * IN

MOST_VECTORS = 2
"""Of filters whose sums are held at once."""


def _product_kernel(channels: int, filters: int, tiles: int, lanes: int) -> Any:
    """`products(v, weights, m)`: for each place, tiles times the place's matrix (channels, filters); the tiles of a
    place lie side by side, and a line behind them is left."""

    @intrinsic
    def products(context, v, weights, m):
        def codegen(context, builder, signature, args):
            emit = Vectors(builder, lanes)
            v, weights, m = (emit.pointer(address) for address in args)
            count = min(MOST_VECTORS, filters // lanes)
            with cgutils.for_range(builder, constant(PLACES)) as place:

                def of_place(pointer: Any, step: int) -> Any:
                    return emit.at(pointer, builder.mul(place.index, constant(step)))

                rows = of_place(v, tiles * channels + LINE)
                panel = of_place(weights, channels * filters)
                target = of_place(m, tiles * filters + LINE)
                for first in range(0, filters, count * lanes):
                    used = range(first, min(first + count * lanes, filters), lanes)
                    sums = [[cgutils.alloca_once(builder, emit.vector) for _ in used] for _ in range(tiles)]
                    for total in (total for row in sums for total in row):
                        builder.store(emit.number(0.0), total)
                    with cgutils.for_range(builder, constant(channels)) as k:
                        line = emit.at(panel, builder.mul(k.index, constant(filters)))
                        factors = [emit.load(emit.at(line, constant(column))) for column in used]
                        element = emit.at(rows, k.index)
                        for tile, row in enumerate(sums):
                            value = emit.splat(builder.load(emit.at(element, constant(tile * channels))))
                            for factor, total in zip(factors, row, strict=True):
                                builder.store(emit.fma(value, factor, builder.load(total)), total)
                    for tile, row in enumerate(sums):
                        for column, total in zip(used, row, strict=True):
                            emit.store(builder.load(total), emit.at(target, constant(tile * filters + column)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 3), codegen

    return products


def images(channels: int, filters: int, tiles: int, lanes: int) -> Any:
    """`y = clamp(conv(x, w) + bias + residual, low, high)`, channels last, for groups of so many channels and filters,
    and so many tiles of an output at once, at most as many as there are.

    arguments: x, y, weights (groups, places, channels, filters), bias, residual (like y) or 0, zeros for a group's
    pixel outside, images, input height and width, output height and width, groups, tiles down, tiles across, pixels of
    padding above, on the left, groups that are done while others wait, bits of low, of high.
    """
    forward, backward = forward_kernel(lanes), backward_kernel(lanes)
    products = _product_kernel(channels, filters, tiles, lanes)
    find, seen = find_pixels(range(IN)), stack(PLACES)
    v_step, m_step = tiles * channels + LINE, tiles * filters + LINE
    transforms = stack(PLACES * (v_step + m_step) // 2)

    @njit(inline="always")
    def corner(a, tile):
        """The image of a tile, and its first row and column of the result."""
        image, rest = tile // (a[12] * a[13]), tile % (a[12] * a[13])
        return image, rest // a[13] * OUT, rest % a[13] * OUT

    @njit(inline="always")
    def find_inputs(table, a, tile, group):
        image, row, column = corner(a, tile)
        step = a[11] * channels * 4
        top, left = row - a[14], column - a[15]
        for i in range(IN):
            start = a[0] + (image * a[7] + top + i) * a[8] * step + group * channels * 4
            find(table + i * IN * 8, start, left, a[8] if 0 <= top + i < a[7] else 0, step, a[5])

    @njit(inline="always")
    def find_outputs(table, a, tile, group):
        """Where the pixels of an output tile go; 0 for those outside."""
        image, row, column = corner(a, tile)
        places, step = i64(table), a[11] * filters * 4
        for i in range(OUT):
            start = a[1] + ((image * a[9] + row + i) * a[10] + column) * step + group * filters * 4
            for j in range(OUT):
                places[OUT * i + j] = start + j * step if row + i < a[9] and column + j < a[10] else 0

    @njit(inline="always")
    def run_group(table, v, a, first, group):
        m = v + PLACES * v_step * 4
        for tile in range(tiles):
            find_inputs(table, a, first + tile, group)
            forward(table, v + tile * channels * 4, v_step, channels)
        products(v, a[2] + group * PLACES * channels * filters * 4, m)
        bias, low, high = a[3] + group * filters * 4, as_f32(a[17]), as_f32(a[18])
        for tile in range(tiles):
            find_outputs(table, a, first + tile, group)
            source = m + tile * filters * 4
            backward(source, m_step, table, a[4], a[4] - a[1], bias, filters, low, high)

    def kernel(a, thread, threads):
        table, v = seen(), transforms()
        count = a[6] * a[12] * a[13]
        parts = (count + tiles - 1) // tiles
        units = (a[11] + a[16] - 1) // a[16] * parts
        unit, end = share_start(units, thread, threads), share_start(units, thread + 1, threads)
        while unit < end:
            group, first = unit // parts * a[16], min(unit % parts * tiles, count - tiles)
            for other in range(group, min(group + a[16], a[11])):
                run_group(table, v, a, first, other)
            unit += 1

    return kernel
