"""Functions of targets and predictions by name, as `keras.losses` and `keras.metrics` have them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.symbolic import KerasTensor
from .numerics import as_array, compute

Emit = Callable[..., Value]


class Function:
    """A named function of targets and predictions, sample by sample.

    emit: `(b, y_true, y_pred, **parameters) -> Value`, a value for each sample, or for each place
    before the last axis. Called with arrays it computes; called with KerasTensors, as a user's own
    loss does, it gives a KerasTensor.
    """

    def __init__(self, name: str, emit: Emit) -> None:
        self.name = self.__name__ = name
        self.emit = emit
        self.__doc__ = emit.__doc__
        parameters = list(inspect.signature(emit).parameters.values())
        self.__signature__ = inspect.Signature(parameters[1:])

    def __call__(self, y_true: Any, y_pred: Any, *args: Any, **parameters: Any) -> Any:
        """A value for each sample, as an array. Raises ShapeError or DtypeError for what does not fit."""
        if isinstance(y_true, KerasTensor) or isinstance(y_pred, KerasTensor):
            return _FunctionLayer(self, args, parameters)(y_true, y_pred)
        arrays = [as_array(y_true), as_array(y_pred)]
        result: np.ndarray = compute(lambda b, *values: self.emit(b, *values, *args, **parameters), arrays)
        return result

    def __repr__(self) -> str:
        return f"<function {self.name}>"


class _FunctionLayer(Layer):
    """A function inside a user's own loss that is made of KerasTensors."""

    def __init__(self, function: Function, args: tuple[Any, ...], parameters: dict[str, Any]) -> None:
        super().__init__(autocast=False)
        self.function, self.args, self.parameters = function, args, parameters

    def emit(self, b: Emitter, y_true: Value, y_pred: Value) -> Value:
        return self.function.emit(b, y_true, y_pred, *self.args, **self.parameters)


Table = dict[str, Function]

LOSSES: Table = {}
"""The functions of `keras.losses` by name and alias."""

METRICS: Table = {}
"""The functions that `keras.metrics` has besides."""


def loss_function(*aliases: str) -> Callable[[Emit], Function]:
    """Enter a function of losses under its name and aliases."""
    return _entering(LOSSES, aliases)


def metric_function(emit: Emit) -> Function:
    """Enter a function of metrics under its name."""
    return _entering(METRICS, ())(emit)


def _entering(table: Table, aliases: tuple[str, ...]) -> Callable[[Emit], Function]:
    def register(emit: Emit) -> Function:
        made = Function(emit.__name__, emit)
        table.update(dict.fromkeys((made.name, *aliases), made))
        return made

    return register
