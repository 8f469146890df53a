"""Numbers of one type as another; comparisons of what chains do not hold."""

from __future__ import annotations

from ...ir import Node
from ..planner import Planner, lowers
from ..program import kernel, product

_WIDE = ("float32", "float64", "int32", "int64", "bool")
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
    if x.dtype not in (*_WIDE, *_SMALL) or y.dtype not in _WIDE:
        return False
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("convert.cast", source=x.dtype, target=y.dtype),
        [target, source, product(x.shape)],
        reads=[source],
        writes=[target],
        work=product(x.shape) / ELEMENTS,
        label=f"cast {x.dtype} {y.dtype}",
    )
    return True


@lowers("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
def compare(planner: Planner, node: Node) -> bool:
    """Of two tensors of one shape, or of a tensor and one number."""
    x, z = node.inputs
    y = node.outputs[0]
    assert x is not None
    assert z is not None
    count = product(y.shape)
    if x.dtype not in (*_WIDE, *_SMALL) or product(x.shape) != count or product(z.shape) not in (1, count):
        return False
    first, second, target = planner.place(x), planner.place(z), planner.place(y)
    planner.step(
        kernel("convert.compare", op=node.op.name, source=x.dtype),
        [target, first, second, count, int(product(z.shape) == count)],
        reads=[first, second],
        writes=[target],
        work=count / ELEMENTS,
        label=f"{node.op.name} {x.dtype}",
    )
    return True
