"""Interrupts that wait for the end of a step, so that no model is left half changed."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruptions:
    """While it is entered, SIGINT and SIGTERM take effect outside of `step()` alone.

    They do what they would have done otherwise, once the step is over; a SIGTERM without a handler of
    its own raises SystemExit(143). In threads other than the main one signals are left as they are.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._in_step = False
        self._pending: int | None = None

    def __enter__(self) -> Interruptions:
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                before = signal.getsignal(number)
                if before is not None and before != signal.SIG_IGN:
                    self._before[number] = before
                    signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What runs inside is not interrupted."""
        self._in_step = True
        try:
            yield
        finally:
            self._in_step = False
        if self._pending is not None:
            number, self._pending = self._pending, None
            self._act(number, None)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._in_step:
            self._pending = number
        else:
            self._act(number, frame)

    def _act(self, number: int, frame: FrameType | None) -> None:
        before = self._before[number]
        if callable(before):
            before(number, frame)
        else:
            raise SystemExit(128 + number)
