"""Threads that walk one program together. They belong to the process and serve one call at a time."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import ArgumentError

SPINS = 20_000
"""Turns that an idle member spins before it sleeps: about as long as a caller takes between two calls."""

_ASLEEP = 6
"""Word of a team from which each member says whether it sleeps."""

Kernel = Callable[..., None]


def _default_threads() -> int:
    named = os.environ.get("KCOMPAT_NUM_THREADS")
    if named:
        return max(1, int(named))
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(processors, _quota(_CPU_MAX)))


_CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
_NO_QUOTA = 1 << 16


def _quota(file: Path) -> int:
    """Processors' worth of time that a container may use, rounded down: cpu.max of control groups, version 2.

    More threads than that would spin while the one they wait for is held back.
    """
    try:
        quota, period = file.read_text().split()
        return _NO_QUOTA if quota == "max" else int(quota) // int(period)
    except (OSError, ValueError):
        return _NO_QUOTA


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
    """Threads beside the caller's own.

    Members look for rounds in machine code, without the GIL; one that has found none for a while sleeps until the
    next is announced.
    """

    def __init__(self, threads: int, announce: Kernel, serve: Kernel) -> None:
        self.threads = threads
        self.lock = threading.Lock()
        self._announce, self._serve = announce, serve
        self._memory = np.zeros(_ASLEEP + threads, np.int64)
        self._memory[_ASLEEP:] = 1
        self.address = self._memory.ctypes.data
        self._round = np.zeros(3, np.int64)
        self._round[0] = self.address
        self._events = [threading.Event() for _ in range(threads - 1)]
        for number, event in enumerate(self._events):
            thread = threading.Thread(target=self._member, args=(number + 1, event), name="kcompat", daemon=True)
            thread.start()

    def announce(self, first: int, end: int) -> None:
        """Let all members walk the steps between two addresses with the caller, who holds the lock."""
        self._round[1:] = first, end
        self._announce(self._round.ctypes.data, 0, 0)
        for number, event in enumerate(self._events):
            if self._memory[_ASLEEP + number]:
                event.set()

    def _member(self, number: int, event: threading.Event) -> None:
        words = np.array([self.address, 0, SPINS], np.int64)
        while True:
            event.wait()
            event.clear()
            self._serve(words.ctypes.data, number, self.threads)


_team: Team | None = None
_creation = threading.Lock()


def team(announce: Kernel, serve: Kernel) -> Team | None:
    """The process's team, or None where one thread is to do all."""
    global _team
    count = get_num_threads()
    if count == 1:
        return None
    if _team is None or _team.threads != count:
        with _creation:
            if _team is None or _team.threads != count:
                _team = Team(count, announce, serve)
    return _team


def _forget() -> None:
    """A forked child has no threads but the one that forked."""
    global _team, _creation
    _team, _creation = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
