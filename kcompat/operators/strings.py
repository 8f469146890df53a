"""Elements of string tensors: str, taken as UTF-8, or bytes, as TensorFlow has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError, InputError
from ..ir.types import TensorType, is_float


def as_bytes(element: Any) -> bytes:
    """The bytes of one element. Raises InputError for what is neither str nor bytes."""
    if isinstance(element, bytes):
        return bytes(element)
    if isinstance(element, str):
        return element.encode("utf-8", "surrogateescape")
    raise InputError(f"a string tensor holds str or bytes, received {element!r:.80} ({type(element).__name__})")


def as_text(element: Any) -> str:
    """The same as str; bytes that are no UTF-8 become surrogates, which `as_bytes` turns back."""
    return as_bytes(element).decode("utf-8", "surrogateescape")


def keys_of(array: np.ndarray) -> list[Any]:
    """The elements in row-major order, as they are compared and hashed: bytes, or Python numbers."""
    if array.dtype.kind in "OUS":
        return [as_bytes(element) for element in array.flat]
    return array.ravel().tolist()


def each(function: Callable[[Any], int], array: np.ndarray) -> np.ndarray:
    """int64 of the array's shape: what `function` gives for every element."""
    found = [function(key) for key in keys_of(array)]
    return np.array(found, np.int64).reshape(array.shape)


def require_categories(name: str, x: TensorType) -> None:
    """Raises DtypeError unless x holds strings or integers."""
    if x.dtype != "string" and (is_float(x.dtype) or x.dtype.startswith("complex")):
        raise DtypeError(f"{name}: needs strings or integers, received {x.dtype}")
