"""Elements taken and placed by tuples of indices. Negative indices count from the end."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, InputError, ShapeError
from ..ir.operator import Int, one_of, operator, same_dtype
from ..ir.types import TensorType, normalize_axis, same_dim, shape_text

_ACCUMULATE: dict[str, np.ufunc] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
_Reduction = one_of("none", *_ACCUMULATE)
"""What becomes of an element and an update in its place; with "none" the last update stays."""


def _require_integers(name: str, indices: TensorType) -> None:
    if not indices.dtype.startswith(("int", "uint")):
        raise DtypeError(f"{name}: indices must be integers, received {indices.dtype}")


def _in_range(name: str, indices: np.ndarray, sizes: Any) -> np.ndarray:
    """Indices counted from the start. Raises InputError for one outside [-size, size)."""
    limits = np.asarray(sizes, dtype=np.int64)
    indices = indices.astype(np.int64)
    if ((indices < -limits) | (indices >= limits)).any():
        raise InputError(f"{name}: an index is outside an axis of size {sizes}")
    return np.where(indices < 0, indices + limits, indices)


def _depth(name: str, x: TensorType, indices: TensorType, batch_dims: int) -> int:
    """How many axes of x an index names: the size of the last axis of indices."""
    _require_integers(name, indices)
    depth = indices.shape[-1] if indices.rank else None
    if not isinstance(depth, int) or batch_dims + depth > x.rank:
        raise ShapeError(f"{name}: indices {shape_text(indices.shape)} do not name axes of {shape_text(x.shape)}")
    return depth


def _gather_nd_type(x: TensorType, indices: TensorType, *, batch_dims: int) -> TensorType:
    depth = _depth("gather_nd", x, indices, batch_dims)
    for axis in range(batch_dims):
        same_dim(x.shape[axis], indices.shape[axis], f"gather_nd: sizes of batch axis {axis}")
    return x.with_shape((*indices.shape[:-1], *x.shape[batch_dims + depth :]))


def _gather_nd(x: np.ndarray, indices: np.ndarray, *, batch_dims: int) -> np.ndarray:
    depth = indices.shape[-1]
    places = _in_range("gather_nd", indices, x.shape[batch_dims : batch_dims + depth])
    extra = [1] * (indices.ndim - 1 - batch_dims)
    lead = [grid.reshape(*grid.shape, *extra) for grid in np.ogrid[tuple(map(slice, x.shape[:batch_dims]))]]
    index = (*lead, *np.moveaxis(places, -1, 0))
    return x[index]


gather_nd = operator("gather_nd", "x indices", attrs={"batch_dims": Int(0)}, infer=_gather_nd_type, meaning=_gather_nd)
"""The slices of x that the rows of `indices` name, sample by sample along the first `batch_dims` axes."""


def _scatter_nd_type(x: TensorType, indices: TensorType, updates: TensorType, *, reduction: str) -> TensorType:
    same_dtype("scatter_nd", x, updates)
    depth = _depth("scatter_nd", x, indices, 0)
    wanted = (*indices.shape[:-1], *x.shape[depth:])
    if updates.rank != len(wanted):
        raise ShapeError(f"scatter_nd: updates {shape_text(updates.shape)}, {shape_text(wanted)} are needed")
    for have, want in zip(updates.shape, wanted, strict=True):
        same_dim(have, want, f"scatter_nd: sizes of updates {shape_text(updates.shape)} and {shape_text(wanted)}")
    return x


def _scatter_nd(x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, reduction: str) -> np.ndarray:
    places = _in_range("scatter_nd", indices, x.shape[: indices.shape[-1]])
    return _placed(x, tuple(np.moveaxis(places, -1, 0)), updates, reduction)


def _placed(x: np.ndarray, index: tuple[np.ndarray, ...], updates: np.ndarray, reduction: str) -> np.ndarray:
    result = x.copy()
    if reduction == "none":
        result[index] = updates
    else:
        _ACCUMULATE[reduction].at(result, index, updates)
    return result


scatter_nd = operator(
    "scatter_nd",
    "x indices updates",
    attrs={"reduction": _Reduction},
    infer=_scatter_nd_type,
    meaning=_scatter_nd,
)
"""x with `updates` in the slices that the rows of `indices` name."""


def _scatter_elements_type(
    x: TensorType, indices: TensorType, updates: TensorType, *, axis: int, reduction: str
) -> TensorType:
    same_dtype("scatter_elements", x, updates)
    _require_integers("scatter_elements", indices)
    normalize_axis(axis, x.rank)
    if indices.rank != x.rank or updates.rank != x.rank:
        raise ShapeError(f"scatter_elements: x, indices and updates differ in rank: {x}, {indices}, {updates}")
    for have, want in zip(updates.shape, indices.shape, strict=True):
        same_dim(have, want, "scatter_elements: sizes of indices and updates")
    return x


def _scatter_elements(
    x: np.ndarray, indices: np.ndarray, updates: np.ndarray, *, axis: int, reduction: str
) -> np.ndarray:
    places = _in_range("scatter_elements", indices, x.shape[axis])
    index = [np.broadcast_to(grid, indices.shape) for grid in np.ogrid[tuple(slice(n) for n in indices.shape)]]
    index[axis] = places
    return _placed(x, tuple(index), updates, reduction)


scatter_elements = operator(
    "scatter_elements",
    "x indices updates",
    attrs={"axis": Int, "reduction": _Reduction},
    infer=_scatter_elements_type,
    meaning=_scatter_elements,
)
"""x with each of `updates` at its own place, except along `axis`, where `indices` say it."""
