"""Classes: which are the largest, vectors of them, the cross-entropy of one."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import scalars
from .intrinsics import I32, f32, i32, i64, trailing_zeros
from .reductions import ORDERED, REASSOCIATED, Reduction
from .rows import WAYS
from .shares import share_start
from .vectors import constant

STEP = 16
"""Elements of which it is asked at once whether one is among the largest."""


class _Places(Reduction):
    """Emits where the largest or least is, the first of equals."""

    def __init__(self, builder: Any, lanes: int, op: str) -> None:
        super().__init__(builder, lanes, op.removeprefix("arg"))
        self.integers = ir.VectorType(I32, lanes)

    def hits(self, values: Any, best: Any) -> Any:
        """Bits that say which are NaN or, if none is, which are the best."""
        build = self.builder
        odd = self.bits(build.fcmp_unordered("uno", values, values))
        same = self.bits(build.fcmp_ordered("==", values, best))
        return build.select(build.icmp_signed("!=", odd, constant(0)), odd, same)

    def place_columns(self, y: Any, x: Any, count: Any, step: Any, width: Any) -> None:
        """As `columns`, the places of what that finds."""
        build = self.builder
        distance = build.sub(y, x)

        def strip(places: list[Any], mask: Any) -> None:
            held = self.accumulators(self.start, len(places))
            found = [cgutils.alloca_once(build, self.integers) for _ in places]
            addresses = [build.ptrtoint(place, x.type) for place in places]
            for address, best, at in zip(addresses, held, found, strict=True):
                build.store(self.load(self.pointer(address), mask), best)
                build.store(ir.Constant(self.integers, [0] * self.lanes), at)
            with cgutils.for_range_slice(build, constant(1), count, constant(1)) as (row, _):
                number = build.trunc(row, I32)
                for address, best, at in zip(addresses, held, found, strict=True):
                    new = self.load(self.pointer(build.add(address, build.mul(row, step))), mask)
                    self._take(new, self.splat_integer(number), best, at)
            for address, at in zip(addresses, found, strict=True):
                target = self.pointer(build.add(address, distance))
                self.store(build.bitcast(build.load(at), self.vector), target, mask)

        self.groups(self.pointer(x), width, strip, WAYS)

    def _take(self, new: Any, number: Any, best: Any, at: Any) -> None:
        build, held = self.builder, self.builder.load(best)
        better = build.fcmp_unordered(ORDERED[self.op], new, held)
        better = build.and_(better, build.fcmp_ordered("ord", held, held))
        build.store(build.select(better, new, held), best)
        build.store(build.select(better, number, build.load(at)), at)

    def splat_integer(self, scalar: Any) -> Any:
        undefined = ir.Constant(self.integers, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(first, undefined, ir.Constant(self.integers, [0] * self.lanes))


def _short_place(op: str, lanes: int) -> Any:
    """`place(x, count)` in a row of one vector."""

    @intrinsic
    def place(context, x, count):
        def codegen(context, builder, signature, args):
            emit = _Places(builder, lanes, op)
            values = emit.filled(emit.pointer(args[0]), emit.mask(args[1]), emit.start)
            return emit.hits(values, emit.total(values, emit.better))

        return types.int64(types.int64, types.int64), codegen

    return place


def _best_of(op: str, lanes: int) -> Any:
    """`best(x, count)` of a row."""

    @intrinsic
    def best(context, x, count):
        def codegen(context, builder, signature, args):
            emit = _Places(builder, lanes, op)
            return emit.first(emit.row(emit.pointer(args[0]), args[1]))

        return types.float32(types.int64, types.int64), codegen

    return best


def _hits_of(op: str, lanes: int) -> Any:
    """`hits(x, count, best)`: bits that say which of the first elements, one vector at most, are the best."""

    @intrinsic
    def hits(context, x, count, best):
        def codegen(context, builder, signature, args):
            emit, (x, count, best) = _Places(builder, lanes, op), args
            return emit.hits(emit.filled(emit.pointer(x), emit.mask(count), emit.start), emit.splat(best))

        return types.int64(types.int64, types.int64, types.float32), codegen

    return hits


def _columns_of(op: str, lanes: int) -> Any:
    """`columns(y, x, count, step, width)`."""

    @intrinsic
    def columns(context, y, x, count, step, width):
        def codegen(context, builder, signature, args):
            _Places(builder, lanes, op).place_columns(*args)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 5), codegen

    return columns


def largest(op: str, lanes: int) -> Any:
    """`y[outer, inner] = op over r of x[outer, r, inner]`, the first of equals, NaN before all; arguments: y (int32),
    x, outer, count, inner. op: "argmax" or "argmin"."""
    short, best_of, hits, columns = (make(op, lanes) for make in (_short_place, _best_of, _hits_of, _columns_of))

    @njit(inline="always")
    def place_of(x, count):
        if count <= lanes:
            return trailing_zeros(short(x, count))
        best, place = best_of(x, count), 0
        while True:
            found = hits(x + place * 4, count - place, best)
            if found != 0:
                return place + trailing_zeros(found)
            place += lanes

    def kernel(a, thread, threads):
        outer, count, inner = a[2], a[3], a[4]
        apart = inner if outer == 1 else outer
        at, end = share_start(apart, thread, threads), share_start(apart, thread + 1, threads)
        if outer == 1 and inner > 1:
            columns(a[0] + at * 4, a[1] + at * 4, count, inner * 4, end - at)
            return
        while at < end:
            x = a[1] + at * count * inner * 4
            if inner == 1:
                i32(a[0])[at] = place_of(x, count)
            else:
                columns(a[0] + at * inner * 4, x, count, inner * 4, inner)
            at += 1

    return kernel


def top() -> Any:
    """The `k` largest of each row, largest first, and their places; equals in the order they have, NaN
    before all. arguments: values, places (int32), x, rows, length, k."""

    @njit(inline="always")
    def is_less(x, y):
        return x < y or (y != y and x == x)

    @njit(inline="always")
    def is_after(values, places, one, other):
        """Whether an entry comes after another: of equals, the one whose place is further on."""
        x, y = values[one], values[other]
        return is_less(x, y) or (not is_less(y, x) and places[one] > places[other])

    @njit(inline="always")
    def swap(values, places, one, other):
        values[one], values[other] = values[other], values[one]
        places[one], places[other] = places[other], places[one]

    @njit(inline="always")
    def sink(values, places, node, size):
        """Restore a heap whose root is the last of all, from a node on."""
        child = 2 * node + 1
        while child < size:
            if child + 1 < size and is_after(values, places, child + 1, child):
                child += 1
            if not is_after(values, places, child, node):
                return
            swap(values, places, child, node)
            node, child = child, 2 * child + 1

    @njit(inline="always")
    def may_enter(x, first, bound):
        """Whether one of the next elements is more than a bound, or NaN."""
        found = 0
        for i in range(first, first + STEP):
            found |= not x[i] <= bound
        return found != 0

    @njit(inline="always")
    def row(values, places, x, length, k):
        for i in range(k):
            values[i], places[i] = x[i], i
        node = k // 2
        while node > 0:
            node -= 1
            sink(values, places, node, k)
        i = k
        while i < length:
            if i + STEP <= length and not may_enter(x, i, values[0]):
                i += STEP
                continue
            for at in range(i, min(i + STEP, length)):
                if is_less(values[0], x[at]):
                    values[0], places[0] = x[at], at
                    sink(values, places, 0, k)
            i += STEP
        size = k
        while size > 1:
            size -= 1
            swap(values, places, 0, size)
            sink(values, places, 0, size)

    def kernel(a, thread, threads):
        length, k = a[4], a[5]
        unit, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while unit < end:
            row(f32(a[0] + unit * k * 4), i32(a[1] + unit * k * 4), f32(a[2] + unit * length * 4), length, k)
            unit += 1

    return kernel


def one_hot(index: str) -> Any:
    """Rows of zeros with a one where an index is in [0, depth); arguments: y (float32), indices, count, depth."""
    read = i32 if index == "int32" else i64

    def kernel(a, thread, threads):
        indices, depth = read(a[1]), a[3]
        unit, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while unit < end:
            y, place = f32(a[0] + unit * depth * 4), indices[unit]
            for i in range(depth):
                y[i] = np.float32(0)
            if 0 <= place < depth:
                y[place] = np.float32(1)
            unit += 1

    return kernel


def cross_entropy(index: str) -> Any:
    """`y[i] = -log(softmax(x[i]))[labels[i]]`; sets the flag for a label outside [0, classes).

    arguments: y, labels, x, rows, classes, flag.
    """
    read = i32 if index == "int32" else i64

    @njit(inline="always")
    def surprise(x, label, classes):
        best, total = np.float32(-np.inf), np.float32(0)
        for i in range(classes):
            best = scalars.maximum(best, x[i])
        for i in range(classes):
            total += scalars.bounded_exp(x[i] - best)
        return scalars.log(total) - (x[label] - best)

    def kernel(a, thread, threads):
        y, labels, classes = f32(a[0]), read(a[1]), a[4]
        row, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while row < end:
            label = labels[row]
            if 0 <= label < classes:
                y[row] = surprise(f32(a[2] + row * classes * 4), label, classes)
            else:
                i64(a[5])[0] = 1
            row += 1

    kernel.fastmath = REASSOCIATED  # type: ignore[attr-defined]
    return kernel
