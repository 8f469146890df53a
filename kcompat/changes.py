"""How often something has changed that others derive things from: weights, layers, threads, arithmetic.

Whoever keeps what it derived compares `count` with what it was then.
"""

from __future__ import annotations

count = 0


def note() -> None:
    """Say that something has changed."""
    global count
    count += 1
