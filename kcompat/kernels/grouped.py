"""Convolution in groups of few channels: groups lie side by side in the lanes of a vector.

A lane needs the channels of its own group, so a vector of neighbouring channels is permuted, once for each channel of
a group. What comes of it serves all taps across that see the pixel.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I32, I64, as_f32, stack
from .places import find_pixels
from .shares import share_start
from .vectors import Vectors, constant

REGISTERS = {16: 32, 8: 16, 4: 16}
"""Vectors that a processor with so many lanes has at the least."""

SPARE = 2
"""Registers for what is neither a sum nor a weight."""


class Form(NamedTuple):
    """What the code of a kernel depends on.

    channels, filters: of a group. groups: in a vector, each `slots` lanes. vectors: of a group, if it has a vector to
    itself. width, stride, dilation: of the window along a row. pixels: of a row that are computed at once.
    """

    channels: int
    filters: int
    groups: int
    slots: int
    vectors: int
    width: int
    stride: int
    dilation: int
    pixels: int
    registers: int

    @property
    def lanes(self) -> int:
        return self.groups * self.slots // self.vectors

    @property
    def places(self) -> list[int]:
        """Which pixels are seen, counted from the first one."""
        seen = {p * self.stride + j * self.dilation for p in range(self.pixels) for j in range(self.width)}
        return sorted(seen)

    def readers(self, place: int) -> Iterator[tuple[int, int]]:
        """The output pixels that see a place, and through which tap."""
        for tap in range(self.width):
            pixel, rest = divmod(place - tap * self.dilation, self.stride)
            if rest == 0 and 0 <= pixel < self.pixels:
                yield pixel, tap

    @property
    def together(self) -> int:
        """Channels of a group whose weights stay in registers while pixels pass."""
        free = self.registers - self.pixels * self.vectors - SPARE
        return max(1, free // (self.width * self.vectors))

    @property
    def block(self) -> int:
        """Channels of each group that are loaded at once."""
        return min(self.channels, self.together if self.groups == 1 else self.slots)


class Pixels(Vectors):
    """Emits the sums of some pixels of a row for the groups of a vector."""

    def __init__(self, builder: Any, form: Form) -> None:
        super().__init__(builder, form.lanes)
        self.form = form
        self.sums = [
            [cgutils.alloca_once(builder, self.vector) for _ in range(form.vectors)] for _ in range(form.pixels)
        ]

    def each_sum(self, change: Callable[[Any, int], Any]) -> None:
        """Let every sum be what a function makes of it and the number of its vector."""
        for row in self.sums:
            for number, place in enumerate(row):
                self.builder.store(change(self.builder.load(place), number), place)

    def part(self, address: Any, number: int) -> Any:
        """The vector of a number at an address."""
        return self.load(self.at(self.pointer(address), constant(number * self.lanes)))

    def start(self, bias: Any, scale: Any) -> None:
        """Sums begin as the bias, or as zeros if they are to be scaled."""
        is_scaled = self.builder.icmp_signed("!=", scale, constant(0))
        first = [
            self.builder.select(is_scaled, self.number(0.0), self.part(bias, number))
            for number in range(self.form.vectors)
        ]
        self.each_sum(lambda _, number: first[number])

    def scale(self, bias: Any, scale: Any) -> None:
        """Multiply sums by their factors, if there are any, and add the bias."""
        with self.builder.if_then(self.builder.icmp_signed("!=", scale, constant(0))):
            self.each_sum(lambda total, number: self.fma(total, self.part(scale, number), self.part(bias, number)))

    def add_row(self, table: Any, first: Any, weights: Any) -> None:
        """Add what a row of the window sees: the addresses of its pixels in a table, the first channel, and the place
        of a pointer to the weights, which is moved on."""
        form = self.form
        whole, rest = divmod(form.channels, form.block)
        with cgutils.for_range(self.builder, constant(whole)) as block:
            channel = self.builder.add(first, self.builder.mul(block.index, constant(form.block)))
            self._add_block(table, channel, weights, form.block)
        if rest:
            self._add_block(table, self.builder.add(first, constant(whole * form.block)), weights, rest)

    def _add_block(self, table: Any, channel: Any, weights: Any, count: int) -> None:
        for begin in range(0, count, self.form.together):
            part = range(begin, min(begin + self.form.together, count))
            taps = [[self._next_weights(weights) for _ in range(self.form.width)] for _ in part]
            for number, place in enumerate(self.form.places):
                pixel = self.at(self.pointer(self.word(table, number)), channel)
                values = self._of_groups(pixel, part, count)
                for output, tap in self.form.readers(place):
                    for value, factors in zip(values, taps, strict=True):
                        for total, factor in zip(self.sums[output], factors[tap], strict=True):
                            self.builder.store(self.fma(value, factor, self.builder.load(total)), total)

    def _next_weights(self, weights: Any) -> list[Any]:
        place = self.builder.load(weights)
        loaded = [self.load(self.at(place, constant(n * self.lanes))) for n in range(self.form.vectors)]
        self.builder.store(self.at(place, constant(self.form.vectors * self.lanes)), weights)
        return loaded

    def _of_groups(self, pixel: Any, channels: range, count: int) -> list[Any]:
        """Some of the `count` channels that a block of each group has: vectors of each lane's own."""
        form = self.form
        if form.groups == 1:
            return [self.splat(self.builder.load(self.at(pixel, constant(channel)))) for channel in channels]
        if count == form.channels:
            whole = Vectors(self.builder, form.groups * count).load(pixel)
        else:
            emit = Vectors(self.builder, count)
            parts = [emit.load(self.at(pixel, constant(g * form.channels))) for g in range(form.groups)]
            while len(parts) > 1:
                parts = [self._joined(*pair) for pair in zip(parts[::2], parts[1::2], strict=True)]
            (whole,) = parts
        own = [lane // form.slots * count for lane in range(self.lanes)]
        return [self._shuffled(whole, whole, [first + channel for first in own]) for channel in channels]

    def _joined(self, one: Any, other: Any) -> Any:
        return self._shuffled(one, other, list(range(2 * one.type.count)))

    def _shuffled(self, one: Any, other: Any, lanes: list[int]) -> Any:
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(I32, len(lanes)), lanes))

    def finish(self, y: Any, step: Any, to_residual: Any, has_residual: Any, low: Any, high: Any) -> None:
        """Store the sums, without the lanes between groups, `step` elements from pixel to pixel; the residual, if there
        is one, is so many bytes from there."""
        with self.builder.if_else(has_residual) as (yes, no):
            with yes:
                self._store(y, step, to_residual, low, high)
            with no:
                self._store(y, step, None, low, high)

    def _store(self, y: Any, step: Any, to_residual: Any, low: Any, high: Any) -> None:
        form, build = self.form, self.builder
        used = [g * form.slots + f for g in range(form.groups) for f in range(min(form.filters, self.lanes))]
        emit = Vectors(build, len(used))
        low, high, pixel = emit.splat(low), emit.splat(high), self.pointer(y)
        for row in self.sums:
            for number, place in enumerate(row):
                total, target = build.load(place), self.at(pixel, constant(number * self.lanes))
                if len(used) < self.lanes:
                    total = self._shuffled(total, total, used)
                if to_residual is not None:
                    other = build.add(build.ptrtoint(target, I64), to_residual)
                    total = build.fadd(total, emit.load(emit.pointer(other)))
                emit.store(emit.clamp(total, low, high), target)
            pixel = self.at(pixel, step)


