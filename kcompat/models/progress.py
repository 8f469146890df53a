"""Keras's progress line."""

from __future__ import annotations

import sys
import time

_WIDTH = 20


class ProgressBar:
    """Prints `3/10 ━━━━━━ 1s 40ms/step` on stdout, rewriting the line.

    total: number of steps, or None if unknown. verbose: 0 silent, 1 or "auto" a bar, 2 one line at the end.
    """

    def __init__(self, total: int | None, verbose: int | str = "auto") -> None:
        self.total = total
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.started = time.perf_counter()
        self.step = 0

    def advance(self) -> None:
        """One more step is done."""
        self.step += 1
        if self.verbose == 1:
            self._write("\r")

    def close(self) -> None:
        """No more steps will come."""
        if self.verbose:
            self._write("\r" if self.verbose == 1 else "")
            sys.stdout.write("\n")
            sys.stdout.flush()

    def _write(self, start: str) -> None:
        elapsed = time.perf_counter() - self.started
        done = self.step if self.total is None else min(self.step, self.total)
        filled = _WIDTH if self.total is None else _WIDTH * done // max(self.total, 1)
        steps = f"{done}/{'Unknown' if self.total is None else self.total}"
        pace = _duration(elapsed / max(done, 1))
        sys.stdout.write(f"{start}{steps} {'━' * filled:<{_WIDTH}} {elapsed:.0f}s {pace}/step")
        sys.stdout.flush()


def _duration(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"
