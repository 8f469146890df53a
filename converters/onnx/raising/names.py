"""Names of layers, from those of nodes.

Exporters write the path of the module, or of the layer, and at its end the operator: `/layer1/conv1/Conv`,
`model/dense_1/BiasAdd`. The layer takes the path: `layer1_conv1`, `dense_1`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import takewhile

from kcompat.ir import Node

_NODE = re.compile(r"node '(.*?)' \((?:[\w.]*\.)?(\w+)\)")


def node_name(node: Node | None) -> tuple[str, str]:
    """The name of the ONNX node that a node comes from, the first of several that were joined, and its operator."""
    match = _NODE.search(node.origin if node is not None else "")
    return (match[1].partition(";")[0], match[2]) if match else ("", node.op.name if node is not None else "")


def _parts(name: str) -> list[str]:
    return [part for part in name.split("/") if part]


def scope_of(node: Node | None) -> str:
    """The path without the operator at its end; empty where the name is no path."""
    name, _ = node_name(node)
    return "/".join(_parts(name)[:-1])


class LayerNames:
    """Gives each layer a name of its own that Keras accepts."""

    def __init__(self, nodes: Iterable[Node], taken: Iterable[str] = ()) -> None:
        paths = [_parts(name)[:-1] for name in (node_name(node)[0] for node in nodes) if _parts(name)[1:]]
        alike = takewhile(lambda parts: len(set(parts)) == 1, zip(*(path[:-1] for path in paths), strict=False))
        self._shared = len(list(alike)) if len(paths) > 1 else 0
        self._used = set(taken)

    def unique(self, node: Node | None, kind: str, appended: bool = False) -> str:
        """A name for a layer made of a node. kind: what it is, the name where the node has none.

        appended: the layer stands beside the one of the node's own name.
        """
        own = self.base(node)
        name = sanitised("_".join(filter(None, (own, kind if appended or not own else ""))))
        unique, count = name, 0
        while unique in self._used:
            count += 1
            unique = f"{name}_{count}"
        self._used.add(unique)
        return unique

    def release(self, name: str) -> None:
        """Let a name be given again: its layer is in no model."""
        self._used.discard(name)

    def base(self, node: Node | None) -> str:
        """The name that a node's path gives."""
        name, op = node_name(node)
        parts = _parts(name)[self._shared if "/" in name else 0 :]
        if len(parts) > 1:
            parts = parts[:-1]
        elif parts and re.fullmatch(rf"{op}(_\d+)?", parts[0]) and "/" in name:
            parts = [op]
        nested = [
            part for part, inner in zip(parts, [*parts[1:], ""], strict=False) if not inner.startswith(f"{part}.")
        ]
        return "_".join(nested)


def sanitised(name: str) -> str:
    """A name that every backend of Keras takes: letters, digits and underscores, not beginning with one of these."""
    text = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_")
    return text or "layer"
