"""Functions of `keras.activations` on KerasTensors."""

from __future__ import annotations

import inspect
from typing import Any

from ...errors import SaveError
from ...ir import Value
from ..emitter import Emitter
from .operation import FUNCTIONS, Operation


def applied(activation: Any, x: Any, args: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
    """What an activation gives for a KerasTensor: the operation of `keras.ops` of its name where that can say it."""
    bound = inspect.signature(activation.emit).bind(None, None, *args, **parameters)
    bound.apply_defaults()
    given = dict(list(bound.arguments.items())[2:])
    operation = FUNCTIONS.get(activation.name)
    neutral = {"negative_slope": 0.0, "max_value": None, "threshold": 0.0} if activation.name == "relu" else {}
    said = {key: value for key, value in given.items() if not (key in neutral and neutral[key] == value)}
    if operation is not None and set(said) <= set(operation.fields):
        return operation(**said)(x)
    return AppliedActivation(activation, given)(x)


class AppliedActivation(Operation):
    """An activation with arguments that no operation of `keras.ops` takes."""

    def __init__(self, activation: Any, parameters: dict[str, Any]) -> None:
        super().__init__(name=None)
        self.activation, self.parameters_given = activation, parameters

    def emit(self, b: Emitter, x: Value) -> Value:
        value: Value = self.activation.emit(b, x, **self.parameters_given)
        return value

    def get_config(self) -> dict[str, Any]:
        raise SaveError(f"{self}: {self.activation.name} with {self.parameters_given} is not written; use a layer")
