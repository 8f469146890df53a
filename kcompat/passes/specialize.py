"""A graph for inputs of known shapes."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Graph, TensorType, Value
from ..ir.types import Shape
from .fuse_elementwise import fuse_elementwise, has_open_chains
from .remove_dead import remove_dead
from .rewrite import keep, rewrite


def specialize(graph: Graph, shapes: Sequence[Shape]) -> Graph:
    """Given inputs with open sizes. Result: the same graph for inputs of these shapes, in which more chains may fuse.

    Raises ShapeError naming the node that does not take them.
    """
    inputs = [
        Value(TensorType(value.dtype, tuple(shape)), value.name)
        for value, shape in zip(graph.inputs, shapes, strict=True)
    ]
    special = rewrite(graph, keep, dict(zip(graph.inputs, inputs, strict=True)))
    special.inputs = inputs
    return remove_dead(fuse_elementwise(special)) if has_open_chains(graph) else special
