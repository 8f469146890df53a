"""A graph whose weights are constants, and which computes nothing that is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kcompat.ir import Builder, Constant, Graph, Parameter, Value
from kcompat.passes.fold_constants import fold_constants

_SMALL = 1 << 16
"""Bytes that a constant may have which is larger than what it is computed from: a file is not filled with zeros."""


def frozen(graph: Graph) -> Graph:
    """The graph with weights as constants under their paths; bfloat16, which is computed in float32, as float32."""
    b = Builder()
    values: dict[Value, Value] = {}
    for value in graph.inputs:
        values[value] = b.input(_wide(value), value.name)

    def read(value: Value) -> Value:
        if isinstance(value, Parameter) and value not in values:
            values[value] = Constant(np.asarray(value.variable.value), value.variable.path)
        return value if isinstance(value, Constant) else values[value]

    for node in graph.nodes:
        with b.origin(node.origin):
            operands = [None if value is None else read(value) for value in node.inputs]
            results = b.apply(node.op, *operands, **_wide_attributes(node.attrs))
        values.update(zip(node.outputs, results if isinstance(results, tuple) else (results,), strict=True))
    return folded(b.build([read(value) for value in graph.outputs]))


def folded(graph: Graph) -> Graph:
    """The graph with constants for what depends on constants alone."""
    return fold_constants(graph, largest=_SMALL)


def _wide(value: Value) -> Any:
    return value.type.with_dtype("float32") if value.dtype == "bfloat16" else value.type


def _wide_attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "float32" if value == "bfloat16" else value for name, value in attrs.items()}
