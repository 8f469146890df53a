"""Reductions along the middle of three axes."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import f32
from .rows import Rows
from .shares import share_start
from .vectors import constant

ROWS = 2
"""Rows that are added to sums of their own: as many in all columns, whichever thread has them."""

REASSOCIATED = {"contract", "nsz", "reassoc"}
"""A sum along a row may be split into as many sums as vectors have lanes: the same ones in every run."""

ORDERED = {"max": ">", "min": "<"}
_START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": float("-inf"), "min": float("inf")}


class Reduction(Rows):
    """Emits sums, products, or the largest or least, which NaN is before all."""

    def __init__(self, builder: Any, lanes: int, op: str) -> None:
        super().__init__(builder, lanes)
        self.op, self.start = op, _START[op]

    def join(self, new: Any, held: Any) -> Any:
        better = self.better(new, held)
        if self.op not in ORDERED:
            return better
        return self.builder.select(self.builder.fcmp_unordered("uno", new, new), new, better)

    def better(self, new: Any, held: Any) -> Any:
        """As `join`, of numbers: NaN in `new` does not win."""
        build = self.builder
        if self.op == "prod":
            return build.fmul(new, held)
        if self.op not in ORDERED:
            return build.fadd(new, held)
        return build.select(build.fcmp_ordered(ORDERED[self.op], new, held), new, held)

    def row(self, row: Any, count: Any) -> Any:
        """The reduction of a row, in every lane."""
        if self.op not in ORDERED:
            return self.fold(row, count, self.start, self._filled, self.better)
        truths = ir.VectorType(ir.IntType(1), self.lanes)
        odd = cgutils.alloca_once(self.builder, truths)
        self.builder.store(ir.Constant(truths, None), odd)

        def step(place: Any, mask: Any) -> Any:
            value = self._filled(place, mask)
            is_odd = self.builder.fcmp_unordered("uno", value, value)
            self.builder.store(self.builder.or_(is_odd, self.builder.load(odd)), odd)
            return value

        best = self.fold(row, count, self.start, step, self.better)
        has_odd = self.builder.icmp_signed("!=", self.bits(self.builder.load(odd)), constant(0))
        return self.builder.select(has_odd, self.number(float("nan")), best)

    def _filled(self, place: Any, mask: Any) -> Any:
        return self.filled(place, mask, self.start)

    def columns(self, y: Any, x: Any, count: Any, step: Any, width: Any, divisor: Any) -> None:
        """Of `count` rows, `step` bytes apart, each of `width` elements: vectors of them in registers."""
        build = self.builder
        distance = build.sub(y, x)

        def strip(places: list[Any], mask: Any) -> None:
            held = self.accumulators(self.start, ROWS * len(places))
            addresses = [build.ptrtoint(place, x.type) for place in places]
            together = build.mul(build.sdiv(count, constant(ROWS)), constant(ROWS))

            def add(row: Any, way: int) -> None:
                for number, address in enumerate(addresses):
                    into = held[number * ROWS + way]
                    new = self.load(self.pointer(build.add(address, build.mul(row, step))), mask)
                    build.store(self.join(new, build.load(into)), into)

            with cgutils.for_range_slice(build, constant(0), together, constant(ROWS)) as (first, _):
                for way in range(ROWS):
                    add(build.add(first, constant(way)), way)
            with cgutils.for_range_slice(build, together, count, constant(1)) as (row, _):
                add(row, 0)
            for number, address in enumerate(addresses):
                result = self.joined([build.load(at) for at in held[number * ROWS : (number + 1) * ROWS]], self.join)
                result = build.fdiv(result, self.splat(divisor)) if self.op == "mean" else result
                self.store(result, self.pointer(build.add(address, distance)), mask)

        self.groups(self.pointer(x), width, strip, self.lanes // 2)


def _row_of(op: str, lanes: int) -> Any:
    """`row(x, count)`: the reduction of a row at an address."""

    @intrinsic
    def row(context, x, count):
        def codegen(context, builder, signature, args):
            emit = Reduction(builder, lanes, op)
            return emit.first(emit.row(emit.pointer(args[0]), args[1]))

        return types.float32(types.int64, types.int64), codegen

    return row


def columns_of(op: str, lanes: int) -> Any:
    """`columns(y, x, count, step, width, divisor)`."""

    @intrinsic
    def columns(context, y, x, count, step, width, divisor):
        def codegen(context, builder, signature, args):
            Reduction(builder, lanes, op).columns(*args)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5, types.float32), codegen

    return columns


def reduce(op: str, lanes: int) -> Any:
    """`y[outer, inner] = op over r of x[outer, r, inner]`; arguments: y, x, outer, count, inner."""
    row, columns, is_mean = _row_of(op, lanes), columns_of(op, lanes), op == "mean"

    @njit(inline="always")
    def rows(y, x, first, end, count):
        divisor = np.float32(count)
        for at in range(first, end):
            total = row(x + at * count * 4, count)
            f32(y)[at] = total / divisor if is_mean else total

    def kernel(a, thread, threads):
        outer, count, inner = a[2], a[3], a[4]
        apart = inner if outer == 1 else outer
        at, end = share_start(apart, thread, threads), share_start(apart, thread + 1, threads)
        if inner == 1:
            rows(a[0], a[1], at, end, count)
        elif outer == 1:
            columns(a[0] + at * 4, a[1] + at * 4, count, inner * 4, end - at, np.float32(count))
        else:
            while at < end:
                x = a[1] + at * count * inner * 4
                columns(a[0] + at * inner * 4, x, count, inner * 4, inner, np.float32(count))
                at += 1

    return kernel
