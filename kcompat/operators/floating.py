"""Cards of functions that are defined for floating tensors only."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import DtypeError
from ..ir.operator import Attribute, Gradient, Meaning, Operator, operator
from ..ir.types import TensorType, is_float


def require_float(name: str, x: TensorType) -> TensorType:
    """x's type. Raises DtypeError unless it is floating."""
    if not is_float(x.dtype):
        raise DtypeError(f"{name}: needs a floating operand, received {x.dtype}")
    return x


def function(
    name: str,
    meaning: Meaning,
    *,
    attrs: Mapping[str, Attribute] | None = None,
    gradient: Gradient | None = None,
    onnx: str | None = None,
) -> Operator:
    """A function of each element, in the operand's dtype."""
    return operator(
        name,
        "x",
        infer=lambda x, **_: require_float(name, x),
        meaning=meaning,
        attrs=attrs,
        gradient=gradient,
        onnx=onnx,
        pointwise=True,
    )
