"""What Keras says about each object of a SavedModel: in a file of its own, before TensorFlow 2.5 in the graph's.

Source: keras/protobuf/saved_metadata.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcompat.errors import FormatError

from ...files import parse_json
from ...files.wire import Message
from .folder import GRAPH, METADATA, Folder
from .graph import SavedGraph

ROOT = "root"

_IN_WORDS = (
    "holds a graph of TensorFlow operations without the metadata from which Keras's layers could be rebuilt; "
    "Keras 3's export(), tf.saved_model.save and TensorFlow 1 write such folders. What to do: where the model can "
    "still be loaded with its Keras, save it as .keras or .h5; else convert the graph with TensorFlow's converter "
    "(python -m tf2onnx.convert --saved-model FOLDER --output model.onnx) and load the .onnx file"
)


@dataclass(frozen=True)
class Described:
    """One object. path: attributes that lead to it, "root.layer-1". identifier: Keras's kind, "_tf_keras_layer"."""

    path: str
    identifier: str
    metadata: Mapping[str, Any]


def read_nodes(folder: Folder) -> dict[str, Described]:
    """The objects of Keras by path. Raises FormatError if there is no root among them."""
    if METADATA in folder:
        nodes = {node.path: node for node in _from_metadata(folder)}
    elif GRAPH in folder:
        nodes = {node.path: node for node in _from_graph(SavedGraph(folder))}
    else:
        raise FormatError(f"{folder.label}: has neither {METADATA} nor a binary {GRAPH}. The SavedModel is incomplete.")
    if ROOT not in nodes:
        raise FormatError(f"{folder.label}: {_IN_WORDS}.")
    return nodes


def _from_metadata(folder: Folder) -> Iterator[Described]:
    source = folder.open(METADATA)
    try:
        content = source.read(0, source.size)
    finally:
        source.close()
    for node in Message(content, source.label).messages(1):
        yield _described(node.text(3), node.text(4), node.text(5), source.label)


def _described(path: str, identifier: str, text: str, label: str) -> Described:
    where = f"{label}: metadata of {path}"
    metadata = parse_json(text, where) if text else {}
    if not isinstance(metadata, Mapping):
        raise FormatError(f"{where} must be an object, received {type(metadata).__name__}")
    return Described(path, identifier, metadata)


def _from_graph(graph: SavedGraph) -> Iterator[Described]:
    """The objects that Keras described, each at the first path that leads to it."""
    paths = {0: ROOT}
    pending = [0] if graph.objects else []
    for number in pending:
        user = next(graph.object(number).messages(4), None)
        if user is not None and user.text(1).startswith("_tf_keras") and user.text(3):
            yield _described(paths[number], user.text(1), user.text(3), graph.where)
        for name, target in graph.children(number).items():
            if target not in paths:
                paths[target] = f"{paths[number]}.{name}"
                pending.append(target)
