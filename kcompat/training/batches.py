"""Data as batches: arrays that are shuffled and sliced, or whatever gives one batch after another."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from ..errors import ArgumentError, InputError
from ..ir.types import numpy_name
from ..settings import floatx

DEFAULT_BATCH_SIZE = 32


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, flat: an array for each input; for each output a target and a weight, or None."""

    inputs: list[np.ndarray]
    targets: list[np.ndarray | None]
    weights: list[np.ndarray | None]

    @property
    def size(self) -> int:
        return len(self.inputs[0])

    @cached_property
    def types(self) -> tuple[Any, ...]:
        """What a graph depends on: dtypes and sizes, but for the batch's, of targets and weights."""
        arrays = self.targets + self.weights
        return tuple(None if array is None else (array.dtype, array.shape[1:]) for array in arrays)

    @property
    def arrays(self) -> list[np.ndarray]:
        """All arrays that there are, inputs first."""
        return [array for part in (self.inputs, self.targets, self.weights) for array in part if array is not None]

    def map(self, function: Callable[[np.ndarray], np.ndarray]) -> Batch:
        """The same with a function applied to every array."""
        made = [
            [None if array is None else function(array) for array in part]
            for part in (self.inputs, self.targets, self.weights)
        ]
        return Batch(*made)  # type: ignore[arg-type]

    def with_inputs(self, inputs: list[np.ndarray]) -> Batch:
        """The same targets and weights for other inputs."""
        return Batch(inputs, self.targets, self.weights)

    def rows(self, rows: slice | np.ndarray) -> Batch:
        """Some of the samples, by a slice or by their numbers."""
        if isinstance(rows, slice):
            part = self.map(lambda array: array[rows])
        else:
            part = self.map(lambda array: array.take(rows, axis=0))
        part.__dict__["types"] = self.types
        return part


class Source(Protocol):
    """Gives the batches of an epoch."""

    count: int | None
    """Number of batches of one pass, None if unknown."""
    seed: int

    def batches(self, epoch: int) -> Iterator[Batch]:
        """One pass over the data."""

    def on_epoch_begin(self) -> None: ...

    def on_epoch_end(self) -> None: ...


