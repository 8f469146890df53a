"""Depthwise convolution of images with fewer channels than a vector has."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import as_f32
from .shares import share_start
from .vectors import Vectors, constant
from .windows import end_tap, first_tap


def _pixel(lanes: int) -> Any:
    """`pixel(x, weights, bias, y, residual, rows, columns, row_step, column_step, weight_step, channels, low, high)`:
    steps in bytes; residual: its address or 0; weight_step: from row to row of the window."""

    @intrinsic
    def pixel(
        context, x, weights, bias, y, residual, rows, columns, row_step, column_step, weight_step, channels, low, high
    ):  # fmt: skip
        def codegen(context, builder, signature, args):
            x, weights, bias, y, residual = args[:5]
            rows, columns, row_step, column_step, weight_step, channels, low, high = args[5:]
            emit = Vectors(builder, lanes)
            mask, tap_step = emit.mask(channels), builder.mul(channels, constant(4))

            def at(address: Any, index: Any, step: Any) -> Any:
                return builder.add(address, builder.mul(index, step))

            total = cgutils.alloca_once_value(builder, emit.load(emit.pointer(bias), mask))
            with cgutils.for_range(builder, rows) as row:
                line, taps = at(x, row.index, row_step), at(weights, row.index, weight_step)
                with cgutils.for_range(builder, columns) as column:
                    value = emit.load(emit.pointer(at(line, column.index, column_step)), mask)
                    weight = emit.load(emit.pointer(at(taps, column.index, tap_step)), mask)
                    builder.store(emit.fma(value, weight, builder.load(total)), total)
            with builder.if_then(builder.icmp_signed("!=", residual, constant(0))):
                builder.store(builder.fadd(builder.load(total), emit.load(emit.pointer(residual), mask)), total)
            result = emit.clamp(builder.load(total), emit.splat(low), emit.splat(high))
            emit.store(result, emit.pointer(y), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 11, types.float32, types.float32), codegen

    return pixel


def images(lanes: int) -> Any:
    """As `windows.depthwise`, of two spatial axes at most and at most `lanes` channels."""
    pixel = _pixel(lanes)

    @njit(inline="always")
    def one(a, image, row, column, top, h0, h1):
        channels, left = a[3], column * a[15]
        w0, w1 = first_tap(left, a[18], a[21]), end_tap(left, a[18], a[21], a[6], a[12])
        at = ((image * a[5] + top - a[17] + h0 * a[20]) * a[6] + left - a[18] + w0 * a[21]) * channels
        place = ((image * a[8] + row) * a[9] + column) * channels * 4
        pixel(
            a[0] + at * 4, a[22] + (h0 * a[12] + w0) * channels * 4, a[23], a[1] + place,
            a[24] + place if a[24] != 0 else 0, h1 - h0, w1 - w0, a[20] * a[6] * channels * 4, a[21] * channels * 4,
            a[12] * channels * 4, channels, as_f32(a[25]), as_f32(a[26]),
        )  # fmt: skip

    def kernel(a, thread, threads):
        rows = a[2] * a[8]
        line, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        while line < end:
            image, row = line // a[8], line % a[8]
            top = row * a[14]
            h0, h1 = first_tap(top, a[17], a[20]), end_tap(top, a[17], a[20], a[5], a[11])
            for column in range(a[9]):
                one(a, image, row, column, top, h0, h1)
            line += 1

    return kernel
