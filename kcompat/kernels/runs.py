"""Steps that run again and again, each time on the next rows of what goes in and out."""

from __future__ import annotations

from typing import Any

from numba import njit

from .intrinsics import address_of, atomic_add, atomic_store, i64
from .shares import share_start
from .teamwork import sched_yield
from .walk import walk

TAKEN, FIRST, END, PLACES, COUNT = 0, 1, 2, 3, 4
FRAME = 5
"""Words of a frame in the table: whether a thread has it, its first step, end, what to place (address of the word,
number of the operand, offset), how many."""


@njit(inline="always")
def take(table):
    """The address of a frame that no other thread has."""
    frames, number = i64(table)[0], 0
    while atomic_add(table + 8 * (1 + FRAME * number), 1) != 0:
        atomic_add(table + 8 * (1 + FRAME * number), -1)
        number += 1
        if number == frames:
            number = 0
            sched_yield()
    return table + 8 * (1 + FRAME * number)


@njit(inline="always")
def place_operands(frame, operands, run):
    places = i64(frame[PLACES])
    for number in range(frame[COUNT]):
        operand = 2 * places[3 * number + 1]
        i64(places[3 * number])[0] = operands[operand] + run * operands[operand + 1] + places[3 * number + 2]


def runs() -> Any:
    """arguments: how many runs, a table (how many frames, then the words of each), then, for each operand and result,
    its address and bytes from run to run."""

    def kernel(a, thread, threads):
        run, end = share_start(a[0], thread, threads), share_start(a[0], thread + 1, threads)
        if run == end:
            return
        address = take(a[1])
        frame = i64(address)
        operands = i64(address_of(a) + 16)
        while run < end:
            place_operands(frame, operands, run)
            walk(frame[FIRST], frame[END])
            run += 1
        atomic_store(address, 0)

    return kernel
