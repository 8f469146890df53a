"""BackupAndRestore."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import ArgumentError, FormatError
from .callback import Callback, Logs

_FILE = "latest.npz"


class BackupAndRestore(Callback):
    """Keeps the state of training on disk, so that the same `fit` goes on after the process was killed.

    backup_dir: a folder for the backup of this one training. save_freq: "epoch", or a number of batches.
    delete_checkpoint: remove the folder when training is over. double_checkpoint: of no effect, since a
    backup is replaced at once when the next one is complete.
    Weights, optimizer, random numbers, metrics, states of layers and the order of the data are restored: the
    run ends with the weights of one that was not interrupted. Source: keras.callbacks.BackupAndRestore.
    """

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: Any = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        super().__init__()
        if not os.fspath(backup_dir):
            raise ArgumentError("BackupAndRestore: backup_dir is empty")
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ArgumentError(f"BackupAndRestore: save_freq is 'epoch' or a number of batches, not {save_freq!r}")
        self.backup_dir = Path(backup_dir)
        self.save_freq = save_freq
        self.delete_checkpoint = delete_checkpoint
        self._epoch = self._batches = 0

    def on_train_begin(self, logs: Logs = None) -> None:
        path = self.backup_dir / _FILE
        if path.exists():
            self._restore(path)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches += 1
        if self._batches >= self.save_freq:
            self._batches = 0
            self._save(self._epoch, batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch + 1, 0)

    def on_train_end(self, logs: Logs = None) -> None:
        if self.delete_checkpoint:
            shutil.rmtree(self.backup_dir, ignore_errors=True)

    def _save(self, epoch: int, batch: int) -> None:
        trainer = self.model.trainer
        place = {"epoch": np.int64(epoch), "batch": np.int64(batch), "seed": np.uint64(trainer.seed)}
        state = {f"state {key}": variable.value for key, variable in trainer.state().items() if variable.is_initialized}
        self.backup_dir.mkdir(parents=True, exist_ok=True)
        temporary = self.backup_dir / f"{_FILE}.tmp"
        with temporary.open("wb") as file:
            np.savez(file, **place, **state)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.backup_dir / _FILE)

    def _restore(self, path: Path) -> None:
        trainer = self.model.trainer
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
        try:
            trainer.resume_at(int(arrays.pop("epoch")), int(arrays.pop("batch")), int(arrays.pop("seed")))
        except KeyError as error:
            raise FormatError(f"{path}: is no backup of a training: it has no {error}") from None
        variables = trainer.state()
        for key, array in arrays.items():
            variable = variables.get(key.removeprefix("state "))
            if variable is None or variable.shape != array.shape:
                raise FormatError(
                    f"{path}: is the backup of another model: it has '{key}' of shape {array.shape}, "
                    f"{'which this one has not' if variable is None else f'here it is {variable.shape}'}; "
                    "remove the folder to train anew"
                )
        for key, array in arrays.items():
            variables[key.removeprefix("state ")].assign(array)
