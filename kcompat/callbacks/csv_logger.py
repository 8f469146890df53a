"""CSVLogger."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable
from typing import IO, Any

from .callback import Callback, Logs


class CSVLogger(Callback):
    """Writes the logs of every epoch as a line of a CSV file.

    append: go on with a file that exists. Source: keras.callbacks.CSVLogger.
    """

    def __init__(self, filename: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        super().__init__()
        self.filename = os.fspath(filename)
        self.separator = separator
        self.append = append
        self._file: IO[str] | None = None
        self._keys: list[str] = []
        self._needs_header = True

    def on_train_begin(self, logs: Logs = None) -> None:
        self.on_train_end()
        exists = os.path.exists(self.filename) and os.path.getsize(self.filename) > 0
        self._needs_header = not (self.append and exists)
        self._file = open(self.filename, "a" if self.append else "w", newline="", encoding="utf-8")  # noqa: SIM115
        self._keys = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        if self._file is None:
            self.on_train_begin()
        assert self._file is not None
        if not self._keys:
            keys = sorted(logs)
            self._keys = keys if any(key.startswith("val_") for key in keys) else [*keys, *(f"val_{k}" for k in keys)]
        writer = csv.writer(self._file, delimiter=self.separator)
        if self._needs_header:
            writer.writerow(["epoch", *self._keys])
            self._needs_header = False
        writer.writerow([epoch, *(_field(logs.get(key, "NA")) for key in self._keys)])
        self._file.flush()

    def on_train_end(self, logs: Logs = None) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def _field(value: Any) -> Any:
    if isinstance(value, str) or not isinstance(value, Iterable) or not getattr(value, "ndim", 1):
        return value
    return f'"[{", ".join(map(str, value))}]"'
