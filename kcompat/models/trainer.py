"""What a model was compiled with, and the graphs of its steps."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError, InputError
from ..executor import Executor
from ..ir import Graph, TensorType, Variable
from ..ir.types import ir_dtype
from ..layers.base import walk
from ..training import optimizers
from ..training.batches import (
    Batch,
    as_target,
    check_lengths,
    class_weights,
    holds_only_numbers,
    unpack,
    weights_for,
)
from ..training.compiled_loss import CompiledLoss
from ..training.compiled_metrics import CompiledMetrics
from ..training.metrics import Mean
from ..training.outputs import Outputs, nested
from ..training.own_loss import OwnLoss
from ..training.step import BatchTypes, Compiled, testing_step, training_step
from .data import batch_size_for

if TYPE_CHECKING:
    from .frozen_prefix import FrozenPrefix
    from .training import TrainableModel


class Trainer:
    """A model's training: what it was compiled with, and the graphs of its steps.

    A graph is made for the types of a batch's arrays and kept until the model is compiled again or one of
    its layers changes.
    """

    def __init__(
        self, model: TrainableModel, optimizer: Any, loss: Any, loss_weights: Any, metrics: Any, weighted: Any
    ) -> None:
        self.model = model
        self.given = (loss, loss_weights, metrics, weighted)
        self.optimizer = optimizers.get(optimizer)
        self.tracker = Mean(name="loss")
        self.seed = 0
        self.resumed: tuple[int, int] | None = None
        self.prefix: FrozenPrefix | None = None
        self.own_results: dict[str, Any] | None = None
        self.flags = {layer: layer.trainable for layer in walk(model)}
        self._compiled: Compiled | None = None
        self._steps: dict[Any, Executor] = {}
        self._version: Any = None
        if model.has_known_outputs:
            self.compiled  # noqa: B018 - so that unknown names are told at once

    @property
    def compiled(self) -> Compiled:
        """Losses and metrics, matched to the model's outputs."""
        if self._compiled is None:
            loss, loss_weights, metrics, weighted = self.given
            outputs = Outputs(self.model.output_structure, self.model.output_names, self.model.has_named_outputs)
            self._compiled = Compiled(
                self.optimizer,
                CompiledLoss(loss, loss_weights, outputs),
                CompiledMetrics(metrics, weighted, outputs),
                self.tracker,
                self._own_loss(outputs),
                is_overridden(self.model, "compute_metrics"),
            )
        return self._compiled

    def _own_loss(self, outputs: Outputs) -> OwnLoss | None:
        if not is_overridden(self.model, "compute_loss"):
            return None
        return OwnLoss(self.model, self.model.compute_loss, self.model.input_structure, outputs.structure)

    @property
    def metrics(self) -> list[Any]:
        """That of the loss, one for those asked for, those of single outputs' losses."""
        if self._compiled is None:
            return [self.tracker]
        asked = [self._compiled.metrics] if any(self._compiled.metrics.used) else []
        return [self.tracker, *asked, *self._compiled.loss.trackers]

    def results(self) -> dict[str, Any]:
        """What logs hold: the results of all metrics, or what the model's `compute_metrics` gave for the last step."""
        return self.metric_results() if self.own_results is None else self.own_results

    def metric_results(self) -> dict[str, Any]:
        """All metrics by the names of logs."""
        results: dict[str, Any] = {}
        for metric in self.model.metrics:
            result = metric.result()
            results.update(result if isinstance(result, dict) else {metric.name: result})
        return results

    def in_order(self, logs: Mapping[str, Any]) -> Any:
        """The values of logs as a list in the order of the metrics, or the only one. Source: Keras's Trainer."""
        names = [m.name for metric in self.model.metrics for m in getattr(metric, "metrics", [metric])]
        values = [logs[name] for name in names if name in logs]
        values += [logs[name] for name in sorted(logs) if name not in names]
        return values[0] if len(values) == 1 else values

    # --- data -------------------------------------------------------------------

    def batch(self, x: Any, y: Any, sample_weight: Any, class_weight: Any = None, any_batch: bool = False) -> Batch:
        """Data in the order of the model's inputs and outputs.

        any_batch: the first axis may have any size. Raises InputError, or ArgumentError for class weights that
        cannot be used.
        """
        inputs = self.model.training_arrays(x, any_batch)
        outputs, used = self.compiled.loss.outputs, self._used
        given = zip(outputs.arrange(y, "y", used), used, strict=True)
        targets = [as_target(entry, "y") if needed and entry is not None else None for entry, needed in given]
        weights = self._weights(targets, sample_weight, class_weight)
        data = Batch(inputs, targets, weights_for(targets, weights))
        check_lengths(data)
        return data

    @property
    def _used(self) -> list[bool]:
        """Which outputs need targets."""
        if self.compiled.own_loss is not None:
            return [True] * self.compiled.loss.outputs.count
        return [a or b for a, b in zip(self.compiled.loss.used, self.compiled.metrics.used, strict=True)]

    def _weights(self, targets: list[np.ndarray | None], sample_weight: Any, class_weight: Any) -> list[Any]:
        outputs = self.compiled.loss.outputs
        if class_weight is not None:
            if sample_weight is not None:
                raise ArgumentError("sample_weight and class_weight cannot both be given")
            if outputs.count > 1 or targets[0] is None:
                raise ArgumentError(f"class_weight is for models with one output, this one has {outputs.count}")
            return [class_weights(targets[0], class_weight)]
        if isinstance(sample_weight, (list, tuple, Mapping)) and outputs.count > 1:
            return outputs.arrange(sample_weight, "sample_weight", [False] * outputs.count)
        return [sample_weight] * outputs.count

    def check(self, data: Batch) -> None:
        """Raises InputError for labels that no output has, ShapeError for shapes that do not fit."""
        self.step(data, training=False)
        self.compiled.loss.check_labels(data.targets, [value.shape for value in self.model.outputs])

    def check_numbers(self, data: Batch) -> None:
        """Raises InputError where NaN or infinite numbers in data make a NaN of the loss."""
        for array in data.arrays:
            if holds_only_numbers(array):
                continue
            place = int(np.argmax(~np.isfinite(array).reshape(len(array), -1).all(axis=1)))
            size = batch_size_for(self.model.training_inputs(), None)
            self.run(data.rows(slice(place - place % size, place - place % size + size)), training=False)
            loss = self.tracker.result()
            self.model.reset_metrics()
            if np.isnan(loss):
                raise InputError(
                    f"the loss is NaN: the data hold NaN or infinite numbers, first in sample {place}; leave such "
                    "samples out or replace the numbers"
                )

    def take(self, data: Any, class_weight: Any = None, numbers: bool = False) -> Batch:
        """A batch as a stream gives it, whose numbers are checked too if so asked. Raises InputError."""
        batch = self.batch(*unpack(data), class_weight)
        self.check(batch)
        if numbers:
            self.check_numbers(batch)
        return batch

    # --- steps ------------------------------------------------------------------

    def step(self, batch: Batch, training: bool) -> Executor:
        """What runs a step on batches of this one's types."""
        key = self.prefix, training, batch.types, self.model.input_key(batch.inputs)
        step = self._steps.get(key)
        if step is None:
            step = self._steps[key] = Executor(self._graph(batch, training))
        return step

    @contextmanager
    def on_features(self, prefix: FrozenPrefix | None) -> Iterator[None]:
        """Let steps take what a frozen prefix makes of data, or with None the data themselves."""
        before, self.prefix = self.prefix, prefix
        try:
            yield
        finally:
            self.prefix = before
            if prefix is not None:
                self._steps = {key: step for key, step in self._steps.items() if key[0] is not prefix}

    def refresh(self) -> None:
        """Forget the graphs if a layer has come to emit another one."""
        version = sum(layer.emission_version for layer in walk(self.model)), self.model.structure_version
        if version != self._version:
            self._steps.clear()
            self._version = version

    def _graph(self, batch: Batch, training: bool) -> Graph:
        source: Any = self.model if self.prefix is None else self.prefix
        targets, sample_weights = [_type(a) for a in batch.targets], [_type(a) for a in batch.weights]
        types = BatchTypes(source.inputs_like(batch.inputs), targets, sample_weights)
        weights = self.model.trainable_weights
        if not training:
            return testing_step(self.compiled, source.emit_outputs, types, weights)
        if self.optimizer is None:
            raise ArgumentError(f"model '{self.model.name}' was compiled without an optimizer and cannot be trained")
        self.optimizer.build(weights)
        return training_step(self.compiled, source.emit_outputs, types, weights)

    def run(self, batch: Batch, training: bool) -> None:
        """Make a step. Raises InputError for a batch that does not fit."""
        outputs = self.step(batch, training)(batch.arrays)
        if self.compiled.wants_predictions:
            self._after_step(batch, outputs[1:])

    def _after_step(self, batch: Batch, predictions: list[np.ndarray]) -> None:
        """Let metrics that are no part of the graph take what the step gave."""
        if self.compiled.metrics.on_host:
            self.compiled.metrics.update_on_host(batch.targets, predictions, batch.weights)
        if self.compiled.own_metrics:
            outputs = self.compiled.loss.outputs.structure
            parts = (
                (self.model.input_structure, batch.inputs),
                *((outputs, part) for part in (batch.targets, predictions, batch.weights)),
            )
            self.own_results = self.model.compute_metrics(*(nested(structure, part) for structure, part in parts))

    # --- state ------------------------------------------------------------------

    def state(self) -> dict[str, Variable]:
        """Everything that training changes, by keys that are the same in another process."""
        variables = {f"weight {index}": weight for index, weight in enumerate(self.model.weights)}
        if self.optimizer is not None:
            self.optimizer.build(self.model.trainable_weights)
            variables |= {f"optimizer {index}": v for index, v in enumerate(self.optimizer.variables)}
        for number, layer in enumerate(walk(self.model)):
            variables[f"random {number}"] = layer.stream.state
            variables |= {f"layer {number} {i}": v for i, v in enumerate(getattr(layer, "states", ()))}
        for number, metric in enumerate(self.model.metrics):
            variables |= {f"metric {number} {i}": v for i, v in enumerate(metric.variables)}
        return variables

    def resume_at(self, epoch: int, batch: int, seed: int) -> None:
        """Let the `fit` that has begun go on at a batch of an epoch, its data in the order of a seed."""
        self.resumed, self.seed = (epoch, batch), seed

    def warn_if_flags_changed(self) -> None:
        """Warn where `trainable` is not what it was when the model was compiled."""
        flags = {layer: layer.trainable for layer in walk(self.model)}
        changed = [layer.name for layer in flags if self.flags.get(layer, flags[layer]) != flags[layer]]
        if changed:
            warnings.warn(
                f"'trainable' of {', '.join(changed)} has changed since compile(); it takes effect for graphs made "
                "from now on: compile the model again",
                stacklevel=4,
            )
            self.flags = flags


def is_overridden(model: TrainableModel, method: str) -> bool:
    """Whether a model's class has a method of its own in place of the one that every model has."""
    from .training import TrainableModel

    return getattr(type(model), method) is not getattr(TrainableModel, method)


def _type(array: np.ndarray | None) -> TensorType | None:
    return None if array is None else TensorType(ir_dtype(array), ("batch", *array.shape[1:]))
