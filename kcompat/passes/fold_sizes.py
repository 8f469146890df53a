"""Sizes of tensors of known shape, and what depends on them."""

from __future__ import annotations

import numpy as np

from ..ir import Constant, Graph, Node, Value
from .fold_constants import fold_constants
from .remove_dead import remove_dead
from .rewrite import Rewrite, rewrite


def fold_sizes(graph: Graph) -> Graph:
    """Given nodes that ask for a size that is known. Result: constants, and what they determine computed."""
    if not any(node.op.name == "size" for node in graph.nodes):
        return graph
    return remove_dead(fold_constants(rewrite(graph, _fold)))


def _fold(work: Rewrite, node: Node, operands: list[Value | None]) -> list[Value] | None:
    x = operands[0] if operands else None
    if node.op.name != "size" or x is None or not isinstance(x.shape[node.attrs["axis"]], int):
        return None
    return [Constant(np.array(x.shape[node.attrs["axis"]], node.outputs[0].dtype))]
