"""The `compute_loss` that a model's class may have of its own, as IR."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ArgumentError
from ..ir import Value
from ..layers.base import Layer
from ..layers.emitter import Emitter
from ..layers.tracing import Trace
from .outputs import nested

Values = Sequence[Value | None]


class OwnLoss:
    """A model's `compute_loss`, which is called with symbols, once for each graph.

    function: the bound method. inputs, outputs: the nests of the model's inputs and outputs.
    """

    def __init__(self, model: Layer, function: Callable[..., Any], inputs: Any, outputs: Any) -> None:
        self.model, self.function = model, function
        self.inputs, self.outputs = inputs, outputs

    def emit(self, b: Emitter, x: Values, y: Values, y_pred: Values, weights: Values) -> Value:
        """The loss as a scalar. Raises ArgumentError if it is none."""
        trace = Trace(b, self.model)
        arguments: dict[str, Any] = {
            name: nested(structure, [value and trace.symbol(value) for value in values])
            for name, structure, values in (
                ("x", self.inputs, x),
                ("y", self.outputs, y),
                ("y_pred", self.outputs, y_pred),
                ("sample_weight", self.outputs, weights),
            )
        }
        if "training" in inspect.signature(self.function).parameters:
            arguments["training"] = b.training
        with trace.active():
            loss = self.function(**arguments)
        value = trace.finish(loss)
        if not isinstance(value, Value) or value.rank:
            raise ArgumentError(f"{self.model}: compute_loss() must give a scalar, received {loss!r}")
        return value
