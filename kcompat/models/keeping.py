"""Keeps what the model of a file runs as, for `prepared`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..executor import is_exact, kept
from ..ir import Constant, Parameter, Value
from ..layers.base import walk
from .data import arrange

if TYPE_CHECKING:
    from .model import Model


class Keeping:
    """Keeps code of a model in a folder if the model is as its file has it, which it is when this is made."""

    def __init__(self, folder: str, model: Model) -> None:
        self._folder = folder
        self._state, self._graph = _state(model), _emitted(model)

    def keep(self, model: Model, shapes: Sequence[tuple[int, ...]]) -> None:
        """Keep what runs inputs of these shapes, in the order of the model's, if it is kernels and constants alone."""
        path = kept.path_of(self._folder, shapes)
        if is_exact() or kept.read(path) is not None or (_state(model), _emitted(model)) != (self._state, self._graph):
            return
        whole = model.whole()
        if whole is None or sorted(whole[1]) != list(range(len(shapes))):
            return
        executor, reads, writes = whole
        code = executor.code([shapes[number] for number in reads])
        if code is None or code.has_host_steps or code.variables:
            return
        dtypes = [code.inputs[reads.index(number)][1] for number in range(len(shapes))]
        if _takes_a_list(model) and _gives_a_list(model) is not None:
            note = {
                "reads": reads,
                "writes": writes,
                "dtypes": dtypes,
                "gives_several": _gives_a_list(model),
                "predicts": model.predicts,
                "input_shape": [tensor.shape for tensor in model.inputs],
                "output_shape": [tensor.shape for tensor in model.outputs],
            }
            kept.write(path, code, note)


def _state(model: Model) -> list[int]:
    """What grows when a model's weights or layers come to be others."""
    emitted = sum(layer.emission_version for layer in walk(model))
    return [emitted, model.structure_version, *(variable.version for variable in model.weights)]


def _emitted(model: Model) -> list[Any]:
    """The graph that a model's layers emit, in a form that can be compared: they may be given other settings."""
    if not model.layers:
        return []
    graph = model.graph()
    numbers: dict[Any, Any] = {value: number for number, value in enumerate(graph.inputs)}
    rows: list[Any] = []
    for node in graph.nodes:
        rows.append((node.op.name, repr(node.attrs), [_operand(value, numbers) for value in node.inputs]))
        numbers.update({result: (len(rows), result.index) for result in node.outputs})
    return [*rows, [_operand(value, numbers) for value in graph.outputs]]


def _operand(value: Value | None, numbers: Mapping[Any, Any]) -> Any:
    if isinstance(value, Constant):
        return value.dtype, value.shape, value.data.tobytes()
    return id(value.variable) if isinstance(value, Parameter) else None if value is None else numbers[value]


def _takes_a_list(model: Model) -> bool:
    """Whether arrays in the order of the inputs are what the model takes, where it takes several."""
    leaves: list[Any] = [np.empty(1) for _ in model.inputs]
    arranged = arrange(leaves, model.input_names, model.input_structure) if len(leaves) > 1 else leaves
    return all(map(_is_same, arranged, leaves))


def _gives_a_list(model: Model) -> bool | None:
    """Whether predictions are a list of arrays; None if they are neither that nor a single array."""
    leaves: list[Any] = [np.empty(1) for _ in model.outputs]
    packed = model.pack(leaves)
    if packed is leaves[0]:
        return False
    return True if type(packed) is list and all(map(_is_same, packed, leaves)) else None


def _is_same(one: Any, other: Any) -> bool:
    return one is other
