"""Writes weights in the HDF5 layout of Keras 1 to 3: one group per layer, named by `layer_names`.

Loaders go by order alone: layers in the model's order, and within a layer what is trainable before the
rest. Source: keras/src/legacy/saving/legacy_h5_format.py and tf_keras/src/saving/legacy/hdf5_format.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from kcompat.errors import SaveError
from kcompat.ir import Variable
from kcompat.layers import Layer
from kcompat.models import Model, Sequential

from .saveables import layers_as_rebuilt

Form = Literal["keras2", "keras3"]

KERAS_VERSION: dict[Form, str] = {"keras2": "2.15.0", "keras3": "3.15.1"}
"""The release whose form is written."""

BACKEND = "tensorflow"

_ATTRIBUTE_BYTES = 64512  # HDF5's limit for an object header, as Keras has it


def save(model: Model, group: Any, *, form: Form = "keras3") -> None:
    """Write a model's weights into an empty h5py group.

    form: "keras3", or "keras2", in which names end in ":0" and flags of nested models do not count.
    Raises SaveError for layer names that cannot be groups of one file.
    """
    layers = layers_as_rebuilt(model)
    write_names(group, "layer_names", [layer.name for layer in layers])
    group.attrs["backend"] = BACKEND.encode()
    group.attrs["keras_version"] = KERAS_VERSION[form].encode()
    for layer in sorted(layers, key=lambda layer: layer.name):
        try:
            write_arrays(group.require_group(layer.name), _named(layer, form))
        except (ValueError, TypeError) as error:
            raise SaveError(
                f"{layer}: its name cannot be a group of an HDF5 file beside the others: {error}; rename the layer"
            ) from error
    write_arrays(group.create_group("top_level_model_weights"), _arrays(_own_names(model), form))


def write_arrays(group: Any, arrays: Mapping[str, np.ndarray]) -> None:
    """Arrays in order, under `weight_names`."""
    write_names(group, "weight_names", list(arrays))
    for name, array in arrays.items():
        group.create_dataset(name, data=array)


def write_names(group: Any, attribute: str, names: Sequence[str]) -> None:
    """A list of names as an attribute, split over several where it exceeds HDF5's limit.

    Source: `save_attributes_to_hdf5_group` in Keras.
    """
    encoded = [name.encode() for name in names]
    if max(map(len, encoded), default=0) > _ATTRIBUTE_BYTES:
        raise SaveError(f"a name in '{attribute}' has more than {_ATTRIBUTE_BYTES} bytes; shorten it")
    chunks = [np.asarray(encoded)]
    while any(chunk.nbytes > _ATTRIBUTE_BYTES for chunk in chunks):
        chunks = np.array_split(np.asarray(encoded), len(chunks) + 1)
    if len(chunks) == 1:
        group.attrs[attribute] = encoded
        return
    for number, chunk in enumerate(chunks):
        group.attrs[f"{attribute}{number}"] = chunk


# --- order and names ---------------------------------------------------------------


def _named(layer: Layer, form: Form) -> dict[str, np.ndarray]:
    paths = list(_paths(layer, (), form))
    names = {id(variable): name for variable, name in paths}
    ordered = dict.fromkeys(_trainable(layer, form) + [variable for variable, _ in paths])
    return _arrays([(names[id(variable)], variable) for variable in ordered], form)


def _trainable(layer: Layer, form: Form) -> list[Variable]:
    """What counts as trainable once the file is loaded."""
    if not layer.trainable and _restores_flag(layer, form):
        return []
    found = [variable for variable in layer.own_weights if variable.trainable]
    for inner in _inner(layer):
        found += _trainable(inner, form)
    return found


def _restores_flag(layer: Layer, form: Form) -> bool:
    """Whether loading a config restores `trainable`: of models only for functional ones of Keras 3."""
    return not isinstance(layer, Model) or (form == "keras3" and not isinstance(layer, Sequential))


def _inner(layer: Layer) -> list[Layer]:
    return layers_as_rebuilt(layer) if isinstance(layer, Model) else layer.sublayers


def _paths(layer: Layer, outer: tuple[str, ...], form: Form) -> Iterator[tuple[Variable, str]]:
    """All weights in Keras's order, each with the names of the layers around it and its own.

    To Keras 2 the state of layers without weights, such as the term weights of lookups, are weights too.
    """
    kept = layer.stored_variables({}).values() if form == "keras2" else ()
    for variable in layer.own_weights or kept:
        yield variable, "/".join((*outer, layer.name, variable.name))
    for inner in _inner(layer):
        yield from _paths(inner, (*outer, layer.name), form)


def _own_names(model: Model) -> list[tuple[str, Variable]]:
    return [(f"{model.name}/{variable.name}", variable) for variable in model.own_weights]


def _arrays(weights: Sequence[tuple[str, Variable]], form: Form) -> dict[str, np.ndarray]:
    """Distinct dataset names, and the arrays as they are stored: bfloat16 widened to float32."""
    used: Counter[str] = Counter()
    arrays: dict[str, np.ndarray] = {}
    for name, variable in weights:
        used[name] += 1
        unique = name if used[name] == 1 else f"{name}_{used[name] - 1}"
        arrays[unique + (":0" if form == "keras2" else "")] = variable.value
    return arrays
