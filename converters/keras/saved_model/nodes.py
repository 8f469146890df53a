"""What Keras says about each object of a SavedModel: in a file of its own, before TensorFlow 2.5 in the graph's.

Sources: keras/protobuf/saved_metadata.proto; tensorflow/core/protobuf/saved_model.proto, meta_graph.proto and
saved_object_graph.proto.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kcompat.errors import FormatError

from ...files import parse_json
from ...files.wire import Message
from .folder import GRAPH, METADATA, Folder

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
        nodes = {node.path: node for node in _from_graph(folder)}
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


def _from_graph(folder: Folder) -> Iterator[Described]:
    """Of the graph's file, which is large, only the tree of objects is looked at."""
    source = folder.open(GRAPH)
    try:
        graphs = list(Message(source.map(0, source.size), source.label).messages(2))
        trees = [tree for graph in graphs for tree in graph.messages(7)]
        if len(trees) == 1:
            yield from _described_in(list(trees[0].messages(1)), source.label)
    finally:
        source.close()


def _described_in(objects: list[Message], label: str) -> Iterator[Described]:
    """The objects that Keras described, each at the first path that leads to it."""
    paths = {0: ROOT}
    pending = [0]
    for number in pending:
        if number >= len(objects):
            raise FormatError(f"{label}: names object {number} of {len(objects)}. The file is damaged; fetch it again.")
        user = next(objects[number].messages(4), None)
        if user is not None and user.text(1).startswith("_tf_keras") and user.text(3):
            yield _described(paths[number], user.text(1), user.text(3), label)
        for child in objects[number].messages(1):
            target = child.integer(1)
            if target not in paths:
                paths[target] = f"{paths[number]}.{child.text(2)}"
                pending.append(target)
