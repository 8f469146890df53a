"""Transposed matrices of 4-byte elements: squares of vectors are turned in registers, few columns taken apart or put
together there."""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .panels import turn_square
from .shares import share_start
from .vectors import Vectors, constant

AXES = 6


def put_together(emit: Vectors, sources: list[Any]) -> list[Any]:
    """The vectors in which the elements of others come in turn."""
    count, lanes = len(sources), emit.lanes
    results = []
    for number in range(count):
        places = [divmod(number * lanes + lane, count) for lane in range(lanes)]
        results.append(picked(emit, sources, [(source, place) for place, source in places]))
    return results


def _apart(emit: Vectors, sources: list[Any]) -> list[Any]:
    """The inverse of `put_together`."""
    count = len(sources)
    return [
        picked(emit, sources, [divmod(lane * count + number, emit.lanes) for lane in range(emit.lanes)])
        for number in range(count)
    ]


def picked(emit: Vectors, sources: list[Any], places: list[tuple[int, int]]) -> Any:
    """A vector of lanes of others, each as (which, lane)."""
    first, *others = dict.fromkeys(which for which, _ in places)
    result, held = sources[first], [lane for _, lane in places]
    for other in others:
        lanes = [emit.lanes + lane if which == other else held[n] for n, (which, lane) in enumerate(places)]
        result, held = emit.pick(result, sources[other], lanes), list(range(emit.lanes))
    return result


def _few_rows(count: int, lanes: int, joins: int) -> Any:
    """`move(target, source, step)`: `count` vectors, `step` bytes apart, become one run of elements, or the inverse."""

    @intrinsic
    def move(context, target, source, step):
        def codegen(context, builder, signature, args):
            target, source, step = args
            emit = Vectors(builder, lanes)

            def places(address: Any, step: Any) -> list[Any]:
                return [emit.pointer(builder.add(address, builder.mul(step, constant(n)))) for n in range(count)]

            run = constant(4 * lanes)
            values = [emit.load(place) for place in places(source, step if joins else run)]
            results = put_together(emit, values) if joins else _apart(emit, values)
            for value, place in zip(results, places(target, run if joins else step), strict=True):
                emit.store(value, place)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), codegen

    return move


@njit(inline="always")
def _start(a, matrix, side):
    """Where a matrix begins in the target (side 0) or the source (1)."""
    place, axis = a[side], AXES - 1
    while axis >= 0:
        size = a[6 + 3 * axis]
        if size != 1:
            outer = matrix // size
            place += (matrix - outer * size) * a[7 + 3 * axis + side]
            matrix = outer
        axis -= 1
    return place


def _by_blocks(long: int, lanes: int, one: Any) -> Any:
    """The kernel that does all blocks of `lanes` along a matrix's rows or columns (argument `long`) with
    `one(a, target, source, first)`; the last block overlaps the one before it."""

    def kernel(a, thread, threads):
        length, matrices = a[long], 1
        for axis in range(AXES):
            matrices *= a[6 + 3 * axis]
        blocks = (length + lanes - 1) // lanes
        unit = share_start(matrices * blocks, thread, threads)
        end = share_start(matrices * blocks, thread + 1, threads)
        while unit < end:
            matrix = unit // blocks
            target, source = _start(a, matrix, 0), _start(a, matrix, 1)
            block = unit - matrix * blocks
            while block < blocks and unit < end:
                one(a, target, source, min(block * lanes, length - lanes))
                block, unit = block + 1, unit + 1

    return kernel


def turn(lanes: int) -> Any:
    """`target[row, column] = source[column, row]` of many matrices, with at least `lanes` rows and columns.

    arguments: target, source, rows, columns, bytes from row to row of the target, from column to column of the source;
    then for each of AXES axes of matrices: size, bytes from one to the next in the target, and in the source.
    """
    square = turn_square(lanes)

    @njit(inline="always")
    def one(a, target, source, row):
        column = 0
        while column < a[3]:
            first = min(column, a[3] - lanes)
            square(target + row * a[4] + first * 4, source + first * a[5] + row * 4, a[4] // 4, a[5])
            column += lanes

    return _by_blocks(2, lanes, one)


def few(count: int, lanes: int, joins: int) -> Any:
    """As `turn`, of `count` columns that fill the rows of the target (joins) or rows that fill the source's columns."""
    move = _few_rows(count, lanes, joins)

    @njit(inline="always")
    def one(a, target, source, first):
        if joins:
            move(target + first * a[4], source + first * 4, a[5])
        else:
            move(target + first * 4, source + first * a[5], a[4])

    return _by_blocks(2 if joins else 3, lanes, one)
