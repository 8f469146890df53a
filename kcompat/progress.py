"""Keras's progress line."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from .errors import ArgumentError
from .settings import flags

_WIDTH = 20
_REFRESH = 0.05
_BOLD, _GREEN, _GRAY, _END = "\x1b[1m", "\x1b[32m", "\x1b[37m", "\x1b[0m"


class ProgressBar:
    """Prints ` 3/10 ━━━━━━━━━━━━━━━━━━━━ 1s 40ms/step - loss: 0.1234` on stdout.

    On a terminal or in a notebook the line is rewritten as steps are done, elsewhere it is written once.

    total: number of steps, or None if unknown. verbose: 0 silent, 1 or "auto" a bar, 2 a line without one.
    Raises ArgumentError for another value. Source: keras.utils.Progbar.
    """

    def __init__(self, total: int | None, verbose: int | str = "auto") -> None:
        if verbose not in ("auto", 0, 1, 2):
            raise ArgumentError(f"verbose must be 'auto', 0, 1 or 2, received {verbose!r}")
        self.total = total
        self.verbose = 1 if verbose == "auto" else int(verbose)
        self.step = 0
        self._dynamic = flags["interactive_logging"] and (sys.stdout.isatty() or "ipykernel" in sys.modules)
        self._started = self._shown = time.perf_counter()
        self._first_done = self._started
        self._length = 0

    @property
    def is_due(self) -> bool:
        """Whether the next step is to be shown: with its values, if the caller has any."""
        return self.verbose == 1 and self._dynamic and time.perf_counter() - self._shown >= _REFRESH

    def advance(self, values: Mapping[str, Any] | None = None) -> None:
        """One more step is done, after which metrics have these values."""
        self.step += 1
        now = time.perf_counter()
        if self.step == 1:
            self._first_done = now
        if self.verbose == 1 and self._dynamic and now - self._shown >= _REFRESH:
            self._shown = now
            self._rewrite(self._bar(now) + _listed(values))

    def close(self, values: Mapping[str, Any] | None = None) -> None:
        """No more steps will come; metrics have these values at last."""
        now = time.perf_counter()
        self.total = self.step if self.total is None else self.total
        elapsed, pace = f"{now - self._started:.0f}s", _pace(self._seconds_per_step(now))
        if self.verbose == 1:
            self._rewrite(f"{self._bar_of(self.total)} {self._style(_BOLD, elapsed)} {pace}{_listed(values)}", "\n")
        elif self.verbose == 2:
            self._write(f"{self.total}/{self.total} - {elapsed} - {pace}{_listed(values)}\n")

    def _bar(self, now: float) -> str:
        seconds = self._seconds_per_step(now)
        if self.total is None:
            return f"{self.step:7d}/Unknown {self._style(_BOLD, f'{now - self._started:.0f}s')} {_pace(seconds)}"
        left = _clock(seconds * (self.total - self.step))
        return f"{self._bar_of(self.step)} {self._style(_BOLD, left)} {_pace(seconds)}"

    def _bar_of(self, step: int) -> str:
        total = self.total or 1
        done = _WIDTH * min(step, total) // total
        count = self._style(_BOLD, f"{step:{len(str(total))}d}/{total}")
        return f"{count} {self._style(_GREEN, '━' * done)}{self._style(_GRAY, '━' * (_WIDTH - done))}"

    def _style(self, code: str, text: str) -> str:
        return f"{code}{text}{_END}" if self._dynamic and text else text

    def _seconds_per_step(self, now: float) -> float:
        """Without the first step, which may have to prepare the model, if there were others."""
        if self.step > 1:
            return (now - self._first_done) / (self.step - 1)
        return now - self._started

    def _rewrite(self, line: str, end: str = "") -> None:
        padding = " " * (self._length - len(line))
        self._length = len(line)
        self._write(("\r" if self._dynamic else "") + line + padding + end)

    def _write(self, text: str) -> None:
        if not flags["interactive_logging"]:
            logging.getLogger("kcompat").info(text.strip())
            return
        sys.stdout.write(_encodable(text))
        sys.stdout.flush()


def _listed(values: Mapping[str, Any] | None) -> str:
    """Values as ` - name: 0.1234` each; small ones with an exponent."""
    means = {name: float(np.mean(value)) for name, value in (values or {}).items()}
    return "".join(f" - {name}: {v:.4f}" if abs(v) > 1e-3 else f" - {name}: {v:.4e}" for name, v in means.items())


def _encodable(text: str) -> str:
    """The text, with `=` for the bar where the encoding of stdout lacks its character."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace("━", "=")
    return text


def _pace(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.0f}s/step"
    return f"{seconds * 1e3:.0f}ms/step" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us/step"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    if whole > 3600:
        return f"{whole // 3600}:{whole % 3600 // 60:02d}:{whole % 60:02d}"
    return f"{whole // 60}:{whole % 60:02d}" if whole > 60 else f"{whole}s"
