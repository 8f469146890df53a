"""The walk over a program's steps, alone or with other threads that meet after each step."""

from __future__ import annotations

from typing import Any

from numba import njit, types

from .intrinsics import atomic_add, atomic_load, atomic_store, call_kernel, external, i64

sched_yield = external("sched_yield")
save_thread = external("PyEval_SaveThread", returns="i64")
restore_thread = external("PyEval_RestoreThread", "i64")
new_number = external("PyLong_FromLong", "i64", returns="i64")

OBJECT_HEADER = object.__basicsize__

SPINS = 4000
"""Turns a waiting thread spins before it yields: there may be fewer processors than threads."""

HEADER = 32
"""Bytes of a step before its arguments: its length, its kernel, whether several threads share it, whether all
meet after it."""


@njit(inline="always")
def wait_while_equal(address, value):
    """Return when the int64 at an address is another one."""
    turns = 0
    while atomic_load(address) == value:
        turns += 1
        if turns > SPINS:
            sched_yield()


@njit(inline="always")
def meet(barrier, threads):
    """Return when all threads have come here. The barrier is two int64: how many came, and the round."""
    turn = atomic_load(barrier + 8)
    if atomic_add(barrier, 1) == threads - 1:
        atomic_store(barrier, 0)
        atomic_store(barrier + 8, turn + 1)
    else:
        wait_while_equal(barrier + 8, turn)


@njit(inline="always")
def walk(step, end, barrier, thread, threads):
    """Run the steps between two addresses."""
    while step < end:
        head = i64(step)
        if threads == 1:
            call_kernel(head[1], step + HEADER, 0, 1)
        else:
            if head[2] != 0:
                call_kernel(head[1], step + HEADER, thread, threads)
            elif thread == 0:
                call_kernel(head[1], step + HEADER, 0, 1)
            if head[3] != 0:
                meet(barrier, threads)
        step += head[0]


@njit(inline="always")
def place_arrays(frame, objects):
    """Write the addresses of the caller's arrays into the steps: the first field of an ndarray is its data."""
    places = i64(frame[3])
    for number in range(frame[4]):
        data = i64(objects[places[3 * number + 1]] + frame[6])[0]
        i64(places[3 * number])[0] = data + places[3 * number + 2]


ROUND, FIRST, END, DONE, BARRIER, ASLEEP = 0, 8, 16, 24, 32, 48
"""Bytes into a team's words: the round, its first step and end, members that are done with it, the barrier (two
words), then a word for each member: whether it looks for rounds no more."""


def call() -> Any:
    """Runs a frame. Its words: first step, end, 0, what to place (address of the word, number of the array, offset),
    how many, addresses of the array objects, bytes of an object's header, the team that was told of it or 0."""

    def kernel(frame, _, threads):
        place_arrays(frame, i64(frame[5]))
        team = frame[7]
        if team == 0:
            walk(frame[0], frame[1], 0, 0, 1)
        else:
            meet(team + BARRIER, threads)
            walk(frame[0], frame[1], team + BARRIER, 0, threads)
            done = atomic_load(team + DONE)
            while done != threads - 1:
                wait_while_equal(team + DONE, done)
                done = atomic_load(team + DONE)

    return kernel


DATA, AXES, SIZES, DTYPE, FLAGS = 0, 1, 2, 5, 6
"""Words of an ndarray after its object header: PyArrayObject_fields, the same in NumPy 1 and 2."""


def quick_call() -> Any:
    """Called by Python as a built-in function of an input and an output array: runs a frame on them, without the
    GIL, if the input is what the frame takes. The function's own object is the int64 array `Frame.quick_words`.

    Returns a Python number: 1, or 0 if nothing was done or a kernel found the input wrong.
    """

    def kernel(own, arguments, count):
        frame = i64(own[OBJECT_HEADER // 8])
        objects = i64(arguments)
        array = i64(objects[0] + frame[6])
        sizes = i64(array[SIZES])
        fits = array[DTYPE] == frame[8] and (array[AXES] & 0xFFFFFFFF) == frame[9] and (array[FLAGS] & 1) != 0
        if fits:
            for axis in range(frame[9]):
                fits = fits and sizes[axis] == frame[10 + axis]
        if fits:
            state = save_thread()
            place_arrays(frame, objects)
            walk(frame[0], frame[1], 0, 0, 1)
            restore_thread(state)
            flag = i64(frame[7])
            fits = flag[0] == 0
            flag[0] = 0
        return new_number(1 if fits else 0)

    kernel.returns = types.int64  # type: ignore[attr-defined]
    return kernel


def announce() -> Any:
    """Tells a team of a round. arguments: the team, first step, end."""

    def kernel(a, _, __):
        words = i64(a[0])
        words[FIRST // 8], words[END // 8], words[DONE // 8] = a[1], a[2], 0
        atomic_add(a[0] + ROUND, 1)

    return kernel


def serve() -> Any:
    """A member of a team: walks with the others from round to round, until it has waited some turns in vain.

    arguments: the team, the round it has seen, turns. Returns with the round it has seen in the second, and
    then whoever announces a round finds it asleep.
    """

    def kernel(a, thread, threads):
        team, seen, turns = a[0], a[1], 0
        asleep = team + ASLEEP + 8 * (thread - 1)
        atomic_store(asleep, 0)
        while True:
            if atomic_load(team + ROUND) != seen:
                atomic_store(asleep, 0)
                seen += 1
                turns = 0
                words = i64(team)
                meet(team + BARRIER, threads)
                walk(words[FIRST // 8], words[END // 8], team + BARRIER, thread, threads)
                atomic_add(team + DONE, 1)
            elif atomic_load(asleep) != 0:
                break
            elif turns < a[2]:
                turns += 1
                if turns % SPINS == 0:
                    sched_yield()
            else:
                atomic_store(asleep, 1)
        a[1] = seen

    return kernel
