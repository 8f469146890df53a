"""Weights in the HDF5 layout of Keras 1, 2 and 3: one group per layer, named by `layer_names`.

Layers are matched by name, or in order where the names are others; weights within a layer by name,
or in Keras's order. Shapes must be equal. Nothing is assigned until everything has matched.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kcompat.errors import WeightMismatchError
from kcompat.ir import Variable
from kcompat.layers import Layer
from kcompat.models import Model

from ..files import Group
from . import keras1, layouts
from .spec import Writer

Pairs = list[tuple[Variable, np.ndarray]]


@dataclass
class StoredLayer:
    """One layer's weights as the file has them."""

    name: str
    names: list[str]
    arrays: list[np.ndarray]
    where: str


def load(
    model: Model,
    group: Group,
    writer: Writer,
    *,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Fill a model from a weights group. Raises WeightMismatchError naming file, layer and weight."""
    stored = [_read(group, name) for name in group.attr_list("layer_names")]
    own = _top_level(model, group)
    assign(model, stored, writer, group.where, own=own, by_name=by_name, skip_mismatch=skip_mismatch)


def assign(
    model: Model,
    stored: Sequence[StoredLayer],
    writer: Writer,
    where: str,
    *,
    own: Pairs | None = None,
    by_name: bool = False,
    skip_mismatch: bool = False,
) -> None:
    """Fill a model with the weights of layers, wherever they were stored, and with its own.

    where: what messages call the file. Raises WeightMismatchError naming file, layer and weight.
    """
    if writer.generation == 1:
        names = [name for entry in stored for name in entry.names]
        writer = writer._replace(backend=keras1.known_backend(model, names, writer.backend))
    pairs: Pairs = []
    for layer, entry in _match_layers(model, stored, where, by_name):
        try:
            pairs += _match_weights(layer, entry, writer)
        except WeightMismatchError as error:
            if not skip_mismatch:
                raise
            warnings.warn(f"skipped: {error}", stacklevel=4)
    pairs += own or []
    layouts.adopt_backend(model, writer)
    model.structure_changed()
    for variable, array in pairs:
        variable.assign(array)


def _read(group: Group, name: str) -> StoredLayer:
    inner = group.group(name)
    names = inner.attr_list("weight_names")
    return StoredLayer(name, names, [inner.dataset(weight).read() for weight in names], inner.where)


def _match_layers(
    model: Model, stored: Sequence[StoredLayer], where: str, by_name: bool
) -> list[tuple[Layer, StoredLayer]]:
    filled = [entry for entry in stored if entry.arrays]
    entries = {entry.name: entry for entry in filled}
    layers = [layer for layer in model.layers if layer.weights or _kept_state(layer, entries.get(layer.name))]
    if by_name:
        return [(layer, entries[layer.name]) for layer in layers if layer.name in entries]
    if {layer.name for layer in layers} == set(entries):
        return [(layer, entries[layer.name]) for layer in layers]
    if len(layers) != len(filled):
        raise WeightMismatchError(
            f"{where}: has weights for {len(filled)} layers ({_some(entries)}), model '{model.name}' has "
            f"{len(layers)} layers with weights ({_some(layer.name for layer in layers)}); "
            "pass by_name=True to load the layers whose names occur on both sides"
        )
    return list(zip(layers, filled, strict=True))


def _some(names: object) -> str:
    listed = [str(name) for name in names]  # type: ignore[attr-defined]
    return ", ".join(listed[:6]) + (", ..." if len(listed) > 6 else "")


def _match_weights(layer: Layer, entry: StoredLayer, writer: Writer) -> Pairs:
    if writer.generation == 1:
        arrays = keras1.convert_weights(layer, entry.names, entry.arrays, backend=writer.backend)
        return _in_order(layer, layer.weights, entry, arrays)
    variables = _by_path(layer, entry) or _legacy_order(layer) or _kept_state(layer, entry)
    arrays = layouts.convert(layer, variables, entry.arrays, backend=writer.backend)
    return _in_order(layer, variables, entry, arrays)


def _by_path(layer: Layer, entry: StoredLayer) -> list[Variable] | None:
    """The layer's weights in the file's order, if the stored paths name each of them exactly once."""
    variables: dict[str, list[Variable]] = {}
    for weight in layer.weights:
        variables.setdefault(weight.path, []).append(weight)
    found: list[Variable] = []
    for name in entry.names:
        variable = _longest_suffix(name.removesuffix(":0"), variables)
        if variable is None:
            return None
        found.append(variable)
    return found if len({id(v) for v in found}) == len(found) == len(layer.weights) else None


def _longest_suffix(name: str, variables: dict[str, list[Variable]]) -> Variable | None:
    """The one weight whose path is the stored path or an end of it."""
    parts = name.split("/")
    for start in range(len(parts) - 1):
        candidates = variables.get("/".join(parts[start:]), [])
        if candidates:
            return candidates[0] if len(candidates) == 1 else None
    return None


def _legacy_order(layer: Layer) -> list[Variable]:
    """Keras 2's order: what is trainable under the layers' flags, then the rest."""
    return layer.trainable_weights + layer.non_trainable_weights


def _kept_state(layer: Layer, entry: StoredLayer | None) -> list[Variable]:
    """What Keras 2 counts as weights of a layer that has none today."""
    if entry is None:
        return []
    return list(layer.stored_variables({str(i): array.shape for i, array in enumerate(entry.arrays)}).values())


def _in_order(layer: Layer, variables: Sequence[Variable], entry: StoredLayer, arrays: Sequence[np.ndarray]) -> Pairs:
    where = f"{entry.where}: layer '{layer.name}' ({type(layer).__name__})"
    if len(variables) != len(arrays):
        raise WeightMismatchError(
            f"{where} has {len(arrays)} weights in the file ({_some(entry.names)}), "
            f"{len(variables)} by its config ({_some(v.path for v in variables)})"
        )
    for variable, array in zip(variables, arrays, strict=True):
        if variable.shape != array.shape:
            raise WeightMismatchError(
                f"{where}: weight '{variable.path}' has shape {array.shape} in the file, {variable.shape} by its "
                "config; pass skip_mismatch=True to leave such layers as they are"
            )
    _check_roles(where, variables, entry)
    return list(zip(variables, arrays, strict=True))


def _check_roles(where: str, variables: Sequence[Variable], entry: StoredLayer) -> None:
    """Raises WeightMismatchError where names prove that equal shapes stand for different weights."""
    if len(entry.names) != len(variables):
        return
    roles = {variable.name for variable in variables}
    for variable, name in zip(variables, entry.names, strict=True):
        stored = name.removesuffix(":0").rpartition("/")[2]
        if stored in roles and stored != variable.name:
            raise WeightMismatchError(
                f"{where}: weights are stored as {_some(entry.names)}; '{stored}' would become '{variable.path}'"
            )


def _top_level(model: Model, group: Group) -> Pairs:
    """Weights of the model itself, in no layer."""
    if "top_level_model_weights" not in group:
        return []
    inner = group.group("top_level_model_weights")
    names = inner.attr_list("weight_names") if inner.has_attr_list("weight_names") else []
    if len(names) != len(model.own_weights):
        raise WeightMismatchError(
            f"{inner.where}: has {len(names)} weights, model '{model.name}' has {len(model.own_weights)} of its own"
        )
    return [(v, inner.dataset(name).read()) for v, name in zip(model.own_weights, names, strict=True)]
