"""Convolutions of few filters: sums along the input of a pixel, whose elements fill the vectors."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import F32, I64, as_f32, f32, i64, stack
from .shares import share_start
from .vectors import Vectors, constant

PIXELS = 4
"""Output pixels for which weights are read once."""


def _dots(filters: int, lanes: int, rest: int) -> Any:
    """`dots(table, segments, count, chunks, weights, sums)`: for PIXELS addresses in a table, the sums of products of
    their runs with each filter's weights. rest: elements of a run beyond its whole vectors."""

    def total(emit: Vectors, value: Any) -> Any:
        kind = ir.FunctionType(F32, [F32, emit.vector])
        function = emit.intrinsic(f"llvm.vector.reduce.fadd.v{lanes}f32", kind)
        return emit.builder.call(function, [ir.Constant(F32, 0.0), value], fastmath=("reassoc",))

    @intrinsic
    def dots(context, table, segments, count, chunks, weights, sums):
        def codegen(context, builder, signature, args):
            table, segments, count, chunks, weights, sums = args
            emit = Vectors(builder, lanes)
            pixels = [emit.pointer(emit.word(table, number)) for number in range(PIXELS)]
            totals = [[cgutils.alloca_once_value(builder, emit.number(0.0)) for _ in range(filters)] for _ in pixels]
            place = cgutils.alloca_once_value(builder, emit.pointer(weights))
            offsets = builder.inttoptr(segments, I64.as_pointer())

            def add(at: Any, mask: Any = None) -> None:
                panel = builder.load(place)
                factors = [emit.load(emit.at(panel, constant(number * lanes))) for number in range(filters)]
                for pixel, row in zip(pixels, totals, strict=True):
                    value = emit.load(emit.at(pixel, at), mask)
                    for factor, sum_ in zip(factors, row, strict=True):
                        builder.store(emit.fma(value, factor, builder.load(sum_)), sum_)
                builder.store(emit.at(panel, constant(filters * lanes)), place)

            with cgutils.for_range(builder, count) as segment:
                offset = builder.load(builder.gep(offsets, [segment.index]))
                with cgutils.for_range(builder, chunks) as chunk:
                    add(builder.add(offset, builder.mul(chunk.index, constant(lanes))))
                if rest:
                    whole = builder.add(offset, builder.mul(chunks, constant(lanes)))
                    add(whole, emit.mask(constant(rest)))
            target = emit.pointer(sums)
            for number, sum_ in enumerate(sum_ for row in totals for sum_ in row):
                builder.store(total(emit, builder.load(sum_)), emit.at(target, constant(number)))
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return dots


def pixels(filters: int, lanes: int, rest: int) -> Any:
    """`y = clamp(x * w + bias + residual, low, high)` for images with `filters` channels last.

    arguments: x, weights, bias, y, residual or 0, rows, output pixels of an image, offsets of their inputs, elements
    of an input image, segments, their count, whole vectors of a segment, bits of low, of high. weights: for each
    segment and vector of it, each filter's, with zeros behind the `rest` last elements.
    """
    dots = _dots(filters, lanes, rest)
    table_on_stack, sums_on_stack = stack(PIXELS), stack(PIXELS * filters)

    @njit(inline="always")
    def find(table, a, first, end):
        places, offsets = i64(table), i64(a[7])
        for number in range(PIXELS):
            row = min(first + number, end - 1)
            image = row // a[6]
            places[number] = a[0] + (image * a[8] + offsets[row - image * a[6]]) * 4

    @njit(inline="always")
    def finish(a, sums, first, count):
        y, bias, total = f32(a[3] + first * filters * 4), f32(a[2]), f32(sums)
        residual, low, high = f32(a[4] + first * filters * 4), as_f32(a[12]), as_f32(a[13])
        for number in range(count):
            for c in range(filters):
                i = number * filters + c
                value = total[i] + bias[c]
                if a[4] != 0:
                    value += residual[i]
                value = low if value < low else value
                y[i] = high if value > high else value

    def kernel(a, thread, threads):
        table, sums = table_on_stack(), sums_on_stack()
        row, end = share_start(a[5], thread, threads), share_start(a[5], thread + 1, threads)
        while row < end:
            find(table, a, row, end)
            dots(table, a[9], a[10], a[11], a[1], sums)
            finish(a, sums, row, min(PIXELS, end - row))
            row += PIXELS

    return kernel
