"""Single elements and slices, by index: taken, and put where they belong."""

from __future__ import annotations

from typing import Any

from numba import njit

from . import scalars
from .intrinsics import f32, i32, i64, u8, u32
from .shares import share_start

CHUNK = 64
"""Elements of a run that a thread scatters together."""

_READ = {"int32": i32, "int64": i64}
_MEMORY = {1: u8, 4: u32, 8: i64}


def gather(index: str, size: int) -> Any:
    """`y[o, i, n] = x[o, indices[o, i, n], n]`; sets the flag for an index outside [0, length).

    index: "int32" or "int64". size: bytes of an element. arguments: y, x, indices, outer, count, length, inner, flag.
    """
    read, memory = _READ[index], _MEMORY[size]

    def kernel(a, thread, threads):
        y, x, indices = memory(a[0]), memory(a[1]), read(a[2])
        count, length, inner = a[4], a[5], a[6]
        unit, end = share_start(a[3] * count, thread, threads), share_start(a[3] * count, thread + 1, threads)
        while unit < end:
            origin, first = unit // count * length * inner, unit * inner
            for n in range(inner):
                place = indices[first + n]
                if 0 <= place < length:
                    y[first + n] = x[origin + place * inner + n]
                else:
                    i64(a[7])[0] = 1
            unit += 1

    return kernel


_COMBINE = {
    "none": njit(lambda old, new: new, inline="always"),
    "add": njit(lambda old, new: old + new, inline="always"),
    "mul": njit(lambda old, new: old * new, inline="always"),
    "max": scalars.maximum,
    "min": scalars.minimum,
}


def scatter(index: str, size: int, reduction: str) -> Any:
    """y is x, but `y[o, indices[o, i, n], n]` is combined with `updates[o, i, n]`, in the order of i; sets the flag for
    an index outside [-length, length). Elements are float32 unless the reduction is "none".

    arguments: y, x, indices, updates, outer, count, length, inner, flag. Threads share the elements of the inner axis.
    """
    read, memory = _READ[index], _MEMORY[size] if reduction == "none" else f32
    combine = _COMBINE[reduction]

    @njit(inline="always")
    def put(y, x, indices, updates, a, first, end):
        """Columns [first, end) of one of the outer indices."""
        count, length, inner = a[5], a[6], a[7]
        for row in range(length):
            for n in range(row * inner + first, row * inner + end):
                y[n] = x[n]
        for i in range(count):
            for n in range(first, end):
                place = indices[i * inner + n]
                place += length if place < 0 else 0
                if 0 <= place < length:
                    at = place * inner + n
                    y[at] = combine(y[at], updates[i * inner + n])
                else:
                    i64(a[8])[0] = 1

    def kernel(a, thread, threads):
        count, length, inner = a[5], a[6], a[7]
        chunks = (inner + CHUNK - 1) // CHUNK
        unit, end = share_start(a[4] * chunks, thread, threads), share_start(a[4] * chunks, thread + 1, threads)
        while unit < end:
            outer = unit // chunks
            first = (unit - outer * chunks) * CHUNK
            whole, given = outer * length * inner * size, outer * count * inner
            put(
                memory(a[0] + whole), memory(a[1] + whole), read(a[2] + given * (4 if index == "int32" else 8)),
                memory(a[3] + given * size), a, first, min(first + CHUNK, inner),
            )  # fmt: skip
            unit += 1

    return kernel


AXES = 8
"""That a tuple of indices can name."""


def _place(index: str) -> Any:
    """`place(a, first, indices, row)`: where the slice begins that a row of indices names, in elements; -1 if an index
    is outside [-size, size). From a[first] on: how many axes a row names, then size and stride of each."""
    read = _READ[index]

    @njit(inline="always")
    def place(a, first, indices, row):
        names, total = read(indices), 0
        for axis in range(a[first]):
            at, size = names[row * a[first] + axis], a[first + 1 + 2 * axis]
            at += size if at < 0 else 0
            if not 0 <= at < size:
                return -1
            total += at * a[first + 2 + 2 * axis]
        return total

    return place


def gather_slices(index: str, size: int) -> Any:
    """`y[b, i] = x[b][indices[b, i]]`, slices of `run` elements; sets the flag for an index outside.

    arguments: y, x, indices, rows, rows of one b, elements of one b, run, flag, then as `_place` reads.
    """
    memory, place = _MEMORY[size], _place(index)

    def kernel(a, thread, threads):
        x, y, run = memory(a[1]), memory(a[0]), a[6]
        row, end = share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)
        while row < end:
            at = place(a, 8, a[2], row)
            if at < 0:
                i64(a[7])[0] = 1
            else:
                at += row // a[4] * a[5]
                for n in range(run):
                    y[row * run + n] = x[at + n]
            row += 1

    return kernel


def scatter_slices(index: str, size: int, reduction: str) -> Any:
    """y is x, but the slices that rows of indices name are combined with those of the updates, in order; sets the flag
    for an index outside. Elements are float32 unless the reduction is "none".

    arguments: y, x, indices, updates, rows, elements of x, run, flag, then as `_place` reads. Threads share the
    elements of runs.
    """
    memory, place = _MEMORY[size] if reduction == "none" else f32, _place(index)
    combine = _COMBINE[reduction]

    def kernel(a, thread, threads):
        y, x, updates, run = memory(a[0]), memory(a[1]), memory(a[3]), a[6]
        first, end = share_start(run, thread, threads), share_start(run, thread + 1, threads)
        for number in range(a[5] // run):
            for n in range(number * run + first, number * run + end):
                y[n] = x[n]
        for row in range(a[4]):
            at = place(a, 8, a[2], row)
            if at < 0:
                i64(a[7])[0] = 1
            else:
                for n in range(first, end):
                    y[at + n] = combine(y[at + n], updates[row * run + n])

    return kernel


def argsort(descending: int) -> Any:
    """The places that put rows of float32 in order, equals in the order they have, NaN as if larger than all.

    arguments: places (int32), x, rows, length, scratch of `length` int32 for each of `slots` threads, slots.
    """

    @njit(inline="always")
    def comes_later(x, y):
        """Whether an x that stands before y is to stand behind it."""
        if descending:
            return x < y or (y != y and x == x)
        return x > y or (x != x and y == y)

    @njit(inline="always")
    def insert(places, x, first, end):
        for i in range(first + 1, end):
            place, at = places[i], i
            while at > first and comes_later(x[places[at - 1]], x[place]):
                places[at] = places[at - 1]
                at -= 1
            places[at] = place

    @njit(inline="always")
    def merge(target, source, x, first, middle, end):
        left, right = first, middle
        for at in range(first, end):
            takes_right = left == middle or (right < end and comes_later(x[source[left]], x[source[right]]))
            if takes_right:
                target[at] = source[right]
                right += 1
            else:
                target[at] = source[left]
                left += 1

    @njit(inline="always")
    def order(places, spare, x, length):
        for i in range(length):
            places[i] = i
        width = 16
        for first in range(0, length, width):
            insert(places, x, first, min(first + width, length))
        while width < length:
            for first in range(0, length, 2 * width):
                merge(spare, places, x, first, min(first + width, length), min(first + 2 * width, length))
            for i in range(length):
                places[i] = spare[i]
            width *= 2

    def kernel(a, thread, threads):
        workers, length = min(threads, a[5]), a[3]
        if thread >= workers:
            return
        row, end = share_start(a[2], thread, workers), share_start(a[2], thread + 1, workers)
        while row < end:
            order(i32(a[0] + row * length * 4), i32(a[4] + thread * length * 4), f32(a[1] + row * length * 4), length)
            row += 1

    return kernel
