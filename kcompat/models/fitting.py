"""The loops of training and evaluation, and what they run over."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import settings
from ..callbacks.callback_list import CallbackList, plain_logs
from ..callbacks.simple import TerminateOnNaN
from ..errors import ArgumentError, InputError
from ..training.batches import ArraySource, Batch, Epochs, Source, StreamSource, batch_size, split_validation, unpack
from ..training.interruption import Interruptions
from ..tree import flatten
from .data import batch_size_for, is_stream

if TYPE_CHECKING:
    from .frozen_prefix import FrozenPrefix
    from .training import TrainableModel


def train(
    model: TrainableModel,
    passes: Epochs,
    epochs: range,
    hooks: CallbackList,
    validate: Validation | None,
    prefix: FrozenPrefix | None,
) -> None:
    """Train for a range of epochs; an interrupt ends it after the step."""
    with Interruptions() as interruptions, model.trainer.on_features(prefix):
        _train(model, passes, epochs, hooks, interruptions, validate)


def _train(
    model: TrainableModel,
    passes: Epochs,
    epochs: range,
    hooks: CallbackList,
    interruptions: Interruptions,
    validate: Validation | None,
) -> None:
    trainer, logs, done = model.trainer, {}, 0
    model.stop_training = False
    hooks.on_train_begin()
    if trainer.resumed is not None:
        first, done = trainer.resumed
        passes.resume(first - epochs.start, trainer.seed)
        epochs = range(first, epochs.stop)
    for epoch in epochs:
        if not done:
            model.reset_metrics()
        hooks.on_epoch_begin(epoch)
        _train_epoch(model, passes.epoch(done), done, hooks, interruptions)
        done, logs = 0, plain_logs(trainer.results())
        _warn_of_nan(trainer.tracker.result(), epoch, hooks)
        if validate is not None and validate.is_due(epoch):
            logs |= {f"val_{name}": value for name, value in test(model, validate.passes(), hooks).items()}
        hooks.on_epoch_end(epoch, logs)
        if model.stop_training:
            break
    if trainer.optimizer is not None and epochs.stop > 0:
        trainer.optimizer.finalize_variable_values(model.trainable_weights)
    hooks.on_train_end(logs)


def _train_epoch(
    model: TrainableModel, batches: Iterator[Batch], done: int, hooks: CallbackList, interruptions: Interruptions
) -> None:
    trainer = model.trainer
    trainer.refresh()
    for number, batch in enumerate(islice(batches, settings.limits["steps"]), done):
        hooks.on_train_batch_begin(number)
        with interruptions.step():
            trainer.run(batch, training=True)
        hooks.on_train_batch_end(number, trainer.results() if hooks.wants_logs("train") else None)
        if model.stop_training:
            break


def test(model: TrainableModel, passes: Epochs, hooks: CallbackList) -> dict[str, Any]:
    """What the metrics find in one pass over data."""
    trainer = model.trainer
    model.stop_evaluating = False
    hooks.on_test_begin()
    model.reset_metrics()
    for number, batch in enumerate(islice(passes.epoch(), settings.limits["steps"])):
        hooks.on_test_batch_begin(number)
        trainer.run(batch, training=False)
        hooks.on_test_batch_end(number, trainer.results() if hooks.wants_logs("test") else None)
        if model.stop_evaluating:
            break
    logs = plain_logs(trainer.results())
    hooks.on_test_end(logs)
    return logs


def _warn_of_nan(loss: float, epoch: int, hooks: CallbackList) -> None:
    """Warn that the loss of an epoch is no number, unless a callback looks for that."""
    if np.isnan(loss) and not expect_nan(hooks):
        warnings.warn(
            f"the loss of epoch {epoch + 1} is NaN: look for NaN in the data, lower the rate or clip gradients; "
            "callbacks.TerminateOnNaN() ends such a training",
            stacklevel=5,
        )


class Validation:
    """The data of validation, and the epochs after which it is due: all of a list, or every so many."""

    def __init__(self, source: Source, steps: int | None, frequency: Any) -> None:
        is_number = isinstance(frequency, int) and not isinstance(frequency, bool) and frequency > 0
        if not is_number and not isinstance(frequency, (list, tuple, set, range)):
            raise ArgumentError(f"validation_freq is a positive integer or a list of epochs, received {frequency!r}")
        self.source, self.steps, self.frequency = source, steps, frequency

    def passes(self) -> Epochs:
        return Epochs(self.source, self.steps)

    def is_due(self, epoch: int) -> bool:
        if isinstance(self.frequency, int):
            return (epoch + 1) % self.frequency == 0
        return epoch + 1 in self.frequency


# --- data and callbacks ---------------------------------------------------------


def arranged(
    model: TrainableModel,
    x: Any,
    y: Any,
    sample_weight: Any,
    class_weight: Any,
    validation_split: float,
    validation_data: Any,
) -> tuple[Any, Any]:
    """What to train on, and what to validate with or None: arrays as Batches, streams as they are."""
    data, validation = data_of(model, x, y, sample_weight, class_weight), validation_data
    if validation_split and validation_data is None:
        if not isinstance(data, Batch):
            raise ArgumentError("validation_split is for arrays, not for streams")
        data, validation = split_validation(data, validation_split)
    if validation is not None and not isinstance(validation, Batch):
        validation = data_of(model, *_unpacked(validation))
    return data, validation


def _unpacked(data: Any) -> tuple[Any, Any, Any]:
    """Validation data as x, y and weights; a stream is x alone."""
    return (data, None, None) if is_stream(data) else unpack(data)


def data_of(model: TrainableModel, x: Any, y: Any, sample_weight: Any = None, class_weight: Any = None) -> Any:
    """Arrays as one Batch of all samples, checked; a stream as it is."""
    model.trainer.refresh()
    if x is None:
        raise InputError(f"model '{model.name}': there are no data; pass x")
    if not is_stream(x):
        data = model.trainer.batch(x, y, sample_weight, class_weight, any_batch=True)
        model.trainer.check(data)
        return data
    if y is not None or sample_weight is not None:
        raise ArgumentError("a stream gives targets and weights with x, as (x, y) or (x, y, sample_weight)")
    return x


def source_of(
    model: TrainableModel,
    data: Any,
    size: int | None,
    steps: int | None,
    shuffle: bool | str = False,
    class_weight: Any = None,
    numbers: bool = False,
) -> Source:
    """Data as batches. numbers: whether streams are checked for a loss of NaN."""
    seed = model.trainer.seed
    if not isinstance(data, Batch):
        if size is not None:
            raise ArgumentError("batch_size is for arrays; a stream decides itself how large its batches are")
        return StreamSource(
            data, partial(model.trainer.take, class_weight=class_weight, numbers=numbers), shuffle, seed
        )
    if steps is None or size is not None:
        size = batch_size_for(model.training_inputs(), size)
    return ArraySource(data, batch_size(size, steps, data.size), shuffle, seed)


def hooks_of(
    model: TrainableModel, given: Any, verbose: int | str, epochs: int, steps: int | None, history: bool = False
) -> CallbackList:
    """The callbacks that were given, and those that every training has."""
    if isinstance(given, CallbackList):
        return given
    verbose = 1 if verbose == "auto" else verbose
    if verbose not in (0, 1, 2):
        raise ArgumentError(f"verbose must be 'auto', 0, 1 or 2, received {verbose!r}")
    return CallbackList(
        given,
        add_history=history,
        add_progbar=verbose != 0,
        model=model,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
    )


def expect_nan(callbacks: Any) -> bool:
    """Whether a callback looks for a loss of NaN, so that no error need tell of it."""
    given = getattr(callbacks, "callbacks", callbacks) or ()
    return any(isinstance(callback, TerminateOnNaN) for callback in flatten(given))


def frozen_prefix(model: TrainableModel, data: Any, validation: Any) -> FrozenPrefix | None:
    """The frozen beginning of a model, if all data are arrays."""
    from .frozen_prefix import find

    if isinstance(data, Batch) and (validation is None or isinstance(validation, Batch)):
        return find(model)
    return None
