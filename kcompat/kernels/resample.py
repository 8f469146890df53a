"""Weighted sums of positions along an axis; rows of pixels, each of them several times."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import address_of, f32, i32, i64
from .shares import share_start
from .transposes import put_together
from .vectors import Vectors, constant


def along() -> Any:
    """`y[outer, o, inner] = sum over t of weights[o, t] * x[outer, places[o, t], inner]`.

    Products are rounded before they are added: images are cut off to integers behind it.

    arguments: y, x, places (int64), weights, outer, size, result's size, inner, taps.
    """

    @njit(inline="always")
    def row(y, x, places, weights, inner, taps):
        first, weight = f32(x + places[0] * inner * 4), weights[0]
        for i in range(inner):
            y[i] = first[i] * weight
        for tap in range(1, taps):
            source, weight = f32(x + places[tap] * inner * 4), weights[tap]
            for i in range(inner):
                y[i] += source[i] * weight

    def kernel(a, thread, threads):
        size, out, inner, taps = a[5], a[6], a[7], a[8]
        unit, end = share_start(a[4] * out, thread, threads), share_start(a[4] * out, thread + 1, threads)
        while unit < end:
            outer = unit // out
            place = unit - outer * out
            row(
                f32(a[0] + unit * inner * 4), a[1] + outer * size * inner * 4,
                i64(a[2] + place * taps * 8), f32(a[3] + place * taps * 4), inner, taps,
            )  # fmt: skip
            unit += 1

    kernel.fastmath = {"nsz"}  # type: ignore[attr-defined]
    return kernel


def elements(taps: int) -> Any:
    """`y[row, o] = sum over t of weights[t, o] * x[row, places[t, o]]`, of as many taps; products are rounded.

    arguments: y, x, places (int32), weights, rows, elements of a row of the result, and of x.
    """

    @njit(inline="always")
    def value(x, places, weights, i, count):
        total = x[places[i]] * weights[i]
        for tap in range(1, taps):
            total += x[places[tap * count + i]] * weights[tap * count + i]
        return total

    @njit(inline="always")
    def four(y, x, places, weights, count, size):
        for i in range(count):
            for row in range(4):
                f32(y + row * count * 4)[i] = value(f32(x + row * size * 4), places, weights, i, count)

    @njit(inline="always")
    def one(y, x, places, weights, count):
        for i in range(count):
            y[i] = value(x, places, weights, i, count)

    def kernel(a, thread, threads):
        places, weights, count, size = i32(a[2]), f32(a[3]), a[5], a[6]
        row, end = share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)
        while row + 4 <= end:
            four(a[0] + row * count * 4, a[1] + row * size * 4, places, weights, count, size)
            row += 4
        while row < end:
            one(f32(a[0] + row * count * 4), f32(a[1] + row * size * 4), places, weights, count)
            row += 1

    kernel.fastmath = {"nsz"}  # type: ignore[attr-defined]
    return kernel


def taken() -> Any:
    """`y[row, o] = x[row, places[o]]`; arguments: y, x, places (int32), rows, elements of a row of the result, of x."""

    @njit(inline="always")
    def four(y, x, places, count, size):
        y1, y2, y3 = f32(address_of(y) + count * 4), f32(address_of(y) + count * 8), f32(address_of(y) + count * 12)
        for i in range(count):
            place = places[i]
            y[i], y1[i] = x[place], x[size + place]
            y2[i], y3[i] = x[2 * size + place], x[3 * size + place]

    def kernel(a, thread, threads):
        places, count, size = i32(a[2]), a[4], a[5]
        row, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while row + 4 <= end:
            four(f32(a[0] + row * count * 4), f32(a[1] + row * size * 4), places, count, size)
            row += 4
        while row < end:
            y, x = f32(a[0] + row * count * 4), f32(a[1] + row * size * 4)
            for i in range(count):
                y[i] = x[places[i]]
            row += 1

    return kernel


def _spread_row(times: int, lanes: int) -> Any:
    """`spread(y, x, size)`: each of at least `lanes` elements so many times."""

    @intrinsic
    def spread(context, y, x, size):
        def codegen(context, builder, signature, args):
            y, x, size = args
            emit = Vectors(builder, lanes)
            with emit.chunks(size) as first:
                value = emit.load(emit.at(emit.pointer(x), first))
                start = emit.at(emit.pointer(y), builder.mul(first, constant(times)))
                for number, vector in enumerate(put_together(emit, [value] * times)):
                    emit.store(vector, emit.at(start, constant(number * lanes)))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return spread


def _copied_row(lanes: int) -> Any:
    """`copy(y, size, more)`: so many more of a row of at least `lanes` elements behind it."""

    @intrinsic
    def copy(context, y, size, more):
        def codegen(context, builder, signature, args):
            y, size, more = args
            emit = Vectors(builder, lanes)
            with emit.chunks(size) as first:
                place = emit.at(emit.pointer(y), first)
                value = emit.load(place)
                with cgutils.for_range(builder, more) as turn:
                    behind = builder.mul(builder.add(turn.index, constant(1)), size)
                    emit.store(value, emit.at(place, behind))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return copy


def repeated(times: int, lanes: int) -> Any:
    """Each element of rows `times` times, then each row again and again; rows of at least `lanes` elements.

    arguments: y, x, rows, size of a row, how many times a row.
    """
    spread, copy = _spread_row(times, lanes), _copied_row(lanes)

    def kernel(a, thread, threads):
        row, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        size, again = a[3], a[4]
        while row < end:
            y = a[0] + row * again * times * size * 4
            spread(y, a[1] + row * size * 4, size)
            copy(y, times * size, again - 1)
            row += 1

    return kernel
