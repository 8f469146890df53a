"""Functions of `keras.ops` that make tensors of numbers, or tell what is known of a tensor."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Variable
from ..ir.types import ir_dtype, numpy_name
from ..ir.variable_operators import TRACE
from ..layers.operations.operation import standard_dtype
from ..layers.sizes import is_open, like, sizes_of
from ..layers.symbolic import KerasTensor
from ..settings import floatx
from .function import named

Dtype = Any


def _numpy_dtype(dtype: Dtype, default: str | None = None) -> str:
    return numpy_name(standard_dtype(dtype if dtype is not None else default or floatx()))


def zeros(shape: Any, dtype: Dtype = None) -> Any:
    """An array of zeros, by default in floatx. Source: keras.ops.zeros."""
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Dtype = None) -> Any:
    """An array of ones, by default in floatx. Source: keras.ops.ones."""
    return full(shape, 1, dtype)


def full(shape: Any, fill_value: Any, dtype: Dtype = None) -> Any:
    """An array of one number, by default in floatx; a symbol where a size is open. Source: keras.ops.full."""
    if is_open(shape):
        return broadcast_to(np.asarray(fill_value, _numpy_dtype(dtype)), shape)
    return np.full(shape, fill_value, _numpy_dtype(dtype))


def broadcast_to(x: Any, shape: Any) -> Any:
    """x repeated along axes of size one until it has a shape. Source: keras.ops.broadcast_to."""
    if not is_open(shape):
        return named("", "broadcast_to")(x, shape)
    trace = TRACE.get()
    return trace.symbol(trace.b.broadcast_like(trace.values(x), like(trace.b, shape)))


def tile(x: Any, repeats: Any) -> Any:
    """So many copies of x along each axis; along axes of size one as many as a size says. Source: keras.ops.tile."""
    if not is_open(repeats):
        return named("", "tile")(x, repeats)
    sizes = (1,) * (len(repeats) - len(x.shape)) + tuple(x.shape)
    if any(isinstance(count, KerasTensor) and size != 1 for size, count in zip(sizes, repeats, strict=True)):
        raise ArgumentError(f"tile: an axis of shape {sizes} is repeated by a size that is not known; it must be one")
    known = tuple(1 if isinstance(count, KerasTensor) else count for count in repeats)
    tiled = named("", "tile")(x, known)
    return broadcast_to(
        tiled,
        [count if isinstance(count, KerasTensor) else size for size, count in zip(shape(tiled), repeats, strict=True)],
    )


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


def shape(x: Any) -> tuple[Any, ...]:
    """The sizes of a tensor. Where they are open None, or symbols in a function that is traced.

    Source: keras.ops.shape.
    """
    trace = TRACE.get()
    if trace is not None and trace.knows(x):
        return sizes_of(x)
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def ndim(x: Any) -> int:
    """The number of axes of a tensor. Source: keras.ops.ndim."""
    return len(shape(x))


def size(x: Any) -> Any:
    """The number of elements of a tensor; where a size is open None, or a symbol. Source: keras.ops.size."""
    total: Any = 1
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
