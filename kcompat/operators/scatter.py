"""Elements taken and placed by tuples of indices. Negative indices count from the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError, GradientError, InputError, ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Int, not_differentiable, one_of, operator, same_dtype
from ..ir.types import TensorType, normalize_axis, same_dim, shape_text
from .gradients import Gradients, zeros_like

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
    return x[_batched_index(x.shape, indices, batch_dims)]


def _batched_index(shape: tuple[int, ...], indices: np.ndarray, batch_dims: int) -> tuple[np.ndarray, ...]:
    """The index of an array of this shape that takes what gather_nd takes."""
    depth = indices.shape[-1]
    places = _in_range("gather_nd", indices, shape[batch_dims : batch_dims + depth])
    extra = [1] * (indices.ndim - 1 - batch_dims)
    lead = [grid.reshape(*grid.shape, *extra) for grid in np.ogrid[tuple(map(slice, shape[:batch_dims]))]]
    return (*lead, *np.moveaxis(places, -1, 0))


gather_nd = operator(
    "gather_nd",
    "x indices",
    attrs={"batch_dims": Int(0)},
    infer=_gather_nd_type,
    meaning=_gather_nd,
    gradient=lambda b, gradients, inputs, _, *, batch_dims: [
        b.gather_nd_gradient(gradients[0], inputs[1], inputs[0], batch_dims=batch_dims),
        None,
    ],
)
"""The slices of x that the rows of `indices` name, sample by sample along the first `batch_dims` axes."""


def _gathered_type(dy: TensorType, indices: TensorType, like: TensorType, *, batch_dims: int) -> TensorType:
    same_dtype("gather_nd_gradient", dy, like)
    _gather_nd_type(like, indices, batch_dims=batch_dims)
    return like


def _gathered(dy: np.ndarray, indices: np.ndarray, like: np.ndarray, *, batch_dims: int) -> np.ndarray:
    total = np.zeros(like.shape, dy.dtype)
    np.add.at(total, _batched_index(like.shape, indices, batch_dims), dy)
    return total


gather_nd_gradient = operator(
    "gather_nd_gradient",
    "dy indices like",
    attrs={"batch_dims": Int(0)},
    infer=_gathered_type,
    meaning=_gathered,
    gradient=lambda b, gradients, inputs, _, *, batch_dims: [
        b.gather_nd(gradients[0], inputs[1], batch_dims=batch_dims),
        None,
        None,
    ],
)
"""The gradient of gather_nd by x, in the shape of `like`: each element, the sum of dy wherever it was taken."""


Move = Callable[..., Value]


def _scatter_gradient(
    b: Builder, dy: Value, y: Value, x: Value, updates: Value, reduction: str, take: Move, put: Move
) -> Gradients:
    """take(x): what lies where updates go; put(x, updates, reduction): the scattering.

    As TensorFlow's: of updates in one place each takes the whole, and equally large ones share.
    """
    if reduction == "none":
        return [put(dy, zeros_like(b, updates), "none"), None, take(dy)]
    if reduction == "add":
        return [dy, None, take(dy)]
    if reduction == "mul":
        return [put(dy, updates, "mul"), None, not_differentiable]
    own = b.cast(b.equal(x, y), dtype=x.dtype)
    new = b.cast(b.equal(updates, take(y)), dtype=x.dtype)
    share = b.div(dy, put(own, new, "add"))
    return [b.mul(own, share), None, b.mul(new, take(share))]


def _scatter_nd_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, reduction: str) -> Gradients:
    x, indices, updates = inputs

    def take(source: Value) -> Value:
        return b.gather_nd(source, indices)

    def put(target: Value, values: Value, reduction: str) -> Value:
        return b.scatter_nd(target, indices, values, reduction=reduction)

    return _scatter_gradient(b, gradients[0], outputs[0], x, updates, reduction, take, put)


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
    gradient=_scatter_nd_gradient,
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


def _scatter_elements_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axis: int, reduction: str
) -> Gradients:
    x, indices, updates = inputs
    axis = normalize_axis(axis, x.rank)
    places = _from_the_start(b, indices, x, axis)

    def take(source: Value) -> Value:
        return b.gather_elements(_cut(b, source, indices, axis), places, axis=axis)

    def put(target: Value, values: Value, reduction: str) -> Value:
        return b.scatter_elements(target, indices, values, axis=axis, reduction=reduction)

    return _scatter_gradient(b, gradients[0], outputs[0], x, updates, reduction, take, put)


def _from_the_start(b: Builder, indices: Value, x: Value, axis: int) -> Value:
    size = b.cast(b.size(x, axis=axis), dtype=indices.dtype)
    return b.where(b.less(indices, 0), b.add(indices, size), indices)


def _cut(b: Builder, x: Value, indices: Value, axis: int) -> Value:
    """x as far as indices go along the other axes."""
    pairs = [(place, size) for place, size in enumerate(indices.shape) if place != axis and size != x.shape[place]]
    if not pairs:
        return x
    if not all(isinstance(size, int) for _, size in pairs):
        raise GradientError(f"scatter_elements has no gradient while sizes of indices {indices.type} are open")
    axes, stops = zip(*pairs, strict=True)
    return b.slice(x, starts=[0] * len(axes), stops=stops, steps=[1] * len(axes), axes=axes)


scatter_elements = operator(
    "scatter_elements",
    "x indices updates",
    attrs={"axis": Int, "reduction": _Reduction},
    infer=_scatter_elements_type,
    meaning=_scatter_elements,
    gradient=_scatter_elements_gradient,
)
"""x with each of `updates` at its own place, except along `axis`, where `indices` say it."""