def _run(form: Form, rows: int) -> Any:
    """`run(table, channel, weights, bias, scale, y, step, to_residual, residual, low, high)`: pixels of a row, from a
    table of what each row of the window sees."""

    @intrinsic
    def run(context, table, channel, weights, bias, scale, y, step, to_residual, residual, low, high):
        def codegen(context, builder, signature, args):
            table, channel, weights, bias, scale, y, step, to_residual, residual, low, high = args
            emit = Pixels(builder, form)
            emit.start(bias, scale)
            place = cgutils.alloca_once_value(builder, emit.pointer(weights))
            with cgutils.for_range(builder, constant(rows)) as row:
                seen = builder.add(table, builder.mul(row.index, constant(8 * len(form.places))))
                emit.add_row(seen, channel, place)
            emit.scale(bias, scale)
            has_residual = builder.icmp_signed("!=", residual, constant(0))
            emit.finish(y, step, to_residual, has_residual, low, high)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 9, types.float32, types.float32), codegen

    return run


ARGUMENTS = (
    "x", "y", "weights", "bias", "scale", "residual", "zeros",  # addresses; scale, residual 0 for none
    "images", "depth", "height", "width", "out_depth", "out_height", "out_width",
    "channels", "filters", "groups",  # of the whole convolution
    "window_depth", "window_height", "stride_depth", "stride_height", "dilation_depth", "dilation_height",
    "low_depth", "low_height", "low_width",  # padding
    "parts", "together",  # vectors of groups, and how many of them run while their weights stay in a cache
    "low", "high",  # bits of float32
)  # fmt: skip
"""The arguments in order. zeros: as many as channels. weights: for each part, row of the window, channel of a group
and tap across, a vector for the filters of its groups; bias and scale: for each part a vector. The last part overlaps
the one before it, so there must be groups for one part at least."""


