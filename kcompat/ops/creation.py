"""Functions of `keras.ops` that make tensors of numbers, or tell what is known of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Variable
from ..ir.types import ir_dtype, numpy_name
from ..layers.operations.operation import standard_dtype
from ..layers.symbolic import KerasTensor
from ..settings import floatx

Dtype = Any


def _numpy_dtype(dtype: Dtype, default: str | None = None) -> str:
    return numpy_name(standard_dtype(dtype if dtype is not None else default or floatx()))


def zeros(shape: Any, dtype: Dtype = None) -> np.ndarray:
    """An array of zeros, by default in floatx. Source: keras.ops.zeros."""
    return np.zeros(shape, _numpy_dtype(dtype))


def ones(shape: Any, dtype: Dtype = None) -> np.ndarray:
    """An array of ones, by default in floatx. Source: keras.ops.ones."""
    return np.ones(shape, _numpy_dtype(dtype))


def full(shape: Any, fill_value: Any, dtype: Dtype = None) -> np.ndarray:
    """An array of one number, by default in floatx. Source: keras.ops.full."""
    return np.full(shape, fill_value, _numpy_dtype(dtype))


empty = zeros


def eye(N: int, M: int | None = None, k: int = 0, dtype: Dtype = None) -> np.ndarray:
    """A matrix with ones on its k-th diagonal, by default in floatx. Source: keras.ops.eye."""
    return np.eye(N, M, k, _numpy_dtype(dtype))


def identity(n: int, dtype: Dtype = None) -> np.ndarray:
    """The identity matrix, by default in floatx. Source: keras.ops.identity."""
    return np.eye(n, dtype=_numpy_dtype(dtype))


def tri(N: int, M: int | None = None, k: int = 0, dtype: Dtype = None) -> np.ndarray:
    """A matrix with ones up to its k-th diagonal, by default in floatx. Source: keras.ops.tri."""
    return np.tri(N, M, k, _numpy_dtype(dtype))


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Dtype = None) -> np.ndarray:
    """Numbers in steps, by default int32, or float32 if any is a float. Source: keras.ops.arange."""
    bounds = (0, start, step) if stop is None else (start, stop, step)
    default = "float32" if any(isinstance(number, (float, np.floating)) for number in bounds) else "int32"
    return np.arange(*bounds, dtype=_numpy_dtype(dtype, default))


def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Dtype = None,
    axis: int = 0,
) -> Any:
    """So many numbers at equal distances, by default in floatx. Source: keras.ops.linspace."""
    return np.linspace(start, stop, num, endpoint, retstep, _numpy_dtype(dtype), axis)  # type: ignore[call-overload]


def meshgrid(*x: Any, indexing: str = "xy") -> list[np.ndarray]:
    """The coordinates of the points of a grid. Source: keras.ops.meshgrid."""
    return list(np.meshgrid(*x, indexing=indexing))  # type: ignore[call-overload]


def shape(x: Any) -> tuple[int | None, ...]:
    """The sizes of a tensor, None where they are open. Source: keras.ops.shape."""
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """The number of axes of a tensor. Source: keras.ops.ndim."""
    return len(shape(x))


def size(x: Any) -> int | None:
    """The number of elements of a tensor, None where a size is open. Source: keras.ops.size."""
    total = 1
    for length in shape(x):
        if length is None:
            return None
        total *= length
    return total


def dtype(x: Any) -> str:
    """The name of a tensor's dtype. Source: keras.ops.dtype."""
    return x.dtype if isinstance(x, (KerasTensor, Variable)) else ir_dtype(np.asarray(x))


def is_tensor(x: Any) -> bool:
    """Whether x is a tensor with elements: here, a NumPy array. Source: keras.ops.is_tensor."""
    return isinstance(x, np.ndarray)


def convert_to_numpy(x: Any) -> np.ndarray:
    """x as a NumPy array. Raises ArgumentError for symbolic tensors. Source: keras.ops.convert_to_numpy."""
    if isinstance(x, KerasTensor):
        raise ArgumentError("convert_to_numpy: a symbolic tensor has no elements before the model runs")
    return np.asarray(x)
