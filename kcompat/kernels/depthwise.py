"""Depthwise convolution of images: several output pixels of a row at once, channels in vectors."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .intrinsics import as_f32, stack
from .places import find_pixels
from .shares import share_start
from .vectors import Vectors, constant


def _pixels_kernel(height: int, width: int, stride: int, pixels: int, lanes: int, streams: int) -> Any:
    across = (pixels - 1) * stride + width

    @intrinsic
    def run(context, table, weights, bias, y, to_residual, has_residual, channels, low, high):
        def codegen(context, builder, signature, args):
            table, weights, bias, y, to_residual, has_residual, channels, low, high = args
            emit = Vectors(builder, lanes)
            low, high = emit.splat(low), emit.splat(high)
            seen = [[emit.pointer(emit.word(table, across * i + j)) for j in range(across)] for i in range(height)]
            has_residual = builder.icmp_signed("!=", has_residual, constant(0))
            past_caches = emit.is_aligned(y) if streams else None
            with emit.chunks(channels) as channel:
                sums = [emit.load(emit.at(emit.pointer(bias), channel))] * pixels
                tap = emit.at(emit.pointer(weights), channel)
                for row in seen:
                    values = [emit.load(emit.at(pixel, channel)) for pixel in row]
                    for j in range(width):
                        weight = emit.load(tap)
                        tap = emit.at(tap, channels)
                        sums = [emit.fma(values[n * stride + j], weight, total) for n, total in enumerate(sums)]
                place = emit.at(emit.pointer(y), channel)
                for total in sums:
                    emit.store_sum(total, place, has_residual, to_residual, low, high, past_caches)
                    place = emit.at(place, channels)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32, types.float32), codegen

    return run


def images(height: int, width: int, stride: int, pixels: int, lanes: int, streams: int = 0) -> Any:
    """A window of height x width, `stride` from column to column, for `pixels` output pixels at once.

    streams: 1 if results are larger than caches and channels whole vectors.

    arguments: x, y, weights (taps, channels), bias, residual (like y) or 0, address of zeros for a pixel outside,
    images, input height and width, output height and width (at least `pixels`), channels (at least `lanes`), stride
    from row to row, pixels of padding above, on the left, bits of low, of high.
    """
    run, across = _pixels_kernel(height, width, stride, pixels, lanes, streams), (pixels - 1) * stride + width
    table_on_stack, find = stack(height * across), find_pixels(range(across))

    @njit(inline="always")
    def find_rows(table, a, image, top, left):
        step = a[11] * 4
        for i in range(height):
            row = a[0] + (image * a[7] + top + i) * a[8] * step
            find(table + across * i * 8, row, left, a[8] if 0 <= top + i < a[7] else 0, step, a[5])

    def kernel(a, thread, threads):
        table, rows = table_on_stack(), a[6] * a[9]
        row, end = share_start(rows, thread, threads), share_start(rows, thread + 1, threads)
        low, high = as_f32(a[15]), as_f32(a[16])
        while row < end:
            image, line = row // a[9], row % a[9]
            column = 0
            while column < a[10]:
                first = min(column, a[10] - pixels)
                find_rows(table, a, image, line * a[12] - a[13], first * stride - a[14])
                y = a[1] + (row * a[10] + first) * a[11] * 4
                run(table, a[2], a[3], y, a[4] - a[1], a[4], a[11], low, high)
                column += pixels
            row += 1

    return kernel
