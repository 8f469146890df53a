"""How threads share a step: its parts are claimed one by one, so that nobody waits for a thread that has not come.

A team's words, from its address:

    TICKET   the number of the shared step at hand (high half), and a bit for each of its parts that is claimed or
             does not exist (low half); all set where there is nothing to do
    STEP     its address
    PARTS    how many parts it has
    DONE     how many of them members have done
    BUSY     whether a call has the team
    CALLS    how often sleepers were woken
    SLEEPERS how many members sleep
    THREADS  how many threads there are, the caller included; members from this number on return
    MUTEX, WOKEN  a mutex and a condition variable of the C library
"""

from __future__ import annotations

from numba import njit

from .intrinsics import (
    atomic_add,
    atomic_load,
    atomic_store,
    call_kernel,
    compare_exchange,
    external,
    i64,
    pause,
    trailing_zeros,
)
from .shares import share_start

TICKET, STEP, PARTS, DONE, BUSY, CALLS, SLEEPERS, THREADS, MUTEX, WOKEN = 0, 8, 16, 64, 128, 136, 144, 152, 192, 320

MAX_PARTS = 32
CLAIMED = (1 << MAX_PARTS) - 1

TURNS = 1000
"""Turns a waiting thread pauses before it yields: there may be fewer processors than threads."""

HEADER = 24
"""Bytes of a step before its arguments: its length, its kernel, into how many parts for each thread it may be
divided, or 0."""

sched_yield = external("sched_yield")
lock_mutex = external("pthread_mutex_lock", "i64")
unlock_mutex = external("pthread_mutex_unlock", "i64")
wait_for_condition = external("pthread_cond_wait", "i64", "i64")
wake_all = external("pthread_cond_broadcast", "i64")


@njit(inline="always")
def claimed_part(team, thread, threads):
    """A part of the step at hand for this thread to do, or -1. Threads begin at different parts, and at the same
    ones in every step: what they wrote in the last is in their cache."""
    ticket = atomic_load(team + TICKET)
    free = ~ticket & CLAIMED
    if free == 0:
        return -1
    own = free & (CLAIMED << share_start(i64(team + PARTS)[0], thread, threads))
    part = trailing_zeros(own if own != 0 else free)
    if compare_exchange(team + TICKET, ticket, ticket | (1 << part)):
        return part
    return -1


@njit(inline="always")
def run_part(team, part):
    """Do a claimed part."""
    step = i64(team + STEP)[0]
    call_kernel(i64(step)[1], step + HEADER, part, i64(team + PARTS)[0])


@njit(inline="always")
def share(team, step, parts, threads):
    """Run a step with those members of a team that come, and return when all of it is done."""
    ticket = atomic_load(team + TICKET)
    i64(team + STEP)[0], i64(team + PARTS)[0] = step, parts
    atomic_store(team + DONE, 0)
    atomic_store(team + TICKET, (((ticket >> MAX_PARTS) + 1) << MAX_PARTS) | (CLAIMED & (CLAIMED << parts)))
    left = parts
    while atomic_load(team + TICKET) & CLAIMED != CLAIMED:
        part = claimed_part(team, 0, threads)
        if part >= 0:
            run_part(team, part)
            left -= 1
    turns = 0
    while atomic_load(team + DONE) != left:
        pause()
        turns += 1
        if turns > TURNS:
            sched_yield()


@njit(inline="always")
def enter(team):
    """Have the team's members for a call, until its word BUSY is zero again; False if there are none, or another
    call has them."""
    if i64(team + THREADS)[0] == 1 or not compare_exchange(team + BUSY, 0, 1):
        return False
    wake(team)
    return True


@njit(inline="always")
def wake(team):
    """Wake those members that sleep."""
    if atomic_load(team + SLEEPERS) != 0:
        lock_mutex(team + MUTEX)
        atomic_add(team + CALLS, 1)
        wake_all(team + WOKEN)
        unlock_mutex(team + MUTEX)


@njit(inline="always")
def sleep(team, thread):
    """Return once a caller wakes the team, or this thread is to return."""
    lock_mutex(team + MUTEX)
    calls = atomic_load(team + CALLS)
    atomic_add(team + SLEEPERS, 1)
    while atomic_load(team + CALLS) == calls and thread < atomic_load(team + THREADS):
        wait_for_condition(team + WOKEN, team + MUTEX)
    atomic_add(team + SLEEPERS, -1)
    unlock_mutex(team + MUTEX)


def serve():
    """A member of a team: does parts of steps until it is to return; sleeps when it has found none for long.

    arguments: the team, how many turns it looks for parts before it sleeps.
    """

    def kernel(a, thread, _):
        team, turns = a[0], 0
        threads = atomic_load(team + THREADS)
        while thread < threads:
            part = claimed_part(team, thread, threads)
            if part >= 0:
                run_part(team, part)
                atomic_add(team + DONE, 1)
                turns = 0
            elif turns < a[1]:
                turns += 1
                pause()
            else:
                sleep(team, thread)
                turns = 0
            threads = atomic_load(team + THREADS)

    return kernel
