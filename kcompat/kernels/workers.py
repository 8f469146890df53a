"""Other processes that compile kernels beside this one, where there are processors for them.

Numba compiles under one lock, so threads would not help. A worker reads keys, one a line, writes the kernels to the
store, and answers each key with an empty line; it ends with its standard input.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import deque
from pathlib import Path
from threading import Thread

from .machine import processors
from .store import Key

KERNELS_EACH = 4
"""A worker takes about as long to start as two kernels to be compiled."""

MOST = 3

_START = "import sys; sys.path[:] = sys.argv[1:]; from kcompat.kernels.workers import serve; serve()"


class Workers:
    """Takes keys from the end of a queue, while the caller takes them from its beginning."""

    def __init__(self, waiting: deque[Key]) -> None:
        self._waiting = waiting
        count = min(processors() - 1, len(waiting) // KERNELS_EACH, MOST) if _interpreter_is_python() else 0
        self._threads = [Thread(target=self._employ, name="kcompat compiler") for _ in range(count)]

    def __enter__(self) -> Workers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is not None:
            self._waiting.clear()
        for thread in self._threads:
            thread.join()

    def _employ(self) -> None:
        """Hand keys to one worker. One that fails leaves its key to the caller, who looks into the store."""
        command = [sys.executable, "-I", "-c", _START, *filter(None, sys.path)]
        pipe = subprocess.PIPE
        try:
            with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as worker:
                assert worker.stdin is not None
                assert worker.stdout is not None
                while self._waiting:
                    worker.stdin.write(f"{self._waiting.pop()!r}\n")
                    worker.stdin.flush()
                    if not worker.stdout.readline():
                        break
        except (OSError, IndexError):
            return


def _interpreter_is_python() -> bool:
    """Where Python is embedded, sys.executable may be another program."""
    return Path(sys.executable or "").name.startswith("python")


def serve() -> None:
    """What a worker does."""
    from .library import compiled
    from .store import Store

    store = Store()
    for line in sys.stdin:
        key = ast.literal_eval(line)
        store.write(key, compiled(key))
        print(flush=True)
