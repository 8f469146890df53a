"""Pooling of images with their channels first: rows are joined into a line, then elements along it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import stack
from .reductions import Reduction, columns_of
from .shares import share_start
from .transposes import picked
from .vectors import constant
from .windows import end_tap, first_tap

LINE = 4096
"""Elements of a line that are held at a time."""

SLACK = 64
"""Elements behind them that may be read, whatever they are."""


def _fill(mode: str, lanes: int) -> Any:
    """`fill(line, count)`: elements that change nothing. A loop would become a call."""

    @intrinsic
    def fill(context, line, count):
        def codegen(context, builder, signature, args):
            emit = Reduction(builder, lanes, mode)
            neutral = emit.number(emit.start)
            emit.each(emit.pointer(args[0]), args[1], lambda place, mask: emit.store(neutral, place, mask))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return fill


def _down(mode: str, rows: int, lanes: int) -> Any:
    """`down(y, x, step, width)`: so many rows, `step` bytes apart, joined."""

    @intrinsic
    def down(context, y, x, step, width):
        def codegen(context, builder, signature, args):
            y, x, step, width = args
            emit = Reduction(builder, lanes, mode)
            distance = builder.sub(x, y)

            def one(place: Any, mask: Any) -> None:
                first = builder.add(builder.ptrtoint(place, y.type), distance)
                places = [builder.add(first, builder.mul(step, constant(row))) for row in range(rows)]
                values = [emit.load(emit.pointer(address), mask) for address in places]
                emit.store(emit.joined(values, emit.join), place, mask)

            emit.each(emit.pointer(y), width, one)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.int64), codegen

    return down


def _along(mode: str, stride: int, columns: int, lanes: int) -> Any:
    """`along(y, line, shares, count, taps, step, share)`: elements of a line joined, `step` bytes apart; sums times a
    share for each and one for all. columns: how many taps, if that is known, next to each other."""

    @intrinsic
    def along(context, y, line, shares, count, taps, step, share):
        def codegen(context, builder, signature, args):
            y, line, shares, count, taps, step, share = args
            emit = Reduction(builder, lanes, mode)
            to_shares = builder.sub(shares, y)

            def values(start: Any, count: int) -> list[Any]:
                """Of taps next to each other, as many as `stride` at most."""
                places = [emit.pointer(builder.add(start, constant(4 * lanes * n))) for n in range(stride)]
                loaded = [emit.load(place) for place in places]
                return [
                    picked(emit, loaded, [divmod(lane * stride + n, lanes) for lane in range(lanes)])
                    for n in range(count)
                ]

            def all_taps(first: Any) -> Any:
                if columns:
                    groups = [(at, min(stride, columns - at)) for at in range(0, columns, stride)]
                    found = [values(builder.add(first, constant(4 * at)), count) for at, count in groups]
                    return emit.joined([value for group in found for value in group], emit.join)
                held = emit.accumulators(emit.start, 1)[0]
                with cgutils.for_range(builder, taps) as tap:
                    (new,) = values(builder.add(first, builder.mul(tap.index, step)), 1)
                    builder.store(emit.join(new, builder.load(held)), held)
                return builder.load(held)

            def one(place: Any, mask: Any) -> None:
                address = builder.ptrtoint(place, y.type)
                result = all_taps(builder.add(line, builder.mul(builder.sub(address, y), constant(stride))))
                if mode == "mean":
                    own = emit.load(emit.pointer(builder.add(address, to_shares)), mask)
                    result = builder.fmul(result, builder.fmul(own, emit.splat(share)))
                emit.store(result, place, mask)

            emit.each(emit.pointer(y), count, one)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6, types.float32), codegen

    return along


def pool(mode: str, stride: int, lanes: int, rows: int = 0, columns: int = 0) -> Any:
    """arguments: as `pooling.images` of one channel, `stride` apart in a row; then the
    reciprocals of how many columns each output of a row averages, as float32. rows, columns: of the window, if it is
    known and has no gaps."""
    rows_of = columns_of("max" if mode == "max" else "sum", lanes)
    down, along = _down(mode, max(rows, 1), lanes), _along(mode, stride, columns, lanes)
    fill = _fill(mode, lanes)
    line_on_stack, other_on_stack = stack((LINE + SLACK) // 2), stack((LINE + SLACK) // 2)

    @njit(inline="always")
    def prepare(a, plane, row, first, end, line):
        h, width = row * a[14], a[6]
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        start = first * stride - a[18]
        length = (end - first - 1) * stride + (a[12] - 1) * a[21] + 1
        inside, beyond = min(max(-start, 0), length), min(max(width - start, 0), length)
        fill(line, inside)
        x = a[0] + ((plane * a[5] + h - a[17] + h0 * a[20]) * width + start + inside) * 4
        if rows > 0 and h1 - h0 == rows:
            down(line + inside * 4, x, a[20] * width * 4, beyond - inside)
        else:
            rows_of(line + inside * 4, x, h1 - h0, a[20] * width * 4, beyond - inside, np.float32(1))
        fill(line + beyond * 4, length - beyond)

    @njit(inline="always")
    def finish(a, plane, row, first, end, line):
        h = row * a[14]
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        y = a[1] + ((plane * a[8] + row) * a[9] + first) * 4
        share = np.float32(1) / np.float32(a[11] if a[22] != 0 else h1 - h0) if mode == "mean" else np.float32(1)
        along(y, line, a[23] + first * 4, end - first, a[12], a[21] * 4, share)

    def kernel(a, thread, threads):
        """A line is read after the next one is written: what is still on its way to the cache is slow to read."""
        line, other = line_on_stack(), other_on_stack()
        most = (LINE - (a[12] - 1) * a[21] - 1) // stride + 1
        unit, last = share_start(a[2] * a[8], thread, threads), share_start(a[2] * a[8], thread + 1, threads)
        plane = unit // a[8]
        row, first = unit - plane * a[8], 0
        if unit < last:
            prepare(a, plane, row, 0, min(most, a[9]), line)
        while unit < last:
            next_plane, next_row, next_first = plane, row, first + most
            if next_first >= a[9]:
                next_row, next_first, unit = row + 1, 0, unit + 1
            if next_row == a[8]:
                next_plane, next_row = plane + 1, 0
            if unit < last:
                prepare(a, next_plane, next_row, next_first, min(next_first + most, a[9]), other)
            finish(a, plane, row, first, min(first + most, a[9]), line)
            plane, row, first = next_plane, next_row, next_first
            line, other = other, line

    return kernel
