"""Threads that walk one program together. They belong to the process and serve one call at a time."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable

import numpy as np

from ..errors import ArgumentError
from ..kernels.machine import processors

PATIENCE = 30_000
"""Turns that an idle member looks for work before it sleeps, some tenths of a millisecond in all: about as long as a
caller takes between two calls."""

_WORDS, _STOP, _MUTEX, _WOKEN = 56, 18, 24, 40
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


class Team:
    """Threads beside the caller's own, which share its steps in machine code, without the GIL."""

    def __init__(self, threads: int, serve: Kernel) -> None:
        self.threads = threads
        self.lock = threading.Lock()
        self._serve = serve
        self._memory = np.zeros(_WORDS + 8, np.int64)
        self._words = self._memory[-self._memory.ctypes.data % 64 // 8 :]
        self._words[0] = -1
        self.address = self._words.ctypes.data
        self._library = ctypes.CDLL(None)
        self._library.pthread_mutex_init(self._place(_MUTEX), None)
        self._library.pthread_cond_init(self._place(_WOKEN), None)
        for number in range(1, threads):
            threading.Thread(target=self._member, args=(number,), name="kcompat", daemon=True).start()

    def dismiss(self) -> None:
        """Let the members return, once nobody calls."""
        with self.lock:
            self._library.pthread_mutex_lock(self._place(_MUTEX))
            self._words[_STOP] = 1
            self._library.pthread_cond_broadcast(self._place(_WOKEN))
            self._library.pthread_mutex_unlock(self._place(_MUTEX))

    def _place(self, word: int) -> ctypes.c_void_p:
        return ctypes.c_void_p(self.address + 8 * word)

    def _member(self, number: int) -> None:
        words = np.array([self.address, PATIENCE], np.int64)
        self._serve(words.ctypes.data, number, self.threads)


_team: Team | None = None
_creation = threading.Lock()


def team(serve: Callable[[], Kernel]) -> Team | None:
    """The process's team, or None where one thread is to do all. serve: gives what its members run."""
    global _team
    count = get_num_threads()
    if count == 1:
        return None
    if _team is None or _team.threads != count:
        with _creation:
            if _team is None or _team.threads != count:
                former, _team = _team, Team(count, serve())
                if former is not None:
                    former.dismiss()
    return _team


def _forget() -> None:
    """A forked child has no threads but the one that forked."""
    global _team, _creation
    _team, _creation = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
