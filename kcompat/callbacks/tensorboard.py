"""TensorBoard."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .callback import Callback, Logs
from .event_file import EventFile
from .learning_rate import rate_of


class TensorBoard(Callback):
    """Writes event files that TensorBoard shows, in `log_dir/train` and `log_dir/validation`.

    histogram_freq: write distributions of the weights every so many epochs. write_graph: write the model's
    architecture. write_steps_per_second: write how fast training is. update_freq: "epoch", "batch" or a number
    of batches after which the metrics are written too. write_images, profile_batch and embeddings_freq are
    not supported. Source: keras.callbacks.TensorBoard.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike[str] = "logs",
        histogram_freq: int = 0,
        write_graph: bool = True,
        write_images: bool = False,
        write_steps_per_second: bool = False,
        update_freq: Any = "epoch",
        profile_batch: Any = 0,
        embeddings_freq: int = 0,
        embeddings_metadata: Any = None,
    ) -> None:
        super().__init__()
        for name, value in (
            ("write_images", write_images),
            ("profile_batch", profile_batch),
            ("embeddings_freq", embeddings_freq),
            ("embeddings_metadata", embeddings_metadata),
        ):
            if value:
                raise ArgumentError(f"TensorBoard: {name}={value!r} is not supported; leave it out")
        if update_freq not in ("epoch", "batch") and (not isinstance(update_freq, int) or update_freq < 1):
            raise ArgumentError(f"TensorBoard: update_freq must be 'epoch', 'batch' or a number, got {update_freq!r}")
        self.log_dir = Path(log_dir)
        self.histogram_freq = histogram_freq
        self.write_graph = write_graph
        self.write_steps_per_second = write_steps_per_second
        self.update_freq = 1 if update_freq == "batch" else update_freq
        self._steps = self._steps_before = 0
        self._epoch_started = 0.0

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        self._train, self._validation = EventFile(self.log_dir / "train"), EventFile(self.log_dir / "validation")
        self._steps = 0
        if self.write_graph and getattr(model, "layers", None):
            self._train.keras_model(model.to_json())

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._steps_before, self._epoch_started = self._steps, time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        self._steps += 1
        if self.update_freq != "epoch" and self._steps % self.update_freq == 0:
            self._scalars(self._train, {f"batch_{name}": value for name, value in (logs or {}).items()}, self._steps)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        logs = logs or {}
        training = {name: value for name, value in logs.items() if not name.startswith("val_")}
        validation = {name.removeprefix("val_"): value for name, value in logs.items() if name.startswith("val_")}
        if self.model.optimizer is not None:
            training["learning_rate"] = rate_of(self.model.optimizer)
        if self.write_steps_per_second:
            seconds = max(time.perf_counter() - self._epoch_started, 1e-9)
            training["steps_per_second"] = (self._steps - self._steps_before) / seconds
        for file, values in ((self._train, training), (self._validation, validation)):
            self._scalars(file, {f"epoch_{name}": value for name, value in values.items()}, epoch)
        if self.histogram_freq and epoch % self.histogram_freq == 0:
            for weight in self.model.weights:
                self._train.histogram(f"{weight.path}/histogram", weight.value, epoch)

    def on_test_end(self, logs: Logs = None) -> None:
        step = int(np.asarray(self.model.optimizer.iterations)) if self.model.optimizer is not None else 0
        self._scalars(
            self._validation, {f"evaluation_{name}_vs_iterations": value for name, value in (logs or {}).items()}, step
        )

    def _scalars(self, file: EventFile, values: dict[str, Any], step: int) -> None:
        for name, value in values.items():
            if np.ndim(value) == 0:
                file.scalar(name, float(value), step)
