"""Panels of matrices, as products read them: `target[panel, k, column]`, some columns wide."""

from __future__ import annotations

from functools import cache
from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .intrinsics import f32
from .shares import share_start
from .vectors import Vectors


def pack() -> Any:
    """Panels of a matrix: `target[panel, k, column] = source[k, panel * width + column]`, zeros beyond the columns.

    arguments: target, source, depth, columns, width of a panel, bytes from k to k and from column to column in the
    source, matrices, elements from matrix to matrix in the target, bytes from matrix to matrix in the source.
    """

    @njit(inline="always")
    def put(target, source, filled, width, stride):
        y = f32(target)
        if stride == 4:
            x = f32(source)
            for column in range(filled):
                y[column] = x[column]
        else:
            for column in range(filled):
                y[column] = f32(source + column * stride)[0]
        for column in range(filled, width):
            y[column] = 0

    def kernel(a, thread, threads):
        depth, columns, width = a[2], a[3], a[4]
        unit, end = share_start(a[7] * depth, thread, threads), share_start(a[7] * depth, thread + 1, threads)
        while unit < end:
            matrix, k = unit // depth, unit % depth
            target, source = a[0] + (matrix * a[8] + k * width) * 4, a[1] + matrix * a[9] + k * a[5]
            column = 0
            while column < columns:
                put(target, source + column * a[6], min(width, columns - column), width, a[6])
                target += depth * width * 4
                column += width
            unit += 1

    return kernel


def _turned(emit: Vectors, rows: list[Any]) -> list[Any]:
    """The columns of a square of vectors: blocks of half the size change places, then those within them."""
    half = emit.lanes // 2
    while half:
        for first in [row for row in range(emit.lanes) if not row & half]:
            one, other = rows[first], rows[first + half]
            rows[first] = emit.pick(
                one, other, [lane + emit.lanes - half if lane & half else lane for lane in range(emit.lanes)]
            )
            rows[first + half] = emit.pick(
                one, other, [lane + emit.lanes if lane & half else lane + half for lane in range(emit.lanes)]
            )
        half //= 2
    return rows


def turn_square(lanes: int) -> Any:
    """`turn(target, source, width, step)`: a square of vectors transposed; elements from row to row of the target,
    bytes of the source."""

    @intrinsic
    def turn(context, target, source, width, step):
        def codegen(context, builder, signature, args):
            target, source, width, step = args
            emit = Vectors(builder, lanes)
            rows = []
            for _ in range(lanes):
                rows.append(emit.load(emit.pointer(source)))
                source = builder.add(source, step)
            place = emit.pointer(target)
            for column in _turned(emit, rows):
                emit.store(column, place)
                place = emit.at(place, width)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 4), codegen

    return turn


@cache
def turned_panel(lanes: int) -> Any:
    """`panel(target, source, depth, filled, width, step)`: a panel of a matrix whose elements lie side by side from k
    to k, and its columns `step` bytes apart; zeros beyond the filled columns. Squares are turned in registers."""
    turn = turn_square(lanes)

    @njit(inline="always")
    def panel(y, source, depth, filled, width, step):
        whole, columns = depth // lanes * lanes, filled // lanes * lanes
        for column in range(0, columns, lanes):
            for k in range(0, whole, lanes):
                turn(y + (k * width + column) * 4, source + column * step + k * 4, width, step)
        target = f32(y)
        for column in range(filled):
            x = f32(source + column * step)
            for k in range(whole if column < columns else 0, depth):
                target[k * width + column] = x[k]
        for k in range(depth):
            for column in range(filled, width):
                target[k * width + column] = 0

    return panel


def pack_transposed(lanes: int) -> Any:
    """As `pack`, of matrices whose elements lie side by side from k to k."""
    panel = turned_panel(lanes)

    def kernel(a, thread, threads):
        depth, columns, width = a[2], a[3], a[4]
        panels = (columns + width - 1) // width
        unit, end = share_start(a[7] * panels, thread, threads), share_start(a[7] * panels, thread + 1, threads)
        while unit < end:
            matrix, number = unit // panels, unit % panels
            source = a[1] + matrix * a[9] + number * width * a[6]
            filled = min(width, columns - number * width)
            panel(a[0] + (matrix * a[8] + number * width * depth) * 4, source, depth, filled, width, a[6])
            unit += 1

    return kernel
