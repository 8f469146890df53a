"""When the steps of small programs are shared."""

from kcompat.executor.pace import COST, REST, TRIES, Pace


def calls(pace: Pace, count: int, shared: float, alone: float) -> list[bool]:
    """How so many calls are made, if those that are shared and those that are not take so long."""
    made = []
    for _ in range(count):
        made.append(pace.shares)
        pace.note(shared if made[-1] else alone)
    return made


def test_sharing_ends_where_it_costs() -> None:
    made = calls(Pace(), 1000, shared=7e-4, alone=4e-4)
    assert sum(made) < 60
    assert made[:TRIES] == [True] * TRIES


def test_sharing_goes_on_where_it_pays() -> None:
    pace = Pace()
    made = calls(pace, 2000, shared=1e-4, alone=4e-4)
    assert made.count(False) * 3e-4 < 1.2 * 2000 * 1e-4 / COST + TRIES * 3e-4


def test_decisions_follow_the_machine() -> None:
    pace = Pace()
    calls(pace, 500, shared=1e-4, alone=1.5e-4)
    assert pace.shares
    made = calls(pace, 500, shared=5e-4, alone=1.5e-4)
    assert made[-1] is False
    assert calls(pace, 2000, shared=1e-4, alone=1.5e-4)[-1] is True


def test_one_slow_call_decides_nothing() -> None:
    pace = Pace()
    calls(pace, 2 * TRIES + TRIES + REST - 1, shared=1e-4, alone=1.2e-4)
    pace.note(1e-2)
    assert sum(calls(pace, REST, shared=1e-4, alone=1.2e-4)) > REST / 2
