"""Where gradients go another way than values."""

from __future__ import annotations

from ..errors import DtypeError, ShapeError
from ..ir.operator import operator
from ..ir.types import TensorType, fits
from .gradients import constant

stop_gradient = operator(
    "stop_gradient", "x", infer=lambda x: x, meaning=lambda x: x, gradient=constant, pointwise=True
)
"""x, through which no gradient passes."""


def _straight_type(x: TensorType, source: TensorType) -> TensorType:
    if x.dtype != source.dtype:
        raise DtypeError(f"straight_through: operands must have one dtype, received {x.dtype}, {source.dtype}")
    if not fits(x.shape, source.shape):
        raise ShapeError(f"straight_through: operands must have one shape, received {x}, {source}")
    return x


straight_through = operator(
    "straight_through",
    "x source",
    infer=_straight_type,
    meaning=lambda x, source: x,
    gradient=lambda b, gradients, inputs, _: [None, gradients[0]],
    pointwise=True,
)
"""x, whose gradient goes to `source`, of which x is a rounded form (Bengio et al. 2013)."""
