"""People's own losses, metrics, schedules and the like, made of `kcompat.ops`, as IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..errors import ArgumentError
from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.tracing import Trace


def trace(b: Emitter, function: Callable[..., Any], *operands: Value) -> Value:
    """What a Python function of tensors gives for Values: it is called once, with KerasTensors.

    Raises ArgumentError if it does not give a tensor.
    """
    made = Trace(b, Layer(name="operand"))
    with made.active():
        result = function(*map(made.symbol, operands))
    value = made.finish(result)
    if not isinstance(value, Value):
        raise ArgumentError(f"{function!r} must give one tensor made with kcompat.ops, received {result!r}")
    return value
