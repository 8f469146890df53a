"""People's own losses, metrics, schedules and the like, made of `kcompat.ops`, as IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import Value, Variable
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.tracing import Trace


class UpdateTrace(Trace):
    """A trace in which variables are what updates have made of them already, but for one that is as it was."""

    def __init__(self, b: Emitter, name: str, kept: Variable) -> None:
        super().__init__(b, Layer(name=name))
        self.kept = kept

    def read(self, variable: Variable) -> Value:
        return self.b.parameter(variable) if variable is self.kept else self.b.state(variable)

    def write(self, variable: Variable, value: Value) -> None:
        self.b.update(variable, value)


def trace(b: Emitter, function: Callable[..., Any], *operands: Value) -> Value:
    """What a Python function of tensors gives for Values: it is called once, with KerasTensors.

    Raises ArgumentError if it does not give a tensor.
    """
    return b.traced("operand", function, *operands)
