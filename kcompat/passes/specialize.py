"""A graph for inputs of known shapes."""

from __future__ import annotations

from collections.abc import Sequence

from ..ir import Graph, TensorType, Value
from ..ir.types import Shape
from .rewrite import keep, rewrite


def specialize(graph: Graph, shapes: Sequence[Shape]) -> Graph:
    """Given inputs with open sizes. Result: the same graph for inputs of these shapes.

    Raises ShapeError naming the node that does not take them.
    """
    inputs = [
        Value(TensorType(value.dtype, tuple(shape)), value.name)
        for value, shape in zip(graph.inputs, shapes, strict=True)
    ]
    special = rewrite(graph, keep, dict(zip(graph.inputs, inputs, strict=True)))
    special.inputs = inputs
    return special
