"""Elements taken by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, InputError, ShapeError
from ..ir.builder import Builder
from ..ir.operator import Int, operator, same_dtype
from ..ir.types import TensorType, normalize_axis, same_dim, shape_text
from .gradients import Gradients, zeros_like


def _require_integers(name: str, indices: TensorType) -> None:
    if not indices.dtype.startswith(("int", "uint")):
        raise DtypeError(f"{name}: indices must be integers, received {indices.dtype}")


def _check_range(name: str, indices: np.ndarray, size: int) -> None:
    outside = (indices < 0) | (indices >= size)
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise InputError(f"{name}: index {indices[place]} at {place} is not in [0, {size})")


def _gather_type(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    _require_integers("gather", indices)
    axis = normalize_axis(axis, x.rank)
    return x.with_shape((*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))


def _gather(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    _check_range("gather", indices, x.shape[axis])
    return np.take(x, indices, axis=axis)


gather = operator(
    "gather",
    "x indices",
    attrs={"axis": Int(0)},
    infer=_gather_type,
    meaning=_gather,
    gradient=lambda b, gradients, inputs, _, *, axis: [
        b.gather_gradient(gradients[0], inputs[1], inputs[0], axis=axis),
        None,
    ],
)
"""The positions of an axis of x that `indices` name, whose axes take the place of that axis.

Indices outside [0, size) raise InputError when the graph runs.
"""


def _gathered_type(dy: TensorType, indices: TensorType, like: TensorType, *, axis: int) -> TensorType:
    same_dtype("gather_gradient", dy, like)
    _gather_type(like, indices, axis=axis)
    return like


def _gathered(dy: np.ndarray, indices: np.ndarray, like: np.ndarray, *, axis: int) -> np.ndarray:
    axis = normalize_axis(axis, like.ndim)
    _check_range("gather_gradient", indices, like.shape[axis])
    total = np.zeros((like.shape[axis], *np.delete(like.shape, axis)), dy.dtype)
    rows = np.moveaxis(dy, range(axis, axis + indices.ndim), range(indices.ndim))
    np.add.at(total, indices, rows)
    return np.moveaxis(total, 0, axis)


gather_gradient = operator(
    "gather_gradient",
    "dy indices like",
    attrs={"axis": Int(0)},
    infer=_gathered_type,
    meaning=_gathered,
    gradient=lambda b, gradients, inputs, _, *, axis: [b.gather(gradients[0], inputs[1], axis=axis), None, None],
)
"""The gradient of gather by x, in the shape of `like`: each position, the sum of dy wherever it was taken."""


def _elements_type(x: TensorType, indices: TensorType, *, axis: int) -> TensorType:
    _require_integers("gather_elements", indices)
    axis = normalize_axis(axis, x.rank)
    if indices.rank != x.rank:
        raise ShapeError(f"gather_elements: {shape_text(x.shape)} and {shape_text(indices.shape)} differ in rank")
    for place, (size, count) in enumerate(zip(x.shape, indices.shape, strict=True)):
        if place != axis:
            same_dim(size, count, f"gather_elements along {axis}: sizes of axis {place}")
    return x.with_shape(indices.shape)


def _elements(x: np.ndarray, indices: np.ndarray, *, axis: int) -> np.ndarray:
    _check_range("gather_elements", indices, x.shape[axis])
    return np.take_along_axis(x, indices, axis=axis)


def _elements_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axis: int) -> Gradients:
    x, indices = inputs
    total = b.scatter_elements(zeros_like(b, x), indices, gradients[0], axis=axis, reduction="add")
    return [total, None]


gather_elements = operator(
    "gather_elements",
    "x indices",
    attrs={"axis": Int},
    infer=_elements_type,
    meaning=_elements,
    gradient=_elements_gradient,
    onnx="GatherElements",
)
"""Along an axis, the elements of each line of x that the same line of `indices` names.

Indices outside [0, size) raise InputError when the graph runs.
"""
