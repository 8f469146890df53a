"""Steps that run again and again, each time on the next rows of what goes in and out."""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import address_of, atomic_add, atomic_store, i64
from .shares import share_start
from .teamwork import sched_yield
from .walk import walk

FIRST, END, PLACES, COUNT = 0, 1, 2, 3
FRAME = 4
"""Words of a frame: its first step, end, what to place (address of the word, number of the operand, offset), how
many."""


@njit(inline="always")
def take(table, part, parts):
    """The address of what no other thread has: a word that says so, then a frame for each kind of run. Neighbouring
    parts, which a thread mostly does, begin to look at the same place: what is there is in its cache."""
    threads, size = i64(table)[0], 1 + FRAME * i64(table)[1]
    number = part * threads // parts
    while atomic_add(table + 8 * (2 + size * number), 1) != 0:
        atomic_add(table + 8 * (2 + size * number), -1)
        number += 1
        if number == threads:
            number = 0
            sched_yield()
    return table + 8 * (2 + size * number)


@njit(inline="always")
def place_operands(frame, operands, offsets):
    places = i64(frame[PLACES])
    for number in range(frame[COUNT]):
        operand = places[3 * number + 1]
        i64(places[3 * number])[0] = operands[operand] + offsets[operand] + places[3 * number + 2]


def runs() -> Any:
    """arguments: how many runs, frames (for how many threads, how many kinds, then those of each), what each run is
    where it is the first of a thread and where it is not (its kind, then the offset of each operand and result), how
    many operands and results, the address of each."""

    def kernel(a, thread, threads):
        run, end = share_start(a[0], thread, threads), share_start(a[0], thread + 1, threads)
        if run == end:
            return
        taken = take(a[1], thread, threads)
        operands, words, is_first = i64(address_of(a) + 32), 8 * (1 + a[3]), 1
        while run < end:
            row = a[2] + (2 * run + 1 - is_first) * words
            frame = i64(taken + 8 * (1 + FRAME * i64(row)[0]))
            place_operands(frame, operands, i64(row + 8))
            walk(frame[FIRST], frame[END])
            run += 1
            is_first = 0
        atomic_store(taken, 0)

    return kernel