class ArraySource:
    """Batches of arrays of one length.

    shuffle: True for another order in every epoch, "batch" to exchange batches only. seed: with the
    number of an epoch it decides its order, so that a run that was interrupted goes on as it would have.
    """

    def __init__(self, data: Batch, size: int, shuffle: bool | str = False, seed: int = 0) -> None:
        self.data, self.size, self.shuffle, self.seed = data, size, shuffle, seed
        self.samples = check_lengths(data)
        self.count: int | None = -(-self.samples // size)

    def batches(self, epoch: int) -> Iterator[Batch]:
        order = self._order(epoch)
        for start in range(0, self.samples, self.size):
            rows = slice(start, start + self.size)
            yield self.data.rows(rows if order is None else order[rows])

    def _order(self, epoch: int) -> np.ndarray | None:
        if not self.shuffle:
            return None
        rng = np.random.default_rng([self.seed & 0xFFFFFFFFFFFFFFFF, epoch])
        if self.shuffle != "batch":
            return rng.permutation(self.samples)
        whole = self.samples // self.size
        rows = np.arange(whole * self.size).reshape(whole, self.size)[rng.permutation(whole)]
        return np.concatenate([rows.reshape(-1), np.arange(whole * self.size, self.samples)])

    def on_epoch_begin(self) -> None: ...

    def on_epoch_end(self) -> None: ...


class StreamSource:
    """Batches of an iterable, or of an object with `__getitem__` and `__len__` (Keras's PyDataset and Sequence).

    take: brings what the stream gives into a Batch. What can be gone through but once, such as a generator, begins
    every pass with its first two batches and goes on where it was: Keras keeps those it has looked at.
    """

    def __init__(self, data: Any, take: Callable[[Any], Batch], shuffle: bool | str = False, seed: int = 0) -> None:
        self.data, self.take, self.shuffle, self.seed = data, take, shuffle, seed
        self.indexed = is_indexed(data)
        self.count = _length(data)
        self._first: list[Any] | None = None

    def batches(self, epoch: int) -> Iterator[Batch]:
        if not self.indexed:
            return map(self.take, self._started())
        if self.count is None:
            return map(self.take, _counted(self.data))
        order = np.arange(self.count)
        if self.shuffle:
            np.random.default_rng([self.seed & 0xFFFFFFFFFFFFFFFF, epoch]).shuffle(order)
        return (self.take(self.data[int(index)]) for index in order)

    def _started(self) -> Iterator[Any]:
        """Source: peek_and_restore of keras/src/trainers/data_adapters/generator_data_adapter.py."""
        stream = iter(self.data)
        if stream is not self.data:
            return stream
        if self._first is None:
            self._first = list(itertools.islice(stream, 2))
        return itertools.chain(self._first, stream)

    def on_epoch_begin(self) -> None:
        notify(self.data, "on_epoch_begin")

    def on_epoch_end(self) -> None:
        notify(self.data, "on_epoch_end")


def is_indexed(data: Any) -> bool:
    """Whether data gives batch number i by `data[i]`: a PyDataset, or a Sequence of Keras 2."""
    return hasattr(data, "__getitem__") and (hasattr(data, "num_batches") or hasattr(data, "on_epoch_end"))


def _length(data: Any) -> int | None:
    if hasattr(data, "num_batches"):
        count = data.num_batches
        return None if count is None else int(count)
    try:
        return len(data)
    except TypeError:
        return None


def _counted(data: Any) -> Iterator[Any]:
    """The batches of an indexed source without an end."""
    index = 0
    while True:
        yield data[index]
        index += 1


def notify(data: Any, method: str) -> None:
    """Call a method of a stream that has it."""
    hook = getattr(data, method, None)
    if callable(hook):
        hook()


class Epochs:
    """The batches of one epoch after another.

    steps: batches of an epoch; the next goes on where the last one stopped. Without it an epoch is one
    pass. Where a stream's length is unknown it is counted in the first epoch. Streams hear of the end of an epoch
    before the first one too. Source: EpochIterator of keras/src/trainers/epoch_iterator.py.
    """

    def __init__(self, source: Source, steps: int | None = None) -> None:
        if steps is not None and (isinstance(steps, bool) or int(steps) != steps or steps < 1):
            raise ArgumentError(f"steps must be a positive integer, received {steps!r}")
        self.source = source
        self.asked = steps
        self.steps = steps if steps is not None else source.count
        self._running: Iterator[Batch] | None = None
        self._passes = 0
        self._has_begun = False
        source.on_epoch_end()

    def resume(self, epochs: int, seed: int) -> None:
        """Leave out the batches of epochs that were done in an earlier run, whose order had this seed."""
        self.source.seed = seed
        if self.asked is None:
            self._passes += epochs
            return
        for _ in range(epochs):
            for _ in self.epoch():
                pass

    def epoch(self, done: int = 0) -> Iterator[Batch]:
        """The batches of the next epoch, but for the first ones that are done. Warns if they end before their time."""
        self.source.on_epoch_begin()
        if self._running is None or self.asked is None:
            self._running = self._pass()
        for number in itertools.count():
            if number == self.asked:
                break
            batch = next(self._running, None)
            if batch is None and number == 0 and self.source.count:
                self._running = self._pass()
                batch = next(self._running, None)
            if batch is None:
                self._ended(number)
                break
            self._has_begun = True
            if number >= done:
                yield batch
        self.source.on_epoch_end()

    def _pass(self) -> Iterator[Batch]:
        self._passes += 1
        return self.source.batches(self._passes - 1)

    def _ended(self, done: int) -> None:
        if not self._has_begun:
            raise InputError("there is no sample: the stream ended before its first batch")
        if self.asked is None and (self.steps is None or done >= self.steps):
            self.steps = done
            return
        self._running = None
        warnings.warn(
            f"the data ended after {done} of {self.steps} steps; make it give at least steps * epochs batches",
            stacklevel=4,
        )


def check_lengths(data: Batch) -> int:
    """The number of samples, the same in all arrays. Raises InputError."""
    counts = {len(array) for array in data.arrays}
    if len(counts) > 1:
        parts: dict[str, Sequence[np.ndarray | None]] = {
            "x": data.inputs,
            "y": data.targets,
            "sample_weight": data.weights,
        }
        sizes = {name: [len(a) for a in part if a is not None] for name, part in parts.items()}
        raise InputError(f"arrays have different numbers of samples: {sizes}")
    count = counts.pop()
    if not count:
        raise InputError("there is no sample: the arrays are empty")
    return count


def holds_only_numbers(array: np.ndarray) -> bool:
    """Whether no element is NaN or infinite."""
    if array.dtype.kind != "f" or np.isfinite(np.vdot(array, array)):
        return True
    return bool(np.isfinite(array).all())


def batch_size(asked: int | None, steps: int | None, samples: int) -> int:
    """Samples of a batch: as asked, so many that there are `steps` batches, or 32. Raises ArgumentError."""
    if asked is None:
        return math.ceil(samples / steps) if steps else DEFAULT_BATCH_SIZE
    if isinstance(asked, bool) or not isinstance(asked, (int, np.integer)) or asked < 1:
        raise ArgumentError(f"batch_size must be a positive integer, received {asked!r}")
    return int(asked)


def class_weights(targets: np.ndarray, weights: Any) -> np.ndarray:
    """The weight of each sample's class, 1 for those that are not named.

    targets: class numbers (n,) or (n, 1), or one-hot (n, classes). weights: class number -> weight.
    Raises ArgumentError. Source: class_weight_to_sample_weights in Keras 3.15.
    """
    if not isinstance(weights, Mapping):
        raise ArgumentError(f"class_weight must be a dict from class numbers to weights, received {weights!r}")
    try:
        table = {int(key): float(value) for key, value in weights.items()}
    except (TypeError, ValueError):
        raise ArgumentError(
            f"class_weight must be a dict from class numbers to weights, received {weights!r}"
        ) from None
    labels = np.asarray(targets)
    if labels.ndim > 1:
        labels = labels.argmax(axis=-1) if labels.shape[-1] != 1 else labels[..., 0]
    if labels.ndim != 1:
        raise ArgumentError(f"class_weight needs one class for each sample, received targets of shape {targets.shape}")
    labels = np.round(labels).astype(np.int64)
    result = np.ones(labels.shape, numpy_name(floatx()))
    for key, value in table.items():
        result[labels == key] = value
    return result


def split_validation(data: Batch, fraction: float) -> tuple[Batch, Batch]:
    """The first part of the samples to train on, and the last `fraction` of them to validate. Raises ArgumentError."""
    if not 0 < fraction < 1:
        raise ArgumentError(f"validation_split must lie between 0 and 1, received {fraction!r}")
    samples = check_lengths(data)
    at = math.floor(samples * (1 - fraction))
    if at in (0, samples):
        raise ArgumentError(f"{samples} samples are too few for validation_split={fraction}")
    return data.rows(slice(at)), data.rows(slice(at, None))


def unpack(data: Any) -> tuple[Any, Any, Any]:
    """x, y and sample weights of what a stream gives: `x`, `(x,)`, `(x, y)` or `(x, y, sample_weight)`."""
    if isinstance(data, list):
        data = tuple(data)
    if not isinstance(data, tuple):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise InputError(f"a batch must be x, (x, y) or (x, y, sample_weight), received {len(data)} entries")
    return (*data, None, None)[:3]


def as_target(data: Any, name: str) -> np.ndarray:
    """Targets or weights as an array: floats in floatx, others as they are. Raises InputError for other data."""
    array = np.asarray(data)
    if array.dtype.kind == "f":
        return array.astype(numpy_name(floatx()), copy=False)
    if array.dtype.kind not in "biu":
        raise InputError(f"{name} must be numbers, received data of dtype {array.dtype}")
    if not array.ndim:
        raise InputError(f"{name} must have an entry for each sample, received a single number")
    return array


def weights_for(targets: Sequence[np.ndarray | None], given: Sequence[Any]) -> list[np.ndarray | None]:
    """Sample weights for the outputs that have targets."""
    dtype = numpy_name(floatx())
    return [
        None if weight is None or target is None else as_target(weight, "sample_weight").astype(dtype, copy=False)
        for weight, target in zip(given, targets, strict=True)
    ]
