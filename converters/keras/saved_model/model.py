"""A SavedModel's metadata and checkpoint -> Model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from kcompat.errors import ConfigError, FormatError, WeightMismatchError
from kcompat.models import Model
from kcompat.models.training_state import TrainingState

from ...files.tensor_bundle import TensorBundle
from ..hdf5_weights import StoredLayer, assign
from ..reader import model_from_config
from ..spec import Writer
from .folder import INDEX, Folder
from .graph import SavedGraph
from .nodes import ROOT, Described, read_nodes
from .objects import Objects
from .vocabularies import LOOKUPS, read_vocabularies, with_vocabularies


def load_model(path: Any, custom_objects: Mapping[str, Any] | None, compile: bool) -> Model:
    """A model with its weights from a SavedModel folder of Keras 2. Raises LoadError."""
    folder = Folder(path)
    nodes = read_nodes(folder)
    root = nodes[ROOT]
    version = root.metadata.get("keras_version")
    with _checkpoint(folder) as objects:
        document = _document(root, folder)
        if any(node.metadata.get("class_name") in LOOKUPS for node in nodes.values()):
            document = with_vocabularies(document, read_vocabularies(SavedGraph(folder), objects, nodes))
        model = model_from_config(document, custom_objects, version if isinstance(version, str) else "2")
        _fill(model, objects, nodes, Writer(2, str(version or ""), "tensorflow"), folder.label)
    settings = root.metadata.get("training_config")
    if compile and isinstance(settings, dict):
        model.training_state = TrainingState(settings, "keras2")
    return model


@contextmanager
def _checkpoint(folder: Folder) -> Iterator[Objects]:
    index = folder.open(INDEX)
    try:
        bundle = TensorBundle(index, folder.open_shard)
    finally:
        index.close()
    try:
        yield Objects(bundle)
    finally:
        bundle.close()


def written_by(path: Any) -> tuple[str | None, str | None]:
    """The version of Keras that wrote a SavedModel folder, and its backend. Raises LoadError."""
    metadata = read_nodes(Folder(path))[ROOT].metadata
    version, backend = metadata.get("keras_version"), metadata.get("backend")
    return (version if isinstance(version, str) else None, backend if isinstance(backend, str) else None)


def _document(root: Described, folder: Folder) -> Mapping[str, Any]:
    """The architecture as HDF5 files of the same Keras have it."""
    document = root.metadata.get("model_config") or root.metadata
    if not isinstance(document, Mapping) or not isinstance(document.get("config"), (Mapping, list)):
        raise ConfigError(
            f"{folder.label}: {root.identifier} '{root.metadata.get('name')}' "
            f"({root.metadata.get('class_name')}) has no config of layers: only Sequential and functional models can "
            "be rebuilt without their Python code"
        )
    return {"class_name": document.get("class_name"), "config": _untagged(document["config"])}


_FACTS = ("has_input_vocabulary",)
"""What only these configs say beside a layer's settings."""


def _untagged(value: Any) -> Any:
    """Tuples and shapes as the lists that HDF5 files have; the arguments of calls keep their tags there too."""
    if isinstance(value, list):
        return [_untagged(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    if value.get("class_name") in ("__tuple__", "TensorShape") and isinstance(value.get("items"), list):
        return [_untagged(item) for item in value["items"]]
    return {
        key: item if key == "inbound_nodes" else _untagged(item) for key, item in value.items() if key not in _FACTS
    }


def _fill(model: Model, objects: Objects, nodes: Mapping[str, Described], writer: Writer, label: str) -> None:
    stored = [_stored(objects, number, name, label) for number, name in _layers(objects, nodes, label)]
    _check_complete(objects, stored, label)
    told = {str(node.metadata.get("name")) for node in nodes.values() if node.metadata.get("class_name") in LOOKUPS}
    assign(model, [layer for layer in stored if layer.name not in told], writer, label)


def _layers(objects: Objects, nodes: Mapping[str, Described], label: str) -> Iterator[tuple[int, str]]:
    """The outermost layers: their objects in the checkpoint, and their names."""
    places = {objects.at(path): node for path, node in nodes.items() if path.count(".") == 1}
    seen: set[int] = set()
    for attribute, number in objects.children(0).items():
        if attribute.startswith(("layer-", "layer_with_weights-")) and number not in seen:
            seen.add(number)
            node = places.get(number)
            name = node.metadata.get("name") if node else None
            if not isinstance(name, str):
                raise FormatError(f"{label}: the metadata does not say what layer {ROOT}.{attribute} is called")
            yield number, name


def _stored(objects: Objects, number: int, name: str, label: str) -> StoredLayer:
    """A layer's weights in Keras's order, trainable ones first; as they were made if the order is not stored."""
    listed = objects.listed(number, "variables")
    variables = [objects.variable(place) for place in listed] if listed else list(objects.variables_below(number))
    arrays = [objects.value(variable) for variable in variables]
    return StoredLayer(name, [variable.name for variable in variables], arrays, label)


def _check_complete(objects: Objects, stored: list[StoredLayer], label: str) -> None:
    """Raises WeightMismatchError for weights of the model that are in no layer."""
    own = {objects.variable(place).name for place in objects.listed(0, "variables")}
    lost = sorted(own - {name for layer in stored for name in layer.names})
    if lost:
        raise WeightMismatchError(f"{label}: the weights {', '.join(lost[:5])} of the model are in none of its layers")
