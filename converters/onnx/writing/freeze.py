"""A graph whose weights are constants, and which computes nothing that is known beforehand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from kcompat.ir import Builder, Constant, Graph, Node, Parameter, Value
from kcompat.ir.types import numpy_name

_SMALL = 1 << 16
"""Bytes that a result may have, or as many as its operands: what grows stays a node."""


def frozen(graph: Graph) -> Graph:
    """The graph with weights as constants under their paths, and what depends on constants alone computed.

    bfloat16, which is computed in float32, becomes float32.
    """
    b = Builder()
    values: dict[Value, Value] = {value: b.input(_wide(value), value.name) for value in graph.inputs}
    weights: dict[Parameter, Constant] = {}

    def read(value: Value) -> Value:
        if isinstance(value, Parameter):
            return weights.setdefault(value, Constant(np.asarray(value.variable.value), value.variable.path))
        return value if isinstance(value, Constant) else values[value]

    for node in graph.nodes:
        operands = [None if value is None else read(value) for value in node.inputs]
        known = _known(node, operands)
        if known is None:
            with b.origin(node.origin):
                results = b.apply(node.op, *operands, **_wide_attributes(node.attrs))
            known = results if isinstance(results, tuple) else (results,)
        values.update(zip(node.outputs, known, strict=True))
    return b.build([read(value) for value in graph.outputs])


def _known(node: Node, operands: list[Value | None]) -> tuple[Value, ...] | None:
    """The results as constants, None where they depend on the inputs or take much more room."""
    constants = [value for value in operands if isinstance(value, Constant)]
    if len(constants) < sum(value is not None for value in operands) or node.op.name.startswith("host "):
        return None
    room = max(_SMALL, *(2 * value.data.nbytes for value in constants)) if constants else _SMALL
    if any((result.type.nbytes or 0) > room for result in node.outputs):
        return None
    with np.errstate(all="ignore"):
        given = (value.data if isinstance(value, Constant) else None for value in operands)
        arrays = node.op.meaning(*given, **_wide_attributes(node.attrs))
    arrays = arrays if isinstance(arrays, tuple) else (arrays,)
    name = next((value.name for value in constants if value.name), "")
    return tuple(
        Constant(np.asarray(array, numpy_name(result.dtype)), name)
        for array, result in zip(arrays, node.outputs, strict=True)
    )


def _wide(value: Value) -> Any:
    return value.type.with_dtype("float32") if value.dtype == "bfloat16" else value.type


def _wide_attributes(attrs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: "float32" if value == "bfloat16" else value for name, value in attrs.items()}
