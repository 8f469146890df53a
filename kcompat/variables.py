"""`keras.Variable`, as people make it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import initializers, ir, settings
from .errors import ArgumentError
from .ir.types import ir_dtype
from .naming import unique_name


class _AnyVariable(type):
    """Lets every variable be an instance, whoever made it."""

    def __instancecheck__(cls, thing: Any) -> bool:
        return isinstance(thing, ir.Variable)


class Variable(ir.Variable, metaclass=_AnyVariable):
    """A named array that layers and graphs may hold. Source: keras.Variable.

    initializer: the value, as an array or nested numbers; or an initializer, its name or a function of shape and
    dtype, for which `shape` is needed. dtype: by default that of the value, `floatx()` for Python's floats.
    autocast, aggregation and synchronization are taken and change nothing. Raises ArgumentError.
    """

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
    ) -> None:
        name = name or unique_name("variable")
        if isinstance(initializer, str) or callable(initializer):
            if shape is None:
                raise ArgumentError(f"Variable '{name}': shape= is needed when an initializer makes the value")
            super().__init__(name, tuple(shape), dtype or settings.floatx(), initializers.get(initializer), trainable)
            return
        array = _array(initializer, dtype)
        if shape is not None and tuple(shape) != array.shape:
            raise ArgumentError(f"Variable '{name}': the value has shape {array.shape}, shape= says {tuple(shape)}")
        super().__init__(name, array.shape, ir_dtype(array), trainable=trainable)
        self.assign(array)


def _array(value: Any, dtype: Any) -> np.ndarray:
    array = np.array(value)
    is_python = not hasattr(value, "dtype") and array.dtype == np.float64
    return array.astype(dtype or (settings.floatx() if is_python else array.dtype))
