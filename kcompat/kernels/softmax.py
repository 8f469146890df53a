"""The softmax of rows in vector registers."""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

from . import scalars
from .intrinsics import I32, f32, stack
from .rows import Rows
from .shares import share_start
from .vectors import constant

TOGETHER = 16
_LEAST = float("-inf")


class _Exponentials(Rows):
    """Emits what becomes of a row of exponents."""

    def exp(self, x: Any) -> Any:
        """As `scalars.bounded_exp`, of numbers that are not positive."""
        build, integers = self.builder, ir.VectorType(I32, self.lanes)
        x = self.maximum(self.number(-88.0), x)
        shifted = self.fma(x, self.number(scalars.LOG2E), self.number(scalars.WHOLE))
        r = self.fma(build.fsub(shifted, self.number(scalars.WHOLE)), self.number(-scalars.LN2), x)
        highest, *coefficients = map(self.number, scalars.EXP)
        p = highest
        for coefficient in coefficients:
            p = self.fma(p, r, coefficient)
        power = build.shl(build.bitcast(shifted, integers), ir.Constant(integers, [23] * self.lanes))
        power = build.add(power, ir.Constant(integers, [0x3F800000] * self.lanes))
        return build.fmul(p, build.bitcast(power, self.vector))

    def largest(self, row: Any, count: Any) -> Any:
        return self.fold(row, count, _LEAST, lambda place, mask: self.filled(place, mask, _LEAST), self.maximum)

    def powers(self, row: Any, count: Any, best: Any, target: Any = None) -> Any:
        """The sum of exp(x - best); each is stored where `target` says for its place, if it is given."""

        def power(place: Any, mask: Any) -> Any:
            y = self.exp(self.builder.fsub(self.filled(place, mask, _LEAST), best))
            if target is not None:
                self.store(y, target(place), mask)
            return y if mask is None else self.builder.select(mask, y, self.number(0.0))

        return self.fold(row, count, 0.0, power, self.builder.fadd, 2)

    def at_same(self, row: Any, other: Any) -> Any:
        """A function from places in a row to those in another."""
        build = self.builder
        distance = build.sub(other, build.ptrtoint(row, other.type))
        return lambda place: self.pointer(build.add(build.ptrtoint(place, other.type), distance))

    def softmax(self, y: Any, x: Any, count: Any) -> None:
        row = self.pointer(x)
        best, target = self.largest(row, count), self.at_same(row, y)
        total = self.powers(row, count, best, target)
        inverse = self.builder.fdiv(self.number(1.0), total)

        def scale(place: Any, mask: Any) -> None:
            self.store(self.builder.fmul(self.load(place, mask), inverse), place, mask)

        self.each(self.pointer(y), count, scale)

    def short_powers(self, x: Any, mask: Any) -> tuple[Any, Any]:
        """Of a row of one vector: the largest in every lane, and the powers, zeros beyond."""
        values = self.filled(self.pointer(x), mask, _LEAST)
        best = self.total(values, self.maximum)
        powers = self.exp(self.builder.fsub(values, best))
        return best, self.builder.select(mask, powers, self.number(0.0))

    def short_softmax(self, y: Any, x: Any, count: Any) -> None:
        """Of a row of one vector, which stays in a register."""
        mask = self.mask(count)
        _, powers = self.short_powers(x, mask)
        total = self.total(powers, self.builder.fadd)
        self.store(self.builder.fdiv(powers, total), self.pointer(y), mask)


@cache
def softmax_row(lanes: int) -> Any:
    """`softmax(y, x, count)`: of so many elements at an address; y may be x."""

    @intrinsic
    def softmax(context, y, x, count):
        def codegen(context, builder, signature, args):
            emit, (y, x, count) = _Exponentials(builder, lanes), args
            with builder.if_else(builder.icmp_signed("<=", count, constant(lanes))) as (short, long):
                with short:
                    emit.short_softmax(y, x, count)
                with long:
                    emit.softmax(y, x, count)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return softmax


def _sums_of(lanes: int) -> Any:
    """`sums(x, count, best, total)`: the largest of a row, and the sum of exp(x - largest), each to an address."""

    @intrinsic
    def sums(context, x, count, best, total):
        def codegen(context, builder, signature, args):
            emit, (x, count, best, total) = _Exponentials(builder, lanes), args

            def leave(largest: Any, powers: Any) -> None:
                builder.store(emit.first(largest), emit.pointer(best))
                builder.store(emit.first(powers), emit.pointer(total))

            with builder.if_else(builder.icmp_signed("<=", count, constant(lanes))) as (short, long):
                with short:
                    largest, powers = emit.short_powers(x, emit.mask(count))
                    leave(largest, emit.total(powers, builder.fadd))
                with long:
                    row = emit.pointer(x)
                    largest = emit.largest(row, count)
                    leave(largest, emit.powers(row, count, largest))
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.int64), codegen

    return sums


def _less_both(lanes: int) -> Any:
    """`less(y, x, count, one, other)`: x - one - other."""

    @intrinsic
    def less(context, y, x, count, one, other):
        def codegen(context, builder, signature, args):
            emit, (y, x, count, one, other) = _Exponentials(builder, lanes), args
            row, one, other = emit.pointer(x), emit.splat(one), emit.splat(other)
            target = emit.at_same(row, y)

            def shift(place: Any, mask: Any) -> None:
                emit.store(builder.fsub(builder.fsub(emit.load(place, mask), one), other), target(place), mask)

            emit.each(row, count, shift)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.float32, types.float32), codegen

    return less


def rows(log: int, lanes: int) -> Any:
    """softmax of rows, or its logarithm; arguments: y, x, rows, length of a row."""
    return _log_rows(lanes) if log else _plain_rows(lanes)


def _plain_rows(lanes: int) -> Any:
    softmax = softmax_row(lanes)

    def kernel(a, thread, threads):
        at, end, step = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads), a[3] * 4
        while at < end:
            softmax(a[0] + at * step, a[1] + at * step, a[3])
            at += 1

    return kernel


def _log_rows(lanes: int) -> Any:
    """Some rows at a time, of whose sums the logarithms are taken together."""
    sums, less, sums_on_stack = _sums_of(lanes), _less_both(lanes), stack(TOGETHER)

    @njit(inline="always")
    def block(a, best, first, count):
        totals, step = best + TOGETHER * 4, a[3] * 4
        for row in range(count):
            sums(a[1] + (first + row) * step, a[3], best + row * 4, totals + row * 4)
        largest, total = f32(best), f32(totals)
        for row in range(TOGETHER):
            total[row] = scalars.log(total[row])
        for row in range(count):
            at = (first + row) * step
            less(a[0] + at, a[1] + at, a[3], largest[row], total[row])

    def kernel(a, thread, threads):
        at, end, best = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads), sums_on_stack()
        while at < end:
            block(a, best, at, min(TOGETHER, end - at))
            at += TOGETHER

    return kernel
