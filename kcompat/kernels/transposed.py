"""Transposed convolution: what pixels give to the places that they reach, summed there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .shares import share_start
from .vectors import Vectors, constant


def _grid_sum(lanes: int, few: int) -> Any:
    """`sum(y, start, x, planes, rows, columns, plane_step, row_step, column_step, filters)`: y becomes start plus what
    lies on the grid that begins at x; steps in bytes."""

    @intrinsic
    def grid_sum(context, y, start, x, planes, rows, columns, plane_step, row_step, column_step, filters):
        def codegen(context, builder, signature, args):
            y, start, x, planes, rows, columns, plane_step, row_step, column_step, filters = args
            emit = Vectors(builder, lanes)
            total = cgutils.alloca_once(builder, emit.vector)

            @contextmanager
            def along(place: Any, count: Any, step: Any) -> Iterator[Any]:
                with cgutils.for_range(builder, count) as loop:
                    yield builder.add(place, builder.mul(loop.index, step))

            with emit.runs(filters, bool(few)) as (first, mask):
                builder.store(emit.load(emit.at(emit.pointer(start), first), mask), total)
                begin = builder.add(x, builder.mul(first, constant(4)))
                with (
                    along(begin, planes, plane_step) as plane,
                    along(plane, rows, row_step) as row,
                    along(row, columns, column_step) as place,
                ):
                    builder.store(builder.fadd(builder.load(total), emit.load(emit.pointer(place), mask)), total)
                emit.store(builder.load(total), emit.at(emit.pointer(y), first), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 10), codegen

    return grid_sum


@njit(inline="always")
def _first_meeting(a, axis, place):
    """Along one of three axes: the first tap that falls between input places or on one, seen from an output place,
    which place that is, and how many taps follow each other like that, argument 24 + axis apart; -1 for no tap."""
    stride, dilation, step = a[13 + axis], a[19 + axis], a[24 + axis]
    at, tap = place + a[16 + axis], 0
    while tap < step and (at - tap * dilation) % stride != 0:
        tap += 1
    count = (a[10 + axis] - tap + step - 1) // step if tap < min(step, a[10 + axis]) else 0
    return tap, (at - tap * dilation) // stride, count


@njit(inline="always")
def _inside(a, axis, meeting):
    """Those of such taps whose input places, argument 27 + axis apart, exist."""
    tap, source, count = meeting
    back, beyond = a[27 + axis], source - a[4 + axis] + 1
    if beyond > 0:
        skipped = beyond if back == 1 else (beyond + back - 1) // back
        tap, source, count = tap + skipped * a[24 + axis], source - skipped * back, count - skipped
    within = source if back == 1 else source // back
    return tap, source, max(min(count, within + 1), 0)


def collect(lanes: int, few: int) -> Any:
    """The last part of a transposed convolution: each output pixel is the sum of what the taps that meet it hold.

    x is (images, *input, groups, taps, filters), y (images, *output, groups, filters); arguments after GEOMETRY, in
    which channels are filters: groups, bias (groups * filters), then three each of taps from one that meets a place
    to the next, and input places between those. Low pads are cut off the output. few: 1 for less than `lanes` filters.
    """
    grid_sum = _grid_sum(lanes, few)

    @njit(inline="always")
    def pixel(a, y, image, planes, rows, columns):
        filters, taps = a[3], a[10] * a[11] * a[12]
        (i, from_d, deep), (j, from_h, high), (k, from_w, wide) = planes, rows, columns
        size, row_taps = a[22] * taps * filters * 4, a[12] * filters * 4
        plane_step = a[24] * a[11] * row_taps - a[27] * a[5] * a[6] * size
        row_step = a[25] * row_taps - a[28] * a[6] * size
        column_step = a[26] * filters * 4 - a[29] * size
        place = ((image * a[4] + from_d) * a[5] + from_h) * a[6] + from_w
        x = a[0] + place * size + ((i * a[11] + j) * a[12] + k) * filters * 4
        start = a[23]
        for _ in range(a[22]):
            grid_sum(y, start, x, deep, high, wide, plane_step, row_step, column_step, filters)
            x, y, start = x + taps * filters * 4, y + filters * 4, start + filters * 4

    @njit(inline="always")
    def line(a, y, image, planes, rows):
        """Output places that lie a stride apart see the same taps, and one input place after another."""
        for first in range(min(a[15], a[9])):
            tap, source, count = _first_meeting(a, 2, first)
            column = first
            while column < a[9]:
                pixel(a, y + column * a[22] * a[3] * 4, image, planes, rows, _inside(a, 2, (tap, source, count)))
                column, source = column + a[15], source + 1

    def kernel(a, thread, threads):
        lines = a[2] * a[7] * a[8]
        unit, end = share_start(lines, thread, threads), share_start(lines, thread + 1, threads)
        while unit < end:
            image, rest = unit // (a[7] * a[8]), unit % (a[7] * a[8])
            plane, row = _first_meeting(a, 0, rest // a[8]), _first_meeting(a, 1, rest % a[8])
            y = a[1] + unit * a[9] * a[22] * a[3] * 4
            line(a, y, image, _inside(a, 0, plane), _inside(a, 1, row))
            unit += 1

    return kernel
