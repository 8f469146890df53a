"""Elements taken by index."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, InputError
from ..ir.operator import Int, operator
from ..ir.types import TensorType, normalize_axis


def _gather_type(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    if not indices.dtype.startswith(("int", "uint")):
        raise DtypeError(f"gather: indices must be integers, received {indices.dtype}")
    axis = normalize_axis(axis, x.rank)
    return x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _gather(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    size = x.shape[axis]
    outside = (indices < 0) | (indices >= size)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise InputError(f"gather: index {indices[place]} at {place} is not in [0, {size})")
    return np.take(x, indices, axis=axis)


gather = operator("gather", "x indices", attrs={"axis": Int(0)}, infer=_gather_type, meaning=_gather)
"""The positions of an axis of x that `indices` name, whose axes take the place of that axis.

Indices outside [0, size) raise InputError when the graph runs.
"""
