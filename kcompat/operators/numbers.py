"""What floating numbers are, and their way to integers."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, DType, elementwise, not_differentiable, operator
from ..ir.types import TensorType
from .floating import require_float
from .gradients import binary


def _fmod_gradient(b: Builder, dy: Value, x: Value, y: Value) -> tuple[Value, Value]:
    quotient = b.div(x, y)
    whole = b.mul(b.sign(quotient), b.floor(b.abs(quotient)))
    return dy, b.neg(b.mul(dy, whole))


fmod = elementwise("fmod", np.fmod, operands="x y", gradient=binary(_fmod_gradient))
"""What a quotient rounded toward zero leaves, with the sign of x, as C's fmod."""


def _is_inf(x: np.ndarray, *, positive: bool, negative: bool) -> np.ndarray:
    return (np.isposinf(x) & positive) | (np.isneginf(x) & negative)


is_inf = operator(
    "is_inf",
    "x",
    attrs={"positive": Bool(True), "negative": Bool(True)},
    infer=lambda x, **_: require_float("is_inf", x).with_dtype("bool"),
    meaning=_is_inf,
    gradient=not_differentiable,
    pointwise=True,
)
"""Where x is infinite, of the signs that are asked for."""


def _to_int_type(x: TensorType, *, dtype: str) -> TensorType:
    if not dtype.startswith(("int", "uint")):
        raise DtypeError(f"float_to_int: gives integers, received dtype {dtype}")
    return require_float("float_to_int", x).with_dtype(dtype)


def _to_int(x: np.ndarray, *, dtype: str) -> np.ndarray:
    """By way of int64 where that holds the value, as processors do: what the target lacks wraps around."""
    if dtype == "uint64":
        return x.astype(np.uint64)
    return x.astype(np.int64).astype(dtype)


float_to_int = operator(
    "float_to_int",
    "x",
    attrs={"dtype": DType},
    infer=_to_int_type,
    meaning=_to_int,
    gradient=not_differentiable,
    pointwise=True,
)
"""The integer next to x toward zero."""
