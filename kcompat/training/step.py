"""One training or testing step as one graph: forward, losses, gradients, updates of everything that changes."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from ..errors import ArgumentError
from ..ir import Graph, TensorType, Value, Variable
from ..layers.emitter import Emitter
from ..overriding import overrides
from ..passes.differentiate import differentiate
from ..regularizers import Regularizer
from ..settings import floatx
from .compiled_loss import CompiledLoss
from .compiled_metrics import CompiledMetrics
from .metrics import Mean
from .numerics import cast
from .own_loss import OwnLoss
from .tracing import trace

Forward = Callable[[Emitter, list[Value]], list[Value]]
Types = Sequence[TensorType | None]


@dataclass(frozen=True)
class Compiled:
    """What a model was compiled with. optimizer, own_loss: None for none. own_metrics: whether steps give predictions
    for a `compute_metrics` of the model's class."""

    optimizer: Any
    loss: CompiledLoss
    metrics: CompiledMetrics
    tracker: Mean
    own_loss: OwnLoss | None = None
    own_metrics: bool = False

    @property
    def wants_predictions(self) -> bool:
        """Whether predictions are needed as arrays after each step."""
        return self.own_metrics or self.metrics.on_host


@dataclass(frozen=True)
class BatchTypes:
    """The types of a batch's arrays: None where a target or weight is missing; named inputs."""

    inputs: Sequence[Value]
    targets: Types
    weights: Types


def training_step(compiled: Compiled, forward: Forward, types: BatchTypes, weights: Sequence[Variable]) -> Graph:
    """The graph of a step that changes `weights`; outputs are the loss, and predictions if a metric wants them.

    forward: emits the model, inputs -> outputs. Raises ArgumentError without a loss.
    """
    step = _Step(compiled, types, training=True)
    outputs = step.run(forward, weights)
    step.descend(weights)
    return step.b.build(outputs)


def testing_step(compiled: Compiled, forward: Forward, types: BatchTypes, weights: Sequence[Variable]) -> Graph:
    """The graph of a step that changes only metrics. weights: those whose regularizers count."""
    step = _Step(compiled, types, training=False)
    return step.b.build(step.run(forward, weights))


class _Step:
    def __init__(self, compiled: Compiled, types: BatchTypes, training: bool) -> None:
        self.compiled, self.types = compiled, types
        self.b = Emitter(training=training, collects_losses=True)
        self.inputs = [self.b.input(value.type, value.name) for value in types.inputs]
        self.targets = self._optional(types.targets, "target")
        self.weights = self._optional(types.weights, "weight")

    def _optional(self, types: Types, name: str) -> list[Value | None]:
        taken = {value.name for value in self.inputs}
        return [
            None if t is None else self.b.input(t, _free(f"{name}_{index}", taken)) for index, t in enumerate(types)
        ]

    def run(self, forward: Forward, weights: Sequence[Variable]) -> list[Value]:
        """Emit model, losses and metrics; the outputs of the step."""
        compiled, b = self.compiled, self.b
        predictions = forward(b, self.inputs)
        shapes = [None if value is None else value.shape for value in self.targets]
        compiled.loss.resolve(shapes, [value.shape for value in predictions])
        compiled.metrics.resolve(shapes, [value.shape for value in predictions])
        with b.origin("loss"):
            self.loss = self._total(predictions, weights)
            compiled.tracker.emit_update(b, self.loss, b.size(self.inputs[0], axis=0))
        with b.origin("metrics"):
            compiled.metrics.emit_updates(b, self.targets, predictions, self.weights)
        return [self.loss, *(predictions if compiled.wants_predictions else [])]

    def _total(self, predictions: list[Value], weights: Sequence[Variable]) -> Value:
        b = self.b
        if self.compiled.own_loss is not None:
            return self.compiled.own_loss.emit(b, self.inputs, self.targets, predictions, self.weights)
        loss = self.compiled.loss.emit(b, self.targets, predictions, self.weights)
        parts = [loss] if loss is not None else []
        parts += b.losses
        parts += [_penalty(b, weight) for weight in weights if weight.regularizer is not None]
        if not parts:
            raise ArgumentError("there is no loss: pass loss= to compile(), or let layers add losses")
        return reduce(b.add, [cast(b, part, floatx()) for part in parts])

    def descend(self, weights: Sequence[Variable]) -> None:
        """Emit gradients, the optimizer's updates, and constraints."""
        b = self.b
        if not weights:
            warnings.warn("the model has no trainable weights", stacklevel=6)
            return
        self.compiled.optimizer.build(weights)
        loss = self.compiled.optimizer.emit_scaled_loss(b, self.loss)
        gradients = differentiate(b, loss, [b.parameter(variable) for variable in weights])
        self.compiled.optimizer.emit_applied(b, list(zip(gradients, weights, strict=True)))


def _penalty(b: Emitter, weight: Variable) -> Value:
    """What a weight's regularizer adds to the loss; it may be one that a user wrote with `kcompat.ops`."""
    regularizer = weight.regularizer
    if isinstance(regularizer, Regularizer) and not overrides(type(regularizer), "__call__", "emit"):
        return regularizer.emit(b, b.parameter(weight))
    return trace(b, regularizer, b.parameter(weight))


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name
