"""The file of a SavedModel's graph, as far as it is read: the tree of objects, and constants by name.

Sources: tensorflow/core/protobuf/saved_model.proto, meta_graph.proto and saved_object_graph.proto;
tensorflow/core/framework/node_def.proto and tensor.proto.
"""

from __future__ import annotations

from functools import cached_property
from math import prod

import numpy as np

from kcompat.errors import FormatError

from ...files.cursor import Cursor
from ...files.wire import Message, varint
from .folder import GRAPH, Folder

_INT64, _STRING = 9, 7


class SavedGraph:
    """An open graph file. Raises FormatError where it is damaged."""

    def __init__(self, folder: Folder) -> None:
        source = folder.open(GRAPH)
        self.where = source.label
        try:
            graphs = list(Message(source.map(0, source.size), source.label).messages(2))
        finally:
            source.close()
        self._graph = graphs[0] if len(graphs) == 1 else Message(b"", source.label)

    @cached_property
    def objects(self) -> list[Message]:
        """The objects by number, none in a file of TensorFlow 1."""
        return [item for tree in self._graph.messages(7) for item in tree.messages(1)]

    def object(self, number: int) -> Message:
        if number >= len(self.objects):
            raise FormatError(
                f"{self.where}: names object {number} of {len(self.objects)}. The file is damaged; fetch it again."
            )
        return self.objects[number]

    def children(self, number: int) -> dict[str, int]:
        """The objects that one holds, by attribute."""
        return {child.text(2): child.integer(1) for child in self.object(number).messages(1)}

    def at(self, path: str) -> int | None:
        """The object at a path like "root.layer-1.cell"; None where there is none."""
        number = 0
        for name in path.split(".")[1:]:
            found = self.children(number).get(name)
            if found is None:
                return None
            number = found
        return number

    def constant(self, number: int) -> np.ndarray:
        """The elements of an object that is a constant of the graph: strings, as bytes, or 64-bit integers."""
        name = next((item.text(1) for item in self.object(number).messages(9)), None)
        if name not in self._constants:
            raise FormatError(f"{self.where}: object {number} is no constant of the graph. The file is damaged.")
        return _elements(self._constants[name])

    @cached_property
    def _constants(self) -> dict[str, Message]:
        """The tensors of all nodes that are constants, by the nodes' names."""
        found = {}
        for node in (node for graph in self._graph.messages(2) for node in graph.messages(1)):
            if node.text(2) == "Const":
                values = {entry.text(1): value for entry in node.messages(5) for value in entry.messages(2)}
                tensor = next(values["value"].messages(8), None) if "value" in values else None
                if tensor is not None:
                    found[node.text(1)] = tensor
        return found


def _elements(tensor: Message) -> np.ndarray:
    dtype = tensor.integer(1)
    shape = tuple(dim.integer(1) for shape in tensor.messages(2) for dim in shape.messages(2))
    elements: list[bytes] | list[int]
    if dtype == _STRING:
        elements = [bytes(item) for item in tensor.all_bytes(8)]
    elif dtype == _INT64:
        elements = _integers(tensor)
    else:
        raise FormatError(f"{tensor.where}: a constant has TensorFlow's dtype {dtype}, which is not supported")
    if len(elements) == 1 < prod(shape) <= 2**24:
        elements = elements * prod(shape)
    if len(elements) != prod(shape):
        raise FormatError(f"{tensor.where}: a constant of shape {shape} has {len(elements)} elements")
    return np.array(elements, dtype=object if dtype == _STRING else np.int64).reshape(shape)


def _integers(tensor: Message) -> list[int]:
    """As bytes one after the other, or as varints."""
    content = b"".join(tensor.all_bytes(4))
    if content:
        if len(content) % 8:
            raise FormatError(f"{tensor.where}: a constant of 64-bit integers has {len(content)} bytes")
        return np.frombuffer(content, "<i8").tolist()
    found: list[int] = []
    for packed in tensor.all_bytes(10):
        cursor = Cursor(packed, tensor.where)
        while cursor.left:
            value = varint(cursor)
            found.append(value - (1 << 64) if value >> 63 else value)
    return found
