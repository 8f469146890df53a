"""The table of TensorFlow's functions, and what all of them need.

A function has TensorFlow's parameters after `op`, which makes operations: `op("Add", x, y)`.
`@symbol` enters it under the names that TensorFlow has for it; of "compat.v1.squeeze" the last part
counts. Sizes that are open until the model runs are `Size`s, which reshape alone takes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from kcompat.layers import KerasTensor

Function = Callable[..., Any]
SYMBOLS: dict[str, Function] = {}
"""TensorFlow's name of a function, without "compat.v1." -> what it is here."""


class Maker(Protocol):
    """Makes an operation of a class, with tensors and config, and calls it."""

    def __call__(self, class_name: str, *tensors: Any, **config: Any) -> Any: ...


@dataclass(frozen=True)
class Size:
    """How long an axis is that is open until the model runs."""

    tensor: KerasTensor
    axis: int


@dataclass(frozen=True)
class Vector:
    """A shape: sizes, some of them open."""

    sizes: tuple[int | Size, ...]


def symbol(*names: str) -> Callable[[Function], Function]:
    def register(function: Function) -> Function:
        SYMBOLS.update(dict.fromkeys(names, function))
        return function

    return register


def dtype_of(x: Any) -> str:
    """The dtype of a tensor or of what TensorFlow makes of a constant."""
    if isinstance(x, (KerasTensor, np.ndarray)):
        return str(x.dtype)
    return {"int64": "int32", "float64": "float32"}.get(np.asarray(x).dtype.name, np.asarray(x).dtype.name)


def alike(*xs: Any) -> list[Any]:
    """The operands, constants among them in the dtype of the tensor, as TensorFlow takes them."""
    dtype = next((x.dtype for x in xs if isinstance(x, KerasTensor)), None)
    plain = (int, float, KerasTensor)
    return [x if dtype is None or (isinstance(x, plain)) else np.asarray(x, dtype) for x in xs]


def first(*values: Any) -> Any:
    """The first that is given: newer TensorFlow renamed arguments."""
    return next(value for value in values if value is not None)
