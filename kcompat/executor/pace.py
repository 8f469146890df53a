"""Whether threads are to share the steps of a program that is soon done: found by trying.

What sharing costs differs from machine to machine, and on virtual processors from minute to minute; results have the
same bits either way.
"""

from __future__ import annotations

import math

from ..plan.program import Program, Step

LONGEST = 2e7
"""Nanoseconds of estimated work from which sharing always pays."""

TRIES = 3
"""Calls that are made the other way in a trial, and as many before it that they are compared with; the first of
them, which finds its data in other caches, does not count."""

GAIN = 0.9
"""Of the time before: what the other way must not exceed to be kept."""

REST, COST = 40, 50
"""Calls between trials, and how many times as long as a trial lost they are to take at the least."""


class Pace:
    """Decides for one program, call by call."""

    def __init__(self) -> None:
        self._shares = True
        self._left = 2 * TRIES
        self._usual = self._trial = math.inf
        self._lost = 0.0

    @property
    def shares(self) -> bool:
        """Whether the coming call is to be shared."""
        return self._shares if self._left > 0 else not self._shares

    def note(self, seconds: float) -> None:
        """The call took so long."""
        self._left -= 1
        if 0 <= self._left < TRIES:
            self._usual = min(self._usual, seconds)
        elif self._left < 0:
            self._lost += seconds
            if self._left < -1:
                self._trial = min(self._trial, seconds)
            if self._left == -TRIES:
                self._settle()

    def _settle(self) -> None:
        """Keep the quicker way until the next trial."""
        if self._trial < GAIN * self._usual:
            self._shares = not self._shares
        lost = self._lost - TRIES * self._usual
        self._left = max(REST, int(COST * lost / self._usual))
        self._usual = self._trial = math.inf
        self._lost = 0.0


def pace_for(program: Program) -> Pace | None:
    """Decides for a program; None where nothing is to be decided."""
    work = sum(step.work for step in program.steps if isinstance(step, Step))
    return Pace() if work < LONGEST else None
