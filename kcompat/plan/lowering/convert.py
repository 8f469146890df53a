"""Numbers of one type as another."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, lowers
from ..program import kernel, product

_WIDE = ("float32", "float64", "int32", "int64", "bool")
_WHOLE = ("int32", "int64", "int8", "uint8")
_SMALL = ("uint8", "int8", "uint32")
ELEMENTS = 4.0
"""Converted per nanosecond, for estimates of work."""


@lowers("cast")
def cast(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    if x.dtype == y.dtype:
        planner.alias(y, x)
        return True
    return x.dtype in (*_WIDE, *_SMALL) and y.dtype in _WIDE and _convert(planner, node)


@lowers("float_to_int")
def float_to_int(planner: Planner, node: Node) -> bool:
    """By way of int64, as NumPy's meaning."""
    x = node.inputs[0]
    assert x is not None
    return x.dtype in ("float32", "float64") and node.outputs[0].dtype in _WHOLE and _convert(planner, node, by_int64=1)


def _convert(planner: Planner, node: Node, **parameters: int) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("convert.cast", source=x.dtype, target=y.dtype, **parameters),
        [target, source, product(x.shape)],
        reads=[source],
        writes=[target],
        work=product(x.shape) / ELEMENTS,
        label=f"cast {x.dtype} {y.dtype}",
    )
    return True
