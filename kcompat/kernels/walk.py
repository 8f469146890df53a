"""The walk over a program's steps, alone or with a team."""

from __future__ import annotations

from typing import Any

from numba import njit, types

from .intrinsics import atomic_store, call_kernel, external, i64
from .pace import nanoseconds, note, shares
from .teamwork import BUSY, HEADER, MAX_PARTS, THREADS, enter, share

save_thread = external("PyEval_SaveThread", returns="i64")
restore_thread = external("PyEval_RestoreThread", "i64")
new_number = external("PyLong_FromLong", "i64", returns="i64")

OBJECT_HEADER = object.__basicsize__


@njit(inline="always")
def walk(step, end):
    """Run the steps between two addresses."""
    while step < end:
        head = i64(step)
        call_kernel(head[1], step + HEADER, 0, 1)
        step += head[0]


@njit(inline="always")
def walk_together(step, end, team):
    """Run the steps between two addresses, sharing those that may be divided if the team is free."""
    if team == 0 or not enter(team):
        walk(step, end)
        return
    threads = i64(team + THREADS)[0]
    while step < end:
        head = i64(step)
        if head[2] == 0:
            call_kernel(head[1], step + HEADER, 0, 1)
        else:
            share(team, step, min(head[2] * threads, MAX_PARTS), threads)
        step += head[0]
    atomic_store(team + BUSY, 0)


@njit(inline="always")
def walk_at_pace(step, end, team, pace):
    """Run the steps between two addresses, shared or alone, as has been quicker; shared if pace is 0."""
    is_tried = team != 0 and pace != 0
    start = nanoseconds(pace) if is_tried else 0
    walk_together(step, end, team if not is_tried or shares(pace) else 0)
    if is_tried:
        note(pace, nanoseconds(pace) - start)


@njit(inline="always")
def place_arrays(frame, objects):
    """Write the addresses of the caller's arrays into the steps: the first field of an ndarray is its data."""
    places = i64(frame[3])
    for number in range(frame[4]):
        data = i64(objects[places[3 * number + 1]] + frame[6])[0]
        i64(places[3 * number])[0] = data + places[3 * number + 2]


def call() -> Any:
    """Runs a frame. Its words: first step, end, a pace or 0, what to place (address of the word, number of the array,
    offset), how many, addresses of the array objects, bytes of an object's header, a team or 0."""

    def kernel(frame, _, __):
        place_arrays(frame, i64(frame[5]))
        walk_at_pace(frame[0], frame[1], frame[7], frame[2])

    return kernel


DATA, AXES, SIZES, DTYPE, FLAGS = 0, 1, 2, 5, 6
"""Words of an ndarray after its object header: PyArrayObject_fields, the same in NumPy 1 and 2."""


def quick_call() -> Any:
    """Called by Python as a built-in function of input and output arrays: runs a frame on them, without the GIL, if
    the inputs are what the frame takes. The function's own object is the int64 array `Frame.quick_words`.

    Returns a Python number: 1, or 0 if nothing was done or a kernel found the inputs wrong.
    """

    def kernel(own, arguments, count):
        frame = i64(own[OBJECT_HEADER // 8])
        objects = i64(arguments)
        fits, word = True, 11
        for number in range(frame[10]):
            array = i64(objects[number] + frame[6])
            rank = frame[word + 1]
            same = array[DTYPE] == frame[word] and (array[AXES] & 0xFFFFFFFF) == rank and (array[FLAGS] & 1) != 0
            if same:
                sizes = i64(array[SIZES])
                for axis in range(rank):
                    same = same and sizes[axis] == frame[word + 2 + axis]
            fits = fits and same
            word += 2 + rank
        if fits:
            state = save_thread()
            place_arrays(frame, objects)
            flag = i64(frame[8])
            walk(frame[0], frame[9])
            if flag[0] == 0:
                walk_at_pace(frame[9], frame[1], frame[7], frame[2])
            restore_thread(state)
            fits = flag[0] == 0
            flag[0] = 0
        return new_number(1 if fits else 0)

    kernel.returns = types.int64  # type: ignore[attr-defined]
    return kernel
