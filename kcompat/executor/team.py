"""Threads that walk one program together. They belong to the process and serve one call at a time."""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
from collections.abc import Callable

import numpy as np

from .. import changes
from ..errors import ArgumentError
from ..kernels.machine import processors

PATIENCE = 30_000
"""Turns that an idle member looks for work before it sleeps, some tenths of a millisecond in all: about as long as a
caller takes between two calls."""

_WORDS, _BUSY, _SLEEPERS, _THREADS, _MUTEX, _WOKEN = 56, 16, 18, 19, 24, 40
"""Words of a team as `kernels/teamwork.py` has them: how many, and where some are."""

Kernel = Callable[..., None]


def _default_threads() -> int:
    named = os.environ.get("KCOMPAT_NUM_THREADS")
    if named:
        return max(1, int(named))
    return processors()


_threads: int | None = None


def get_num_threads() -> int:
    """How many threads share a model's large steps: what was set, $KCOMPAT_NUM_THREADS, or the processors."""
    global _threads
    if _threads is None:
        _threads = _default_threads()
    return _threads


def set_num_threads(count: int) -> None:
    """Let so many threads, the caller included, share a model's large steps. Raises ArgumentError below 1."""
    global _threads
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise ArgumentError(f"the number of threads is a whole number of at least 1, received {count!r}")
    _threads = count
    changes.note()


class Team:
    """Threads beside the callers' own, which share their steps in machine code, without the GIL.

    Its words are at the same address as long as the process lives; one call at a time has the members.
    """

    def __init__(self) -> None:
        self._memory = np.zeros(_WORDS + 8, np.int64)
        self._words = self._memory[-self._memory.ctypes.data % 64 // 8 :]
        self.address = self._words.ctypes.data
        self._library = ctypes.CDLL(None)
        self.begin()

    def begin(self) -> None:
        """Have no members, as in a new process."""
        self._members: list[threading.Thread] = []
        self._words[0], self._words[_THREADS] = -1, 1
        self._words[_BUSY] = self._words[_SLEEPERS] = 0
        self._library.pthread_mutex_init(self._place(_MUTEX), None)
        self._library.pthread_cond_init(self._place(_WOKEN), None)

    def resize(self, threads: int, serve: Callable[[], Kernel]) -> None:
        """Have so many threads, callers included. serve: gives what members run. For one caller at a time."""
        self.let_go(threads)
        for number in range(len(self._members) + 1, threads):
            self._words[_THREADS] = number + 1
            member = threading.Thread(target=self._member, args=(number, serve()), name="kcompat", daemon=True)
            self._members.append(member)
            member.start()

    def let_go(self, threads: int) -> None:
        """Have at most so many threads. For one caller at a time."""
        if threads >= self._words[_THREADS]:
            return
        self._library.pthread_mutex_lock(self._place(_MUTEX))
        self._words[_THREADS] = threads
        self._library.pthread_cond_broadcast(self._place(_WOKEN))
        self._library.pthread_mutex_unlock(self._place(_MUTEX))
        for member in self._members[threads - 1 :]:
            member.join()
        del self._members[threads - 1 :]

    def _place(self, word: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.address + 8 * word)

    def _member(self, number: int, serve: Kernel) -> None:
        words = np.array([self.address, PATIENCE], np.int64)
        serve(words.ctypes.data, number, 0)


_team: Team | None = None
_size = 1
_creation = threading.Lock()


def team(serve: Callable[[], Kernel]) -> int:
    """The address of the process's team, which has as many threads as are to share steps; 0 while one is to do all.
    serve: what members run."""
    global _team, _size
    count = get_num_threads()
    if count != _size:
        with _creation:
            if _team is None:
                _team = Team()
                atexit.register(_end)
            _team.resize(count, serve)
            _size = count
    return 0 if _team is None or count == 1 else _team.address


def _end() -> None:
    """Let members go before the interpreter ends, and with it the memory of the machine code that they run."""
    global _size
    with _creation:
        if _team is not None:
            _team.let_go(1)
            _size = 1


def _forget() -> None:
    """A forked child has no threads but the one that forked."""
    global _size, _creation
    _size, _creation = 1, threading.Lock()
    if _team is not None:
        _team.begin()
    changes.note()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
