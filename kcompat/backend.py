"""What `keras.backend` has that is no tensor function."""

from __future__ import annotations

from collections import Counter
from typing import Any

from .ir.types import is_float
from .layers.operations.operation import standard_dtype
from .layers.symbolic import KerasTensor, is_keras_tensor
from .process import backend
from .settings import epsilon, floatx, image_data_format, set_epsilon, set_floatx, set_image_data_format
from .utils.session import clear_session

__all__ = [
    "KerasTensor",
    "backend",
    "clear_session",
    "epsilon",
    "floatx",
    "get_uid",
    "image_data_format",
    "is_float_dtype",
    "is_int_dtype",
    "is_keras_tensor",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "standardize_dtype",
]

_uids: Counter[str] = Counter()


def get_uid(prefix: str = "") -> int:
    """How many calls there were for this prefix, with this one."""
    _uids[prefix] += 1
    return _uids[prefix]


def standardize_dtype(dtype: Any) -> str:
    """The name of a dtype, floatx for None. Raises ArgumentError for an unknown one."""
    return floatx() if dtype is None else standard_dtype(dtype)


def is_float_dtype(dtype: Any) -> bool:
    """Whether a dtype is floating."""
    return is_float(standardize_dtype(dtype))


def is_int_dtype(dtype: Any) -> bool:
    """Whether a dtype is of integers."""
    return standardize_dtype(dtype).startswith(("int", "uint"))
