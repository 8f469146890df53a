"""The vocabularies of StringLookup, IntegerLookup and TextVectorization in a SavedModel.

Since TensorFlow 2.6 or so a table's tokens are constants that the graph hands over when it makes the table; before,
the checkpoint has them. Source: keras/layers/preprocessing/index_lookup.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kcompat.errors import FormatError

from .graph import SavedGraph
from .nodes import Described
from .objects import Objects

LOOKUPS = frozenset({"StringLookup", "IntegerLookup", "TextVectorization"})

_INNER = ("_lookup_layer", "_index_lookup_layer")
"""Where TextVectorization holds its lookup."""
_TABLES = ("lookup_table", "_table")


def read_vocabularies(graph: SavedGraph, objects: Objects, nodes: Mapping[str, Described]) -> dict[str, dict[str, Any]]:
    """What the configs of lookup layers lack, by the layers' names: vocabulary and, where there are, idf_weights."""
    found: dict[str, dict[str, Any]] = {}
    for path, node in nodes.items():
        if node.metadata.get("class_name") not in LOOKUPS or path.endswith(_INNER):
            continue
        settings = _settings(graph, objects, path)
        name = str(node.metadata.get("name"))
        if found.setdefault(name, settings) != settings:
            raise FormatError(f"{graph.where}: two layers are called '{name}', with different vocabularies")
    return found


def with_vocabularies(config: Any, found: Mapping[str, dict[str, Any]]) -> Any:
    """A model's config with the vocabularies in those of its layers."""
    if isinstance(config, list):
        return [with_vocabularies(item, found) for item in config]
    if not isinstance(config, Mapping):
        return config
    inner = config.get("config")
    if config.get("class_name") in LOOKUPS and isinstance(inner, Mapping) and inner.get("vocabulary") is None:
        return {**config, "config": {**inner, **found.get(str(inner.get("name")), {})}}
    return {key: with_vocabularies(item, found) for key, item in config.items()}


def _settings(graph: SavedGraph, objects: Objects, path: str) -> dict[str, Any]:
    """The vocabulary of the layer at a path, its special tokens too where its table has them."""
    for lookup in (path, *(f"{path}.{name}" for name in _INNER)):
        for table in _TABLES:
            pairs = _stored(objects, f"{lookup}.{table}") or _constants(graph, f"{lookup}.{table}")
            if pairs is None:
                continue
            tokens, places = pairs
            order = np.argsort(places, kind="stable")
            settings: dict[str, Any] = {"vocabulary": [_token(tokens[place]) for place in order]}
            weights = next(_weights(objects, path, lookup), None)
            if weights is not None and len(order):
                first = int(places[order[0]])
                settings["idf_weights"] = weights[first : first + len(order)].tolist()
            return settings
    return {}


def _stored(objects: Objects, path: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Keys and values of a table in the checkpoint."""
    number = objects.at(path)
    stored = objects.tensors(number).get("table") if number is not None else None
    return objects.table(stored) if stored is not None else None


def _constants(graph: SavedGraph, path: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Keys and values that the function captures which fills a table; the first capture is the table itself."""
    number = graph.at(f"{path}._initialize.trace_0")
    captures = graph.children(number) if number is not None else {}
    if not {"capture_1", "capture_2"} <= set(captures):
        return None
    keys, values = graph.constant(captures["capture_1"]), graph.constant(captures["capture_2"])
    if keys.ndim != 1 or keys.shape != values.shape:
        raise FormatError(f"{graph.where}: the table {path} has keys {keys.shape} and values {values.shape}")
    return (keys, values) if values.dtype.kind == "i" else (values, keys)


def _weights(objects: Objects, *paths: str) -> Iterator[np.ndarray]:
    for path in paths:
        for name in ("idf_weights", "_vectorize_layer.tf_idf_weights"):
            number = objects.at(f"{path}.{name}")
            if number is not None and "VARIABLE_VALUE" in objects.tensors(number):
                yield objects.value(objects.variable(number))


def _token(token: Any) -> Any:
    return token.decode("utf-8", "surrogateescape") if isinstance(token, bytes) else int(token)
