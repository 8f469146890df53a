"""Moving elements: strided copies, filling, packing of weights."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .intrinsics import f32, i64, u8, u32
from .shares import share_start
from .vectors import Vectors

AXES = 8


@njit(inline="always")
def _run(target, source, count, target_stride, source_stride, size):
    """Copy `count` elements of `size` bytes; strides in bytes."""
    if target_stride == 4 and source_stride == 4 and size == 4:
        y4, x4 = u32(target), u32(source)
        for i in range(count):
            y4[i] = x4[i]
    elif target_stride == size and source_stride == size:
        y8, x8 = u8(target), u8(source)
        for i in range(count * size):
            y8[i] = x8[i]
    elif size == 4:
        for i in range(count):
            u32(target + i * target_stride)[0] = u32(source + i * source_stride)[0]
    elif size == 8:
        for i in range(count):
            i64(target + i * target_stride)[0] = i64(source + i * source_stride)[0]
    else:
        for i in range(count):
            y8, x8 = u8(target + i * target_stride), u8(source + i * source_stride)
            for byte in range(size):
                y8[byte] = x8[byte]


def copy() -> Any:
    """A copy of elements in AXES axes, outermost first.

    arguments: target, source, bytes of an element; then, for each axis: size, bytes from element to element in the
    target, and in the source (0 to repeat, negative to go backwards).
    """

    def kernel(a, thread, threads):
        last = 3 + 3 * (AXES - 1)
        rows = 1
        for axis in range(AXES - 1):
            rows *= a[3 + 3 * axis]
        row, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        while row < end:
            target, source, rest = a[0], a[1], row
            axis = AXES - 2
            while axis >= 0:
                at = 3 + 3 * axis
                outer = rest // a[at]
                place = rest - outer * a[at]
                target += place * a[at + 1]
                source += place * a[at + 2]
                rest = outer
                axis -= 1
            before = last - 3
            until = min(end, row - row % a[before] + a[before])
            while row < until:
                _run(target, source, a[last], a[last + 1], a[last + 2], a[2])
                target += a[before + 1]
                source += a[before + 2]
                row += 1

    return kernel


def fill() -> Any:
    """arguments: target, count, bits of the element, bytes of an element (1, 4 or 8)."""

    def kernel(a, thread, threads):
        first, end = share_start(a[1], thread, threads), share_start(a[1], thread + 1, threads)
        if a[3] == 4:
            y4 = u32(a[0])
            for i in range(first, end):
                y4[i] = a[2]
        elif a[3] == 8:
            y = i64(a[0])
            for i in range(first, end):
                y[i] = a[2]
        else:
            y1 = u8(a[0])
            for i in range(first, end):
                y1[i] = a[2]

    return kernel


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


def _square(lanes: int) -> Any:
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


def pack_transposed(lanes: int) -> Any:
    """As `pack`, of matrices whose elements lie side by side from k to k: squares are turned in registers."""
    turn = _square(lanes)

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
