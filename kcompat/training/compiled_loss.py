"""The loss of a compiled model: one for each output, weighted and added up.

Names and order are those of keras.src.trainers.compile_utils.CompileLoss 3.15.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ArgumentError, InputError
from ..ir import Value
from ..ir.variable_operators import TRACE
from ..layers.emitter import Emitter
from .losses import Loss, resolve_loss
from .metrics import Mean
from .numerics import as_array, compute
from .outputs import Outputs


@dataclass
class OutputLoss:
    """The loss of one output.

    tracker: where there are several outputs' losses, the mean of the unweighted one over batches, which count
    alike whatever their size: Keras's fit does so on TensorFlow, where sizes are not known when it is traced.
    """

    loss: Loss
    weight: float | None
    tracker: Mean | None


class CompiledLoss:
    """What `compile(loss=..., loss_weights=...)` says, resolved once the shapes of data are known."""

    def __init__(self, loss: Any, weights: Any, outputs: Outputs) -> None:
        self.outputs = outputs
        self.given = self._entries(loss)
        self.weights = self._weights(loss, weights)
        self.resolved: list[OutputLoss | None] | None = None
        for entry in self.given:
            if entry is not None and not isinstance(entry, (str, dict)) and not callable(entry):
                raise ArgumentError(f"a loss is a name, a config, a Loss or a function, received {entry!r}")
            if isinstance(entry, str) and entry.lower() not in ("crossentropy", "ce"):
                resolve_loss(entry, (), ())

    def _entries(self, loss: Any) -> list[Any]:
        if isinstance(loss, dict):
            if "class_name" in loss and "config" in loss:
                return [loss] * self.outputs.count
            return self.outputs.settings(loss, "loss", partial=isinstance(self.outputs.structure, dict))
        if isinstance(loss, (list, tuple)):
            return self.outputs.settings(loss, "loss")
        return [loss] * self.outputs.count

    def _weights(self, loss: Any, weights: Any) -> list[Any]:
        if weights is None:
            return [None] * self.outputs.count
        if isinstance(weights, (int, float)):
            if self.outputs.count > 1:
                raise ArgumentError("loss_weights must be a list or dict with an entry for each output")
            return [float(weights)]
        if isinstance(weights, (list, tuple)) and isinstance(loss, dict) and len(weights) == len(loss):
            weights = dict(zip(loss, weights, strict=True))
        if not isinstance(weights, (list, tuple, dict)):
            raise ArgumentError(f"loss_weights must be a number, a list or a dict, received {weights!r}")
        return self.outputs.settings(weights, "loss_weights", partial=True)

    @property
    def used(self) -> list[bool]:
        """Which outputs have a loss."""
        return [entry is not None for entry in self.given]

    @property
    def trackers(self) -> list[Mean]:
        return [entry.tracker for entry in self.resolved or () if entry is not None and entry.tracker is not None]

    def resolve(self, true_shapes: Sequence[Any], pred_shapes: Sequence[Any]) -> None:
        """Make the losses, for the shapes of targets (None where there are none) and of predictions."""
        if self.resolved is not None:
            return
        self.resolved = [
            None if entry is None else self._resolve(entry, weight, true, pred, name)
            for entry, weight, true, pred, name in zip(
                self.given, self.weights, true_shapes, pred_shapes, self.outputs.keys, strict=True
            )
        ]

    def _resolve(self, entry: Any, weight: Any, true: Any, pred: Any, output: str) -> OutputLoss:
        loss = resolve_loss(entry, true or (), pred)
        assert loss is not None
        name = output if self.outputs.named else loss.name
        return OutputLoss(loss, weight, Mean(name=f"{name}_loss") if sum(self.used) > 1 else None)

    def check_labels(self, targets: Sequence[np.ndarray | None], pred_shapes: Sequence[Any]) -> None:
        """Raises InputError for class numbers that are none of the classes."""
        for entry, target, pred, key in zip(self.resolved or (), targets, pred_shapes, self.outputs.keys, strict=True):
            if entry is not None and target is not None and is_sparse(entry.loss):
                check_class_numbers(target, pred[getattr(entry.loss, "axis", -1)], ignored_class(entry.loss), key)

    def emit(
        self, b: Emitter, y_true: Sequence[Value | None], y_pred: Sequence[Value], weights: Sequence[Value | None]
    ) -> Value | None:
        """The sum of all weighted losses; None without any. Trackers are updated."""
        parts = []
        for entry, true, pred, weight, key in zip(
            self.resolved or (), y_true, y_pred, weights, self.outputs.keys, strict=True
        ):
            if entry is None:
                continue
            if true is None:
                raise InputError(f"output '{key}' has a loss and needs targets")
            value = entry.loss.emit(b, true, pred, weight)
            if value.rank:
                raise ArgumentError(f"loss '{entry.loss.name}' must be reduced to a scalar, received {value.type}")
            if entry.tracker is not None:
                entry.tracker.emit_update(b, value)
            parts.append(value if entry.weight is None else b.mul(value, float(entry.weight)))
        return reduce(b.add, parts) if parts else None


def traced_loss(loss: CompiledLoss, y_true: Any, y_pred: Any, sample_weight: Any, added: Sequence[Any]) -> Any:
    """The sum of all weighted losses and of those added, for nests of symbols, or of arrays outside of a trace."""
    outputs = loss.outputs
    used = [False] * outputs.count
    given = [outputs.arrange(nest, what, used) for nest, what in ((y_true, "y"), (y_pred, "y_pred"))]
    several = isinstance(sample_weight, (list, tuple, dict)) and outputs.count > 1
    weights = outputs.arrange(sample_weight, "w", used) if several else [sample_weight] * outputs.count

    def emit(b: Emitter, *values: Any) -> Value:
        parts = values[: outputs.count], values[outputs.count : 2 * outputs.count], values[2 * outputs.count :]
        total = loss.emit(b, *parts)
        if total is None:
            raise ArgumentError("there is no loss: pass loss= to compile()")
        return total

    trace = TRACE.get()
    operands = [*given[0], *given[1], *weights]
    if trace is None:
        loss.resolve(*([np.shape(leaf) for leaf in part] for part in given))
        return sum(added, compute(emit, [None if leaf is None else as_array(leaf) for leaf in operands]))
    return sum(added, trace.symbol(emit(trace.b, *trace.optional_values(*operands))))


def is_sparse(loss: Loss) -> bool:
    """Whether the loss takes class numbers."""
    function = getattr(loss, "fn", None) or getattr(loss, "function", None)
    return getattr(function, "name", None) == "sparse_categorical_crossentropy"


def ignored_class(loss: Loss) -> int | None:
    """The class number that the loss passes over, which need not be a class."""
    ignored: int | None = getattr(loss, "ignore_class", None) or getattr(loss, "kwargs", {}).get("ignore_class")
    return ignored


def check_class_numbers(labels: np.ndarray, classes: Any, ignored: int | None, what: str) -> None:
    """Raises InputError for a class number outside 0 ... classes - 1."""
    if not labels.size or not isinstance(classes, int):
        return
    if ignored is not None:
        labels = labels[labels != ignored]
        if not labels.size:
            return
    low, high = labels.min(), labels.max()
    if low < 0 or high >= classes:
        raise InputError(
            f"targets of output '{what}' must be class numbers from 0 to {classes - 1}, received {low:g} to {high:g}; "
            f"the output has {classes} classes"
        )
