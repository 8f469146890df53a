"""Whether threads are to share a call that is soon done: found by trying.

What sharing costs differs from machine to machine, and on virtual processors from minute to minute; results have the
same bits either way. A frame's pace is int64 words, 0 in the beginning:

    ALONE    whether calls are not shared, as of the last trial
    CALLS    how many there were since then
    REST     how many come before the next trial
    USUAL    the least time of the last calls before the trial, in nanoseconds; 0: none yet
    TRIAL    the least time in the trial
    LOST     the time of all calls in the trial
    CLOCK    a timespec of the C library
"""

from __future__ import annotations

from numba import njit

from .intrinsics import external, i64

ALONE, CALLS, REST, USUAL, TRIAL, LOST, CLOCK = 0, 1, 2, 3, 4, 5, 6

TRIES = 3
"""Calls that are made the other way in a trial, and as many before it that they are compared with; the first of
them, which finds its data in other caches, does not count."""

GAIN = 0.9
"""Of the time before: what the other way must not exceed to be kept."""

FIRST_REST, COST = 8, 50
"""Calls before the next trial once the way has changed, and how many times as long as a trial, and as what it lost,
the rest is to take in the end: it doubles with each trial that changes nothing."""

TIME_UTC = 1
"""A name of the C standard, and the only clock of it that all C libraries have."""

read_clock = external("timespec_get", "i64", "i64")


@njit
def nanoseconds(pace):
    """The time of the clock."""
    read_clock(pace + 8 * CLOCK, TIME_UTC)
    return i64(pace)[CLOCK] * 1_000_000_000 + i64(pace)[CLOCK + 1]


@njit
def rest_of(words):
    return words[REST] if words[REST] > FIRST_REST else FIRST_REST


@njit
def shares(pace):
    """Whether the coming call is to be shared."""
    words = i64(pace)
    return (words[ALONE] == 0) == (words[CALLS] < rest_of(words))


@njit
def least(known, time):
    return time if known == 0 or time < known else known


@njit
def note(pace, time):
    """The call took so many nanoseconds."""
    words = i64(pace)
    tried = words[CALLS] - rest_of(words)
    words[CALLS] += 1
    if -TRIES <= tried < 0:
        words[USUAL] = least(words[USUAL], time)
    elif tried >= 0:
        words[LOST] += time
        if tried > 0:
            words[TRIAL] = least(words[TRIAL], time)
        if tried == TRIES - 1:
            settle(words)


@njit
def settle(words):
    """Keep the quicker way until the next trial."""
    rest, usual = rest_of(words), words[USUAL]
    if words[TRIAL] < GAIN * usual:
        words[ALONE] = 1 - words[ALONE]
        words[REST] = FIRST_REST
    elif rest < COST * TRIES or rest * usual < COST * (words[LOST] - TRIES * usual):
        words[REST] = 2 * rest
    words[CALLS] = words[USUAL] = words[TRIAL] = words[LOST] = 0
