"""Integers and numbers turned into categories, and categories into vectors."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, InputError, ShapeError
from ..ir.operator import Bool, DType, Int, not_differentiable, operator
from ..ir.types import TensorType, same_dim, shape_text


def _require_integers(name: str, x: TensorType) -> None:
    if not x.dtype.startswith(("int", "uint")):
        raise DtypeError(f"{name}: needs integers, received {x.dtype}")


def _one_hot_type(x: TensorType, *, depth: int, dtype: str) -> TensorType:
    _require_integers("one_hot", x)
    return TensorType(dtype, (*x.shape, depth))


def _one_hot(x: np.ndarray, *, depth: int, dtype: str) -> np.ndarray:
    return (x[..., None] == np.arange(depth)).astype(dtype)


one_hot = operator(
    "one_hot",
    "x",
    attrs={"depth": Int, "dtype": DType("float32")},
    infer=_one_hot_type,
    meaning=_one_hot,
    gradient=not_differentiable,
)
"""A new last axis of `depth` zeros with a one at the place that x names; none where x is outside [0, depth)."""


def _bin_count_type(x: TensorType, weights: TensorType | None, *, depth: int, binary: bool, dtype: str) -> TensorType:
    _require_integers("bin_count", x)
    if not x.rank:
        raise ShapeError("bin_count: x needs an axis to count along")
    if weights is not None:
        if weights.rank != x.rank or binary:
            raise ShapeError(
                f"bin_count: weights {shape_text(weights.shape)} must fit x {shape_text(x.shape)}, and are for counts"
            )
        for size, other in zip(weights.shape, x.shape, strict=True):
            same_dim(size, other, "bin_count: sizes of weights and x")
    return TensorType(dtype, (*x.shape[:-1], depth))


def _bin_count(x: np.ndarray, weights: np.ndarray | None, *, depth: int, binary: bool, dtype: str) -> np.ndarray:
    if (x < 0).any():
        place = tuple(np.argwhere(x < 0)[0].tolist())
        raise InputError(f"bin_count: index {x[place]} at {place} is negative")
    rows = x.reshape(-1, x.shape[-1]) if x.size else np.zeros((int(np.prod(x.shape[:-1])), 0), x.dtype)
    counts = np.zeros((len(rows), depth), dtype)
    row, column = np.nonzero(rows < depth)
    if binary:
        counts[row, rows[row, column]] = 1
    else:
        amounts = np.ones(rows.shape, dtype) if weights is None else weights.reshape(rows.shape).astype(dtype)
        np.add.at(counts, (row, rows[row, column]), amounts[row, column])
    return counts.reshape(*x.shape[:-1], depth)


bin_count = operator(
    "bin_count",
    "x weights?",
    attrs={"depth": Int, "binary": Bool(False), "dtype": DType("float32")},
    infer=_bin_count_type,
    meaning=_bin_count,
    gradient=not_differentiable,
)
"""How often each of [0, depth) occurs along the last axis, or with `binary` whether it does.

weights: of x's shape; each occurrence counts so much. Indices of `depth` and more are left out, negative
ones raise InputError when the graph runs. As tf.math.bincount.
"""


def _bucketize_type(x: TensorType, boundaries: TensorType) -> TensorType:
    if x.dtype in ("string", "bool") or x.dtype.startswith("complex"):
        raise DtypeError(f"bucketize: needs real numbers, received {x.dtype}")
    if boundaries.rank != 1:
        raise ShapeError(f"bucketize: boundaries are a list, received shape {shape_text(boundaries.shape)}")
    return x.with_dtype("int32")


def _bucketize(x: np.ndarray, boundaries: np.ndarray) -> np.ndarray:
    """TensorFlow keeps boundaries as float32, with which integers are compared in that precision."""
    if not boundaries.size:
        raise InputError("bucketize: there are no boundaries yet: adapt the layer, or give it bin_boundaries")
    values = x if x.dtype == np.float64 else x.astype(np.float32)
    return np.searchsorted(boundaries.astype(np.float32), values, side="right").astype(np.int32)


bucketize = operator(
    "bucketize", "x boundaries", infer=_bucketize_type, meaning=_bucketize, gradient=not_differentiable
)
"""How many of the boundaries, which ascend, each element has reached, as int32.

Raises InputError when the graph runs without boundaries.
"""
