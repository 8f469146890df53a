"""Pooling of images: a vector of channels of an output pixel at a time, held in a register."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import F32
from .shares import share_start
from .vectors import Vectors, constant
from .windows import end_tap, first_tap


class _Window(Vectors):
    """Emits the sum or the largest of the elements of a window."""

    def __init__(self, builder: Any, mode: str, lanes: int) -> None:
        super().__init__(builder, lanes)
        self.is_max = mode == "max"
        neutral = self.number(float("-inf") if self.is_max else 0.0)
        self.totals = [cgutils.alloca_once_value(builder, neutral) for _ in range(2)]
        self.odd = cgutils.alloca_once_value(builder, self.number(0.0))

    def start(self) -> None:
        for total in self.totals:
            self.builder.store(self.number(float("-inf") if self.is_max else 0.0), total)
        self.builder.store(self.number(0.0), self.odd)

    def add(self, values: list[Any]) -> None:
        """One or two vectors: each into a total of its own, so that neither waits for the other."""
        build = self.builder
        for value, total in zip(values, self.totals, strict=False):
            held = build.load(total)
            larger = build.select(build.fcmp_ordered(">", value, held), value, held)
            build.store(larger if self.is_max else build.fadd(held, value), total)
        if self.is_max:
            is_odd = build.fcmp_unordered("uno", values[0], values[-1])
            build.store(build.select(is_odd, self.number(float("nan")), build.load(self.odd)), self.odd)

    def result(self, divisor: Any) -> Any:
        build = self.builder
        one, other = (build.load(total) for total in self.totals)
        if not self.is_max:
            return build.fdiv(build.fadd(one, other), self.splat(divisor))
        return build.fadd(build.select(build.fcmp_ordered(">", one, other), one, other), build.load(self.odd))


def _window(mode: str, lanes: int, few: int) -> Any:
    """`window(x, y, rows, columns, row_step, column_step, channels, divisor)`: one output pixel; steps in bytes."""

    @intrinsic
    def window(context, x, y, rows, columns, row_step, column_step, channels, divisor):
        def codegen(context, builder, signature, args):
            x, y, rows, columns, row_step, column_step, channels, divisor = args
            emit = _Window(builder, mode, lanes)
            pairs, rest = builder.sdiv(columns, constant(2)), builder.srem(columns, constant(2))
            with emit.runs(channels, bool(few)) as (channel, mask):
                emit.start()
                first = builder.add(x, builder.mul(channel, constant(4)))
                with cgutils.for_range(builder, rows) as row:
                    start = builder.add(first, builder.mul(row.index, row_step))

                    def value(number: Any) -> Any:
                        return emit.load(emit.pointer(builder.add(start, builder.mul(number, column_step))), mask)

                    with cgutils.for_range(builder, pairs) as pair:
                        column = builder.mul(pair.index, constant(2))
                        emit.add([value(column), value(builder.add(column, constant(1)))])
                    with builder.if_then(builder.icmp_signed(">", rest, constant(0))):
                        emit.add([value(builder.sub(columns, constant(1)))])
                emit.store(emit.result(divisor), emit.at(emit.pointer(y), channel), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32), codegen

    return window


def _whole_window(mode: str, lanes: int, few: int, rows: int, columns: int) -> Any:
    """`whole(x, y, row_step, column_step, channels)`: one output pixel of a window of known size."""

    @intrinsic
    def whole(context, x, y, row_step, column_step, channels):
        def codegen(context, builder, signature, args):
            x, y, row_step, column_step, channels = args
            emit = _Window(builder, mode, lanes)
            with emit.runs(channels, bool(few)) as (channel, mask):
                emit.start()
                first, values = builder.add(x, builder.mul(channel, constant(4))), []
                for row in range(rows):
                    start = builder.add(first, builder.mul(constant(row), row_step))
                    places = [builder.add(start, builder.mul(constant(n), column_step)) for n in range(columns)]
                    values += [emit.load(emit.pointer(place), mask) for place in places]
                for number in range(0, len(values), 2):
                    emit.add(values[number : number + 2])
                divisor = ir.Constant(F32, float(rows * columns))
                emit.store(emit.result(divisor), emit.at(emit.pointer(y), channel), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return whole


def images(mode: str, lanes: int, few: int = 0, rows: int = 0, columns: int = 0) -> Any:
    """arguments: GEOMETRY, of two spatial axes at most, then whether averages count the padding.

    Padding never wins a maximum; NaN does. few: 1 for less than `lanes` channels. rows, columns:
    of the window, if it is known: unless it leaves the image, it is no loop."""
    window, whole = _window(mode, lanes, few), _whole_window(mode, lanes, few, rows, columns)

    @njit(inline="always")
    def pixel(a, image, row, column, y):
        h, w, channels = row * a[14], column * a[15], a[3]
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        at = ((image * a[5] + h - a[17] + h0 * a[20]) * a[6] + w - a[18] + w0 * a[21]) * channels
        row_step, column_step = a[20] * a[6] * channels * 4, a[21] * channels * 4
        if rows > 0 and h1 - h0 == rows and w1 - w0 == columns:
            whole(a[0] + at * 4, y, row_step, column_step, channels)
            return
        count = a[11] * a[12] if a[22] != 0 else (h1 - h0) * (w1 - w0)
        window(a[0] + at * 4, y, h1 - h0, w1 - w0, row_step, column_step, channels, np.float32(count))

    def kernel(a, thread, threads):
        lines = a[2] * a[8]
        row, end = share_start(lines, thread, threads), share_start(lines, thread + 1, threads)
        while row < end:
            image = row // a[8]
            for column in range(a[9]):
                pixel(a, image, row - image * a[8], column, a[1] + (row * a[9] + column) * a[3] * 4)
            row += 1

    return kernel
