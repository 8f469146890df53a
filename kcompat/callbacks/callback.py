"""Callback: the hooks that training calls."""

from __future__ import annotations

from typing import Any

Logs = dict[str, Any] | None


class Callback:
    """Base of all callbacks: a subclass overrides the hooks it needs.

    model: the model in training; its `stop_training = True` ends it. params: `verbose`, `epochs`, `steps`.
    Hooks of batches are given the batch's number in its epoch, those of epochs the epoch's, from 0; logs
    hold loss and metrics so far by name. Source: keras.callbacks.Callback.
    """

    def __init__(self) -> None:
        self.params: dict[str, Any] = {}
        self._model: Any = None

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def set_model(self, model: Any) -> None:
        self._model = model

    @property
    def model(self) -> Any:
        return self._model

    def on_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        """The older name of `on_train_batch_end`."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """An epoch of training begins."""

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """An epoch of training is over, and validation with it."""

    def on_train_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A step of training begins."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A step of training is over."""
        self.on_batch_end(batch, logs=logs)

    def on_test_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A step of evaluation begins, in `evaluate` or in validation."""

    def on_test_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A step of evaluation is over."""

    def on_predict_batch_begin(self, batch: int, logs: Logs = None) -> None:
        """A step of prediction begins."""

    def on_predict_batch_end(self, batch: int, logs: Logs = None) -> None:
        """A step of prediction is over; logs hold its `outputs`."""

    def on_train_begin(self, logs: Logs = None) -> None:
        """`fit` begins."""

    def on_train_end(self, logs: Logs = None) -> None:
        """`fit` is over; logs are those of its last epoch."""

    def on_test_begin(self, logs: Logs = None) -> None:
        """`evaluate` or a validation begins."""

    def on_test_end(self, logs: Logs = None) -> None:
        """`evaluate` or a validation is over."""

    def on_predict_begin(self, logs: Logs = None) -> None:
        """`predict` begins."""

    def on_predict_end(self, logs: Logs = None) -> None:
        """`predict` is over."""


HOOKS = tuple(name for name in vars(Callback) if name.startswith("on_"))


def overrides(callback: Any, *hooks: str) -> bool:
    """Whether a callback does something in one of the hooks."""
    for hook in hooks:
        own = getattr(callback, hook, None)
        if own is not None and getattr(own, "__func__", own) is not getattr(Callback, hook):
            return True
    return False
