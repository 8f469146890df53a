"""People's own functions of tensors, made of `kcompat.ops` and layers, as IR: called once, with symbols."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Value, Variable
from ..ir.types import is_float
from ..ir.variable_operators import TRACE
from ..tree import flatten, map_structure
from .emitter import Emitter
from .symbolic import Call, KerasTensor

if TYPE_CHECKING:
    from .base import Layer


class Trace:
    """The symbols that a function is given, and the Values that they stand for.

    owner: the layer that operations on the symbols are recorded for, by name. While a trace is `active`,
    variables are symbols too, and what is assigned to them is what they are from there on.
    """

    def __init__(self, b: Emitter, owner: Layer) -> None:
        self.b, self.owner = b, owner
        self.known: dict[KerasTensor, Value] = {}
        self.current: dict[Variable, Any] = {}
        self.assigned: list[Variable] = []
        self.losses: list[Any] = []

    def symbol(self, value: Value) -> KerasTensor:
        """A symbol for a Value."""
        tensor = KerasTensor(value.type, Call(self.owner, (), {}), len(self.known))
        self.known[tensor] = value
        return tensor

    def variable(self, variable: Variable) -> Any:
        """What a variable is at this point, in the compute dtype of the layer that is emitted."""
        if variable not in self.current:
            value = self.read(variable)
            self.current[variable] = self.symbol(self.b.floating(value) if is_float(value.dtype) else value)
        return self.current[variable]

    def read(self, variable: Variable) -> Value:
        """What a variable is before anything was assigned to it."""
        return self.b.parameter(variable)

    def write(self, variable: Variable, value: Value) -> None:
        """Let a variable become a value."""
        self.b.assign(variable, value)

    def assign(self, variable: Variable, value: Any) -> None:
        """Let a variable be a symbol or an array from here on."""
        self.current[variable] = value
        self.assigned.append(variable)

    def knows(self, operands: Any) -> bool:
        """Whether one of the operands is a symbol of this trace."""
        return any(isinstance(leaf, KerasTensor) and leaf in self.known for leaf in flatten(operands))

    def call(self, layer: Layer, args: Any, kwargs: Any, training: bool | None = None) -> Any:
        """What a layer gives for nests with symbols, as symbols. training: for its own work, None for as it is."""
        args, kwargs = map_structure(self._entered if layer.has_state else self._looked_up, (args, kwargs))
        before, was_built = self.b.training, layer.built
        self.b.training = before if training is None else bool(training)
        try:
            values = self.b.call(layer, *args, **kwargs)
        finally:
            self.b.training = before
        if not was_built:
            for weight in layer.weights:
                weight.path = f"{self.owner.name}/{weight.path}"
        return map_structure(lambda value: None if value is None else self.symbol(value), values)

    def _looked_up(self, leaf: Any) -> Any:
        return self.known.get(leaf, leaf) if isinstance(leaf, KerasTensor) else leaf

    def _entered(self, leaf: Any) -> Any:
        """What a layer is called on for a symbol or an array."""
        return self._value(leaf) if isinstance(leaf, (KerasTensor, np.ndarray)) else leaf

    @contextmanager
    def active(self) -> Iterator[Trace]:
        """The time in which the function runs."""
        token = TRACE.set(self)
        try:
            yield self
        finally:
            TRACE.reset(token)

    def values(self, results: Any) -> Any:
        """The Values of a nest of symbols, arrays and numbers. Raises ArgumentError for anything else."""
        return map_structure(self._value, results)

    def optional_values(self, *leaves: Any) -> list[Any]:
        """The Values of symbols, arrays and numbers, or nests of them; None for None."""
        return [None if leaf is None else self.values(leaf) for leaf in leaves]

    def _value(self, leaf: Any) -> Value:
        if isinstance(leaf, KerasTensor) and leaf in self.known:
            return self.known[leaf]
        if isinstance(leaf, Variable):
            return self._value(self.variable(leaf))
        if isinstance(leaf, (bool, int, float, np.ndarray, np.generic)):
            array = np.asarray(leaf)
            return self.b.constant(array.astype(np.float32) if array.dtype == np.float64 else array)
        raise ArgumentError(f"{self.owner} must give tensors made with kcompat.ops, received {leaf!r:.100}")

    def finish(self, results: Any) -> Any:
        """The Values of results; losses are added, and variables become what was assigned to them."""
        (values,) = self.optional_values(results)
        for loss in self.values(self.losses):
            self.b.add_loss(loss)
        self.settle()
        return values

    def settle(self) -> None:
        """Let variables become what was assigned to them so far."""
        for variable in dict.fromkeys(self.assigned):
            value = self._value_of(variable)
            self.write(variable, self.b.broadcast_to(value, shape=variable.shape) if not value.rank else value)
        self.assigned.clear()
        self.current.clear()

    def _value_of(self, variable: Variable) -> Value:
        value: Value = self.values(self.current[variable])
        if value.dtype == variable.dtype:
            return value
        cast = self.b.float_to_int if is_float(value.dtype) and not is_float(variable.dtype) else self.b.cast
        result: Value = cast(value, dtype=variable.dtype)
        return result


def emit_call(layer: Layer, b: Emitter, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a function of a layer's gives for nests of Values, as Values, or None for None."""
    trace = Trace(b, layer)
    args, kwargs = map_structure(lambda leaf: trace.symbol(leaf) if isinstance(leaf, Value) else leaf, (args, kwargs))
    with trace.active():
        results = function(*args, **kwargs)
    return trace.finish(results)
