"""ProgbarLogger."""

from __future__ import annotations

from typing import Any

from ..progress import ProgressBar
from .callback import Callback, Logs


class ProgbarLogger(Callback):
    """Shows how far training has come, and its metrics. Source: keras.callbacks.ProgbarLogger."""

    def __init__(self) -> None:
        super().__init__()
        self._bar: ProgressBar | None = None
        self._in_fit = False
        self._total: int | None = None

    def set_params(self, params: dict[str, Any]) -> None:
        super().set_params(params)
        self._total = params.get("steps")

    @property
    def wants_logs(self) -> bool:
        """Whether the next step's logs will be shown."""
        return self._bar is not None and self._bar.is_due

    def on_train_begin(self, logs: Logs = None) -> None:
        self._in_fit = True

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        epochs = self.params.get("epochs", 1)
        if self.params.get("verbose") and epochs > 1:
            print(f"Epoch {epoch + 1}/{epochs}", flush=True)
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._advance(logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        self._finish(logs)

    def on_train_end(self, logs: Logs = None) -> None:
        self._in_fit = False

    def on_test_begin(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        if not self._in_fit:
            self._advance(logs)

    def on_test_end(self, logs: Logs = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._advance(None)

    def on_predict_end(self, logs: Logs = None) -> None:
        self._finish(None)

    def _start(self) -> None:
        self._bar = ProgressBar(self._total, self.params.get("verbose", 1))

    def _advance(self, logs: Logs) -> None:
        if self._bar is not None:
            self._bar.advance(logs)

    def _finish(self, logs: Logs) -> None:
        if self._bar is not None:
            self._bar.close(logs)
            self._total, self._bar = self._bar.total, None
