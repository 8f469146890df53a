"""Weights in the layout of Keras 2.12 and later: `.weights.h5`, and `model.weights.h5` in archives.

Layers are found at the places where each Keras generation keeps them, and by the names that Keras
writes since 3.6. What fits in none of these ways, or in two that differ, is refused.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from kcompat.errors import LoadError, SaveError, WeightMismatchError
from kcompat.ir import Variable
from kcompat.ir.types import numpy_name
from kcompat.layers.base import walk
from kcompat.models import Model

from ..files import Dataset, Group
from . import optimizer_state
from .saveables import ByClass, ByName, Numbering, Place, layers_as_rebuilt, places
from .stored_state import VARIABLES, StoredObject, open_sharded, read_state

__all__ = ["load", "open_sharded", "save"]

_NOT_WEIGHTS = frozenset({"optimizer", "metrics", "seed_generator", "random_generator"})
"""Objects whose variables are no weights: training state, and random states of dropout and the like."""


@dataclass
class _Reading:
    """What the file means under one numbering.

    places: where each layer is. pairs: what each weight would become. problems: why it does not fit, one
    text per object.
    """

    places: Sequence[Place] = ()
    pairs: list[tuple[Variable, Dataset]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def assignment(self) -> dict[int, str]:
        return {id(variable): dataset.where for variable, dataset in self.pairs}


def load(model: Model, stored: Group | StoredObject, *, skip_mismatch: bool = False) -> Sequence[Place]:
    """Fill a model's weights from an open file, or from the tree that `open_sharded` gives.

    Returns the place of every layer. skip_mismatch: leave layers that do not fit as they are, with a warning each.
    Raises WeightMismatchError, changing nothing, that names file, layer, path and both shapes.
    """
    state = stored if isinstance(stored, StoredObject) else read_state(stored)
    reading = _choose(list(_readings(model, state)), model, state)
    for problem in reading.problems:
        if not skip_mismatch:
            raise WeightMismatchError(_report(reading.problems))
        warnings.warn(f"skipped: {problem}", stacklevel=3)
    arrays = [(variable, dataset.read()) for variable, dataset in reading.pairs]
    for variable, array in arrays:
        variable.assign(array)
    assigned = {id(variable) for variable, _ in arrays}
    for layer in walk(model):
        if any(id(variable) in assigned for variable in layer.own_weights):
            for variable in layer.merged_weights:
                variable.assign(np.zeros(variable.shape))
    return reading.places


def _report(problems: Sequence[str]) -> str:
    more = f"; and {len(problems) - 1} more such differences" if len(problems) > 1 else ""
    return problems[0] + more


def _readings(model: Model, state: StoredObject) -> Iterator[_Reading]:
    """What the file means to each Keras generation that may have written it."""
    checkpoint = "_layer_checkpoint_dependencies"
    if checkpoint in state.children:
        numberings: list[Numbering] = [
            ByClass(checkpoint, counts_twice=True, stored=state),
            ByClass(checkpoint, skips_visited=True, stored=state),
        ]
    else:
        numberings = [ByClass(stored=state), ByClass(skips_visited=True, stored=state)]
    for numbering in numberings:
        yield _read(model, state, places(model, numbering))
    by_name = ByName(state)
    named = places(model, by_name)
    if by_name.applicable:
        yield _read(model, state, named)


def _choose(readings: Sequence[_Reading], model: Model, state: StoredObject) -> _Reading:
    fitting = [reading for reading in readings if not reading.problems]
    if not fitting:
        return min(readings, key=lambda reading: len(reading.problems))
    if any(reading.assignment() != fitting[0].assignment() for reading in fitting):
        raise WeightMismatchError(
            f"{state.where}: its layers fit model '{model.name}' by order and also by name, but not in the same "
            "way; give the model's layers the names or the order that they have in the file"
        )
    return fitting[0]


def _read(model: Model, state: StoredObject, found: Sequence[Place]) -> _Reading:
    reading = _Reading(found)
    for place in found:
        _match(place, state, reading)
    placed = {id(variable) for place in found for variable in place.layer.own_weights}
    for variable in model.weights:
        if id(variable) not in placed:
            reading.problems.append(f"{state.where}: has no place for weight '{variable.path}' {variable.shape}")
    for node in state.walk():
        if node.variables and node.path not in reading.used and not _is_training_state(node):
            shapes = ", ".join(str(dataset.shape) for dataset in node.variables.values())
            reading.problems.append(
                f"{node.where}: holds variables ({shapes}) for which model '{model.name}' has no layer"
            )
    return reading


def _is_training_state(node: StoredObject) -> bool:
    return any(part.removeprefix("_") in _NOT_WEIGHTS for part in node.path.split("/"))


def _match(place: Place, state: StoredObject, reading: _Reading) -> None:
    """Pair a layer's own weights with the variables at its place, or note why they do not fit."""
    node = state.find(place.path)
    stored = node.variables if node else {}
    variables = place.layer.stored_variables({name: dataset.shape for name, dataset in stored.items()})
    path = f"{node.path if node else '/'.join(place.path)}/{VARIABLES}"
    where = f"{state.where.rstrip('/')}/{path.lstrip('/')}: {place.layer}"
    if node is not None:
        reading.used.add(node.path)
    if variables.keys() != stored.keys():
        reading.problems.append(_other_weights(where, variables, node))
        return
    pairs = [(variable, stored[name]) for name, variable in variables.items()]
    problems = [problem for pair in pairs if (problem := _mismatch(*pair))]
    if problems:
        reading.problems.append(f"{where}: {problems[0]}")
    else:
        reading.pairs += pairs


