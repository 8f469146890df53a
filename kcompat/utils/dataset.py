"""PyDataset: batches by number."""

from __future__ import annotations

from typing import Any


class PyDataset:
    """Base of data sets that give batch number i by `self[i]`: (x, y), or (x, y, sample_weight).

    A subclass defines `__getitem__` and `__len__`, the number of batches. workers, use_multiprocessing and
    max_queue_size are taken and change nothing: batches are made one after another.
    Source: keras.utils.PyDataset.
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers = workers
        self.use_multiprocessing = use_multiprocessing
        self.max_queue_size = max_queue_size

    def __getitem__(self, index: int) -> Any:
        raise NotImplementedError(f"{type(self).__name__} does not define __getitem__(index)")

    @property
    def num_batches(self) -> int | None:
        """The number of batches, None for no end."""
        return len(self) if hasattr(self, "__len__") else None

    def on_epoch_begin(self) -> None:
        """An epoch begins."""

    def on_epoch_end(self) -> None:
        """An epoch is over: the place to shuffle."""


Sequence = PyDataset
