"""Sizes that are not known before a model runs, in functions that are traced."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import TensorType, Value
from ..ir.variable_operators import TRACE
from .emitter import Emitter
from .symbolic import Call, KerasTensor


class Size(KerasTensor):
    """How long an axis of a tensor is, as an int32 scalar. source: the tensor."""

    def __init__(self, type: TensorType, call: Call, index: int, source: Value, axis: int) -> None:
        super().__init__(type, call, index)
        self.source, self.axis = source, axis


def sizes_of(x: Any) -> tuple[Any, ...]:
    """The sizes of a symbol of the function that is traced: numbers, and Sizes where they are open."""
    trace = TRACE.get()
    value = trace.known[x]
    return tuple(dim if isinstance(dim, int) else _size(trace, value, axis) for axis, dim in enumerate(value.shape))


def _size(trace: Any, source: Value, axis: int) -> Size:
    value = trace.b.size(source, axis=axis)
    symbol = Size(value.type, Call(trace.owner, (), {}), len(trace.known), source, axis)
    trace.known[symbol] = value
    return symbol


def is_open(shape: Any) -> bool:
    """Whether sizes that are not known before the model runs are among those of a shape."""
    return isinstance(shape, (list, tuple)) and any(isinstance(size, KerasTensor) for size in shape)


def like(b: Emitter, shape: Sequence[Any]) -> Value:
    """A float32 value of a shape of numbers and Sizes; its elements mean nothing. Raises ArgumentError."""
    strange = [size for size in shape if isinstance(size, KerasTensor) and not isinstance(size, Size)]
    if strange:
        raise ArgumentError(
            "a shape holds numbers, and sizes as keras.ops.shape gives them, not what is computed of them"
        )
    fixed = b.constant(np.zeros([1 if isinstance(size, Size) else size for size in shape], np.float32))
    columns = [_column(b, size, axis, len(shape)) for axis, size in enumerate(shape) if isinstance(size, Size)]
    return reduce(b.add, columns, fixed)


def _column(b: Emitter, size: Size, axis: int, rank: int) -> Value:
    """A value as long as the size along one of `rank` axes, and of length one along the others."""
    x, others = size.source, [other for other in range(size.source.rank) if other != size.axis]
    if others:
        count = len(others)
        x = b.slice(x, starts=(0,) * count, stops=(1,) * count, steps=(1,) * count, axes=tuple(others))
    x = b.reshape(x, shape=tuple(-1 if other == axis else 1 for other in range(rank)))
    return x if x.dtype == "float32" else b.cast(x, dtype="float32")