def _other_weights(where: str, variables: Mapping[str, Variable], node: StoredObject | None) -> str:
    try:
        datasets = node.in_order() if node else []
    except LoadError as error:
        return str(error)
    expected = ", ".join(f"'{variable.path}' {variable.shape}" for variable in variables.values()) or "none"
    stored = ", ".join(str(dataset.shape) for dataset in datasets) or "none"
    return f"{where}: weights expected: {expected}; received: {stored}"


def _mismatch(variable: Variable, dataset: Dataset) -> str | None:
    if variable.shape != dataset.shape:
        return f"weight '{variable.path}' has shape {variable.shape}, received {dataset.shape}"
    if (np.dtype(numpy_name(variable.dtype)).kind == "f") != (dataset.dtype.kind == "f"):
        return f"weight '{variable.path}' has dtype {variable.dtype}, received {dataset.dtype}"
    return None


# --- writing -----------------------------------------------------------------------


def save(model: Model, file: Any, *, optimizer: Mapping[str, np.ndarray] | None = None) -> None:
    """Write a model's weights into an empty h5py file, as Keras 3.15 does.

    optimizer: its variables, see `optimizer_state`. Raises SaveError for a weight that no attribute reaches.
    """
    found = places(model, ByClass(), layers_as_rebuilt)
    placed = {id(variable) for place in found for variable in place.layer.own_weights}
    for variable in model.weights:
        if id(variable) not in placed:
            raise SaveError(f"weight '{variable.path}' is in a layer that no attribute of its owner holds")
    for place in found:
        group = file.create_group("/".join((*place.path, VARIABLES)))
        group.attrs["name"] = place.layer.name
        for name, variable in place.layer.stored_variables({}).items():
            _write(group, name, variable)
    optimizer_state.write_v3(file, optimizer or {})


def _write(group: Any, name: str, variable: Variable) -> None:
    if variable.dtype == "bfloat16":
        group.create_dataset(name, data=as_bfloat16(variable.value)).attrs["dtype"] = "bfloat16"
    else:
        group[name] = variable.value


def as_bfloat16(array: np.ndarray) -> np.ndarray:
    """float32 rounded to the nearest bfloat16, ties to even, as two opaque bytes per element.

    Source: `round_to_bfloat16` in Eigen, which ml_dtypes uses.
    """
    bits = np.array(array, np.float32, order="C").view(np.uint32)
    rounded = (bits.astype(np.uint64) + 0x7FFF + ((bits >> 16) & 1)) >> 16
    halves = np.where(np.isnan(array), (bits >> 16) | 0x40, rounded).astype("<u2")
    return np.asarray(halves).view("V2")
