"""What training adds to Winograd's convolution: kernels that change at every step, and the gradient by the kernel.

Of y = At ((G g Gt) * (Bt d B)) A, the gradient by g is Gt ((Bt d B) * (A dy At)) G, summed over all tiles: at each of
the 36 places that sum is a product of two matrices.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .intrinsics import f32, i64, stack
from .shares import share_start
from .winograd import IN, OUT, Transform

KERNEL = 3


def _kernel_transform(lanes: int) -> Any:
    @intrinsic
    def transform(context, source, target, step, width):
        def codegen(context, builder, signature, args):
            source, target, step, width = args
            emit = Transform(builder, lanes)
            with emit.chunks(width) as column:
                taps = emit.load_square(KERNEL, emit.at(emit.pointer(source), column), width)
                emit.store_rows(emit.both_ways(emit.of_kernel, taps), emit.at(emit.pointer(target), column), step)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.int64), codegen

    return transform


def kernels(lanes: int, vectors: int) -> Any:
    """G g Gt in panels of vectors * lanes filters: `u[place, panel, channel, column]`, zeros beyond the filters.

    arguments: u, w (3, 3, channels, filters), channels, filters, elements from place to place in u.
    """
    transform, width = _kernel_transform(lanes), vectors * lanes
    taps_on_stack = stack(KERNEL * KERNEL * width // 2)

    @njit(inline="always")
    def gather(taps, a, channel, first):
        filled = min(width, a[3] - first)
        for tap in range(KERNEL * KERNEL):
            y, x = f32(taps + tap * width * 4), f32(a[1] + ((tap * a[2] + channel) * a[3] + first) * 4)
            for column in range(filled):
                y[column] = x[column]
            for column in range(filled, width):
                y[column] = 0

    def kernel(a, thread, threads):
        taps, count = taps_on_stack(), (a[3] + width - 1) // width * a[2]
        unit, end = share_start(count, thread, threads), share_start(count, thread + 1, threads)
        while unit < end:
            gather(taps, a, unit % a[2], unit // a[2] * width)
            transform(taps, a[0] + unit * width * 4, a[4], width)
            unit += 1

    return kernel


def _output_transform(lanes: int) -> Any:
    @intrinsic
    def transform(context, table, target, panel, width, step, channels):
        def codegen(context, builder, signature, args):
            table, target, panel, width, step, channels = args
            emit = Transform(builder, lanes)
            pixels = [[emit.pointer(emit.word(table, OUT * i + j)) for j in range(OUT)] for i in range(OUT)]
            with emit.chunks(channels) as channel:
                seen = [[emit.load(emit.at(pixel, channel)) for pixel in row] for row in pixels]
                number = builder.sdiv(channel, width)
                column = builder.sub(channel, builder.mul(number, width))
                place = emit.at(emit.at(emit.pointer(target), builder.mul(number, panel)), column)
                emit.store_rows(emit.both_ways(emit.of_output, seen), place, step)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return transform


def outputs(lanes: int) -> Any:
    """A dy At of every tile in panels: `v[place, panel, tile, column]`.

    arguments: dy, v, address of zeros for a pixel outside, images, height, width, filters (whole vectors), tiles down,
    tiles across, columns of a panel (whole vectors), elements from place to place in v.
    """
    transform, table_on_stack = _output_transform(lanes), stack(OUT * OUT)

    @njit(inline="always")
    def find_pixels(table, a, tile):
        pixels = i64(table)
        image, rest = tile // (a[7] * a[8]), tile % (a[7] * a[8])
        top, left = rest // a[8] * OUT, rest % a[8] * OUT
        for i in range(OUT):
            row = a[0] + ((image * a[4] + top + i) * a[5] + left) * a[6] * 4
            for j in range(OUT):
                pixels[OUT * i + j] = row + j * a[6] * 4 if top + i < a[4] and left + j < a[5] else a[2]

    def kernel(a, thread, threads):
        table, tiles = table_on_stack(), a[3] * a[7] * a[8]
        tile, end = share_start(tiles, thread, threads), share_start(tiles, thread + 1, threads)
        while tile < end:
            find_pixels(table, a, tile)
            transform(table, a[1] + tile * a[9] * 4, tiles * a[9], a[9], a[10], a[6])
            tile += 1

    return kernel


def _gradient_transform(lanes: int) -> Any:
    @intrinsic
    def transform(context, source, step, target, to_next, channels):
        def codegen(context, builder, signature, args):
            source, step, target, to_next, channels = args
            emit = Transform(builder, lanes)
            with emit.chunks(channels) as channel:
                sums = emit.load_square(IN, emit.at(emit.pointer(source), channel), step)
                emit.store_rows(emit.both_ways(emit.to_kernel, sums), emit.at(emit.pointer(target), channel), to_next)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return transform


def gradient(lanes: int) -> Any:
    """Gt m G of the sums `m[place, channel, filter]`.

    arguments: m, the gradient (3, 3, channels, filters), channels, filters (at least `lanes`).
    """
    transform = _gradient_transform(lanes)

    def kernel(a, thread, threads):
        size = a[2] * a[3]
        channel, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while channel < end:
            offset = channel * a[3] * 4
            transform(a[0] + offset, size, a[1] + offset, size, a[3])
            channel += 1

    return kernel
