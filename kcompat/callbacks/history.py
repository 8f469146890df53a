"""History."""

from __future__ import annotations

from typing import Any

from .callback import Callback, Logs


class History(Callback):
    """Keeps the logs of every epoch: `epoch`, their numbers, and `history`, a list of values by name.

    `fit` returns one. Source: keras.callbacks.History.
    """

    def __init__(self) -> None:
        super().__init__()
        self.history: dict[str, list[Any]] = {}
        self.epoch: list[int] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
