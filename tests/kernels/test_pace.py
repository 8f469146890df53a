"""When the steps of small programs are shared."""

import numpy as np
from numba import njit

from kcompat.executor.frame import _PACE
from kcompat.kernels.pace import COST, FIRST_REST, TRIES, note, shares


@njit
def run_calls(pace, made, shared, alone):
    """Note for each call whether it is shared, if those that are and those that are not take so long."""
    for number in range(len(made)):
        made[number] = shares(pace)
        note(pace, shared if made[number] else alone)


class Calls:
    def __init__(self) -> None:
        self.pace = np.zeros(_PACE, np.int64)

    def __call__(self, count: int, shared: int, alone: int) -> list[bool]:
        made = np.zeros(count, np.bool_)
        run_calls(self.pace.ctypes.data, made, shared, alone)
        return list(made)


def test_sharing_ends_where_it_costs() -> None:
    made = Calls()(1000, shared=700_000, alone=400_000)
    assert sum(made) < 60
    assert made[:TRIES] == [True] * TRIES


def test_sharing_goes_on_where_it_pays() -> None:
    made = Calls()(2000, shared=100_000, alone=400_000)
    assert 0 < made.count(False) * 3 < 1.2 * 2000 / COST + 6 * TRIES * 3


def test_decisions_follow_the_machine() -> None:
    calls = Calls()
    assert calls(500, shared=100_000, alone=150_000)[-1]
    assert not calls(500, shared=500_000, alone=150_000)[-1]
    assert calls(2000, shared=100_000, alone=150_000)[-1]


def test_one_slow_call_decides_nothing() -> None:
    calls = Calls()
    calls(FIRST_REST + TRIES + 2 * FIRST_REST - 1, shared=100_000, alone=120_000)
    calls(1, shared=10_000_000, alone=10_000_000)
    made = calls(100, shared=100_000, alone=120_000)
    assert made.count(False) <= 3 * TRIES
    assert made[-1]
