"""LambdaCallback, TerminateOnNaN, SwapEMAWeights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .callback import HOOKS, Callback, Logs

Hook = Callable[..., Any] | None


class LambdaCallback(Callback):
    """Hooks given as functions, by their names. Source: keras.callbacks.LambdaCallback."""

    def __init__(
        self,
        on_epoch_begin: Hook = None,
        on_epoch_end: Hook = None,
        on_train_begin: Hook = None,
        on_train_end: Hook = None,
        on_train_batch_begin: Hook = None,
        on_train_batch_end: Hook = None,
        **hooks: Any,
    ) -> None:
        super().__init__()
        unknown = set(hooks) - set(HOOKS)
        if unknown:
            raise ArgumentError(f"LambdaCallback: no hook is named {sorted(unknown)[0]!r}; known: {', '.join(HOOKS)}")
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **hooks,
        }
        self.__dict__.update({name: function for name, function in given.items() if function is not None})


class TerminateOnNaN(Callback):
    """Ends training when the loss is no longer finite; with `raise_error` by a RuntimeError.

    Source: keras.callbacks.TerminateOnNaN.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or np.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(f"the loss of batch {batch} is {loss}: training is terminated")
        print(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True


class SwapEMAWeights(Callback):
    """Evaluates and saves models with the moving averages of their weights, which the optimizer keeps.

    swap_on_epoch: exchange them at the end of each epoch, so that checkpoints have the averages, and not
    before validation alone. Source: keras.callbacks.SwapEMAWeights.
    """

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._swapped = False

    def _swap(self, to_averages: bool) -> None:
        optimizer = self.model.optimizer
        if not getattr(optimizer, "use_ema", False):
            raise ArgumentError("SwapEMAWeights: the optimizer must be made with use_ema=True")
        if not optimizer.built or self._swapped == to_averages:
            return
        for variable in optimizer.trained:
            average = optimizer.slot(variable, "average")
            held = variable.value
            variable.assign(average.value)
            average.assign(held)
        self._swapped = to_averages

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(to_averages=False)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.swap_on_epoch:
            self._swap(to_averages=True)
            if epoch == self.params.get("epochs", 0) - 1:
                self._finalize()

    def on_test_begin(self, logs: Logs = None) -> None:
        self._swap(to_averages=True)

    def on_test_end(self, logs: Logs = None) -> None:
        self._swap(to_averages=False)

    def on_predict_begin(self, logs: Logs = None) -> None:
        self._swap(to_averages=True)

    def on_predict_end(self, logs: Logs = None) -> None:
        if not self.swap_on_epoch:
            self._swap(to_averages=False)

    def _finalize(self) -> None:
        """Let the averages be what the weights have become: `fit` ends by assigning them to the weights."""
        optimizer = self.model.optimizer
        for variable in optimizer.trained if optimizer.built else ():
            optimizer.slot(variable, "average").assign(variable.value)
        self._swapped = False
