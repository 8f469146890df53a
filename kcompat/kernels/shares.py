"""How threads divide work: by contiguous shares that depend on nothing but the counts."""

from __future__ import annotations

from numba import njit


@njit(inline="always")
def share_start(count: int, thread: int, threads: int) -> int:
    """The first of a thread's items; `share_start(count, thread + 1, threads)` is the end."""
    return count * thread // threads