def images(
    channels: int,
    filters: int,
    groups: int,
    slots: int,
    vectors: int,
    rows: int,
    width: int,
    stride: int,
    dilation: int,
    pixels: int,
    lanes: int,
) -> Any:
    """`y = clamp(conv(x, w) * scale + bias + residual, low, high)`, channels last.

    rows: of the window, those of all its planes. pixels: at most those of a row of y. lanes: the processor's; others as
    in `Form`.
    """
    form = Form(channels, filters, groups, slots, vectors, width, stride, dilation, pixels, REGISTERS[lanes])
    run, find, across = _run(form, rows), find_pixels(form.places), len(form.places)
    table_on_stack, held = stack(rows * across), groups * slots
    weights_step = rows * channels * width * held * 4

    @njit(inline="always")
    def find_rows(table, a, line, left):
        """Where the rows of the window see pixels."""
        image, rest = line // (a[11] * a[12]), line % (a[11] * a[12])
        top, front = rest % a[12] * a[20] - a[24], rest // a[12] * a[19] - a[23]
        step = a[14] * 4
        for d in range(a[17]):
            plane = front + d * a[21]
            for h in range(a[18]):
                row = top + h * a[22]
                inside = 0 <= plane < a[8] and 0 <= row < a[9]
                start = a[0] + ((image * a[8] + plane) * a[9] + row) * a[10] * step
                find(table + (d * a[18] + h) * across * 8, start, left, a[10] if inside else 0, step, a[6])

    @njit(inline="always")
    def run_parts(table, a, pixel, part, end):
        low, high = as_f32(a[28]), as_f32(a[29])
        while part < end:
            group = min(part * groups, a[16] - groups)
            factors = a[4] + part * held * 4 if a[4] != 0 else 0
            y = a[1] + (pixel * a[15] + group * filters) * 4
            run(
                table, group * channels, a[2] + part * weights_step, a[3] + part * held * 4, factors, y, a[15],
                a[5] - a[1], a[5], low, high,
            )  # fmt: skip
            part += 1

    def kernel(a, thread, threads):
        table = table_on_stack()
        lines = a[7] * a[11] * a[12]
        units = (a[26] + a[27] - 1) // a[27] * lines
        unit, end = share_start(units, thread, threads), share_start(units, thread + 1, threads)
        while unit < end:
            first, line, column = unit // lines * a[27], unit % lines, 0
            while column < a[13]:
                left = min(column, a[13] - pixels)
                find_rows(table, a, line, left * stride - a[25])
                run_parts(table, a, line * a[13] + left, first, min(first + a[27], a[26]))
                column += pixels
            unit += 1

    return kernel
