"""Depthwise convolution of images of bytes, finished as the products of `integer_product`."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .integer_micro import COUNT, EXACT, SEGMENTS, START, WEIGHTS, Finish
from .intrinsics import I64, address_of
from .shares import share_start
from .vectors import constant


class Window(Finish):
    """Emits the pixels of a run of channels: the weights of the taps stay in registers, if they are so many."""

    def __init__(self, builder: Any, words: Any, channels: Any, lanes: int, taps: int, signed: bool) -> None:
        super().__init__(builder, words, lanes)
        self.channels, self.taps, self.signed = channels, taps, signed

    def prepare(self, channel: Any, mask: Any) -> None:
        """What all pixels have in common for the channels from one on."""
        build = self.builder
        self.channel, self.mask_of = channel, mask
        self.begin = self.less_zero(channel, self.argument(START), self.given_zero(self.signed, False), mask)
        self.weights = [self._weights(constant(tap)) for tap in range(self.taps)]
        self.offsets = [self._offset(constant(tap)) for tap in range(self.taps)]
        self.sum = cgutils.alloca_once(build, self.whole)

    def _weights(self, tap: Any) -> Any:
        row = self.builder.mul(tap, self.channels)
        return self.of_column(self.argument(WEIGHTS), self.builder.add(row, self.channel), self.whole, self.mask_of)

    def _offset(self, tap: Any) -> Any:
        address = self.builder.add(self.argument(SEGMENTS), self.builder.mul(tap, constant(8)))
        return self.builder.add(self.read(address, I64, 8), self.channel)

    def pixel(self, x: Any) -> Any:
        """The sums of the pixel whose window begins at an address."""
        build = self.builder
        if self.taps:
            total = self.begin
            for weights, offset in zip(self.weights, self.offsets, strict=True):
                total = build.add(total, build.mul(self._input(build.add(x, offset)), weights))
            return total
        build.store(self.begin, self.sum)
        with cgutils.for_range(build, self.argument(COUNT)) as tap:
            value = self._input(build.add(x, self._offset(tap.index)))
            build.store(build.add(build.load(self.sum), build.mul(value, self._weights(tap.index))), self.sum)
        return build.load(self.sum)

    def _input(self, address: Any) -> Any:
        value = self.read(address, self.bytes, 1)
        return self.builder.sext(value, self.whole) if self.signed else self.builder.zext(value, self.whole)


def _row(lanes: int, taps: int, result: str, signed: bool, few: bool) -> Any:
    """`row(words, x, y, offsets, pixels, channels)`: pixels whose windows begin at offsets from x, one after another
    in y."""
    size = 1 if result == "byte" else 4

    @intrinsic
    def row(context, words, x, y, offsets, pixels, channels):
        def codegen(context, builder, signature, args):
            words, x, y, offsets, pixels, channels = args
            emit = Window(builder, words, channels, lanes, taps, signed)
            with emit.runs(channels, few) as (channel, mask):
                emit.prepare(channel, mask)
                scales = emit.scales(channel, result, mask)
                with cgutils.for_range(builder, pixels) as pixel:
                    place = builder.add(offsets, builder.mul(pixel.index, constant(8)))
                    total = emit.pixel(builder.add(x, emit.read(place, I64, 8)))
                    at = builder.add(builder.mul(pixel.index, channels), channel)
                    value = emit.finished(total, scales, result)
                    emit.put(value, builder.add(y, builder.mul(at, constant(size))), mask)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return row


def pixels(lanes: int, taps: int, result: str, signed: int, few: int = 0) -> Any:
    """Each channel convolved with its own kernel.

    arguments: as of `integer_product.tiles` as far as `integer_micro` names them, weights being int32 (taps, channels)
    and segments the taps' offsets in bytes; then pixels in all, channels, pixels of an image, where these begin, bytes
    of an image, pixels of a part. taps: how many there are if their weights stay in registers, else 0. signed: 1 if x
    is. few: 1 for less than `lanes` channels, behind which memory can be read.
    """
    row, size = _row(lanes, taps, result, bool(signed), bool(few)), 1 if result == "byte" else 4

    @njit(inline="always")
    def part(a, first, end):
        while first < end:
            image = first // a[18]
            pixel = first - image * a[18]
            count = min(end - first, a[18] - pixel)
            y = a[3] + first * a[17] * size
            row(address_of(a), a[0] + image * a[20], y, a[19] + 8 * pixel, count, a[17])
            first += count

    def kernel(a, thread, threads):
        parts = (a[16] + a[21] - 1) // a[21]
        unit, end = share_start(parts, thread, threads), share_start(parts, thread + 1, threads)
        part(a, unit * a[21], min(end * a[21], a[16]))

    kernel.fastmath = EXACT  # type: ignore[attr-defined]
    return kernel
