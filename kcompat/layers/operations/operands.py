"""What operations are called with, as Values in the dtypes that Keras gives them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...errors import ArgumentError
from ...ir import Value
from ...ir.types import ir_dtype
from ..emitter import Emitter
from .promotion import result_type

_DEFAULTS = {"int64": "int32", "float64": "float32"}
"""What Python numbers become, whose NumPy dtypes are wider."""


def is_number(x: Any) -> bool:
    """Whether x is a Python number that is weak in promotions; True and False are not."""
    return isinstance(x, (int, float)) and not isinstance(x, (bool, np.generic))


def cast(b: Emitter, x: Value, dtype: str) -> Value:
    return x if x.dtype == dtype else b.cast(x, dtype=dtype)


def as_value(b: Emitter, x: Any, dtype: str | None = None) -> Value:
    """A Value of what may be an array, a number or nested lists of them, cast to a dtype if one is given.

    Raises ArgumentError for anything else.
    """
    if not isinstance(x, Value):
        x = b.constant(_array(x, dtype))
    return x if dtype is None else cast(b, x, dtype)


def _array(x: Any, dtype: str | None) -> np.ndarray:
    if isinstance(x, (np.ndarray, np.generic)):
        return np.asarray(x)
    try:
        array = np.asarray(x)
        if array.dtype.kind not in "biuf":
            raise TypeError
        narrow = _DEFAULTS.get(array.dtype.name, array.dtype.name)
        weak = is_number(x) and dtype is not None and dtype != "bool"
        return np.asarray(x, dtype if weak and dtype != "bfloat16" else narrow)
    except (TypeError, ValueError, OverflowError):
        raise ArgumentError(f"a tensor, an array or numbers are needed, received {x!r:.100}") from None


def promotion_dtype(x: Any) -> str:
    """The dtype with which an operand enters a promotion."""
    if isinstance(x, Value):
        return x.dtype
    if is_number(x):
        return "int" if isinstance(x, int) else "float"
    array = _array(x, None)
    return ir_dtype(array)


def meet(b: Emitter, *operands: Any, floating: bool = False) -> list[Value]:
    """The operands in the dtype in which they meet; Python numbers are weak. floating: not in an integer one."""
    dtype = result_type(*map(promotion_dtype, operands), *(["float"] if floating else []))
    return [as_value(b, x, dtype) for x in operands]


def meet_strong(b: Emitter, *operands: Any, floating: bool = False) -> list[Value]:
    """The same, where Keras makes tensors of Python numbers before it looks at dtypes."""
    return meet(b, *(as_value(b, x) for x in operands), floating=floating)


def as_floating(b: Emitter, x: Any) -> Value:
    """The operand in a floating dtype: float32 for integers."""
    return meet_strong(b, x, floating=True)[0]


def tensors(b: Emitter, xs: Any) -> list[Value]:
    """The operands of a list, in the dtype in which they meet. Raises ArgumentError unless it is a list of some."""
    if isinstance(xs, Value) or not isinstance(xs, Sequence) or not xs:
        raise ArgumentError(f"a list of tensors is needed, received {xs!r:.100}")
    return meet_strong(b, *xs)
