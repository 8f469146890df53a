"""A model as something that takes arrays and gives arrays, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.errors import InputError
from kcompat.ir import Value
from kcompat.models import Model
from kcompat.models.graph_model import GraphModel
from kcompat.tree import flatten, pack_like

Run = Callable[[Sequence[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class Side:
    """One of two models that are compared.

    label: what messages call it. inputs, outputs: in the order in which arrays go in and come out.
    model: what kcompat runs; None for another runtime's.
    """

    label: str
    inputs: list[Value]
    outputs: list[Value]
    run: Run
    model: Model | None = None

    def packed(self, arrays: Sequence[np.ndarray]) -> Any:
        """Inputs in the nest in which the model declares them."""
        return list(arrays) if self.model is None else pack_like(_structure(self.model), list(arrays))


def side_of(model: Model, label: str | None = None) -> Side:
    """A model that kcompat runs. States begin as zeros at every run."""

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        model.reset_state()
        return [np.asarray(array) for array in flatten(model(pack_like(_structure(model), list(arrays))))]

    return Side(label or f"model '{model.name}'", _inputs(model), _outputs(model), run, model)


def _structure(model: Model) -> Any:
    if isinstance(model, GraphModel):
        return model.input_names[0] if len(model.inputs) == 1 else model.input_names
    return model.input_structure


def _inputs(model: Model) -> list[Value]:
    if not isinstance(model, GraphModel):
        return list(model.executor.graph.inputs)
    for signature in model.input_signatures:
        if signature.dtype is None or signature.shape is None:
            raise InputError(f"input {signature}: no inputs can be made for it; pass arrays of your own")
    return list(model.inputs)


def _outputs(model: Model) -> list[Value]:
    if isinstance(model, GraphModel):
        return list(model.outputs)
    values = model.executor.graph.outputs
    return [Value(value.type, name) for value, name in zip(values, model.output_names, strict=True)]
