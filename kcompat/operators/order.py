"""The order of elements along an axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.operator import Bool, Int, Operator, not_differentiable, operator
from ..ir.types import TensorType, normalize_axis, shape_text
from .gradients import Gradients, zeros_like


def _argument_type(x: TensorType, *, axis: int, keepdims: bool) -> TensorType:
    axis = normalize_axis(axis, x.rank)
    if x.shape[axis] == 0:
        raise ShapeError(f"axis {axis} of {shape_text(x.shape)} has no element to choose")
    middle = (1,) if keepdims else ()
    return TensorType("int32", (*x.shape[:axis], *middle, *x.shape[axis + 1 :]))


def _argument(name: str, function: Callable[..., np.ndarray]) -> Operator:
    def meaning(x: np.ndarray, *, axis: int, keepdims: bool) -> np.ndarray:
        return function(x, axis=axis, keepdims=keepdims).astype(np.int32)

    return operator(
        name,
        "x",
        attrs={"axis": Int, "keepdims": Bool(False)},
        infer=_argument_type,
        meaning=meaning,
        gradient=not_differentiable,
    )


argmax = _argument("argmax", np.argmax)
"""The position of the largest element along an axis, the first of several, as int32."""

argmin = _argument("argmin", np.argmin)
"""The position of the smallest element along an axis, the first of several, as int32."""


def _argsort_type(x: TensorType, *, axis: int, descending: bool) -> TensorType:
    normalize_axis(axis, x.rank)
    return x.with_dtype("int32")


def _argsort(x: np.ndarray, *, axis: int, descending: bool) -> np.ndarray:
    if not descending:
        return np.argsort(x, axis=axis, kind="stable").astype(np.int32)
    backwards = np.argsort(np.flip(x, axis), axis=axis, kind="stable")
    return (x.shape[axis] - 1 - np.flip(backwards, axis)).astype(np.int32)


argsort = operator(
    "argsort",
    "x",
    attrs={"axis": Int(-1), "descending": Bool(False)},
    infer=_argsort_type,
    meaning=_argsort,
    gradient=not_differentiable,
)
"""The positions that put an axis in order, equal elements in the order they have, as int32."""


def _top_k_type(x: TensorType, *, k: int) -> tuple[TensorType, TensorType]:
    size = x.shape[normalize_axis(-1, x.rank)]
    if k < 0 or (isinstance(size, int) and k > size):
        raise ShapeError(f"top_k: the last axis of {shape_text(x.shape)} has no {k} elements")
    top = x.with_shape((*x.shape[:-1], k))
    return top, top.with_dtype("int32")


def _top_k(x: np.ndarray, *, k: int) -> tuple[np.ndarray, np.ndarray]:
    positions = _argsort(x, axis=-1, descending=True)[..., :k]
    return np.take_along_axis(x, positions, axis=-1), positions


def _top_k_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, k: int) -> Gradients:
    zeros = zeros_like(b, inputs[0])
    return [b.scatter_elements(zeros, outputs[1], gradients[0], axis=inputs[0].rank - 1, reduction="add")]


top_k = operator("top_k", "x", attrs={"k": Int}, infer=_top_k_type, meaning=_top_k, gradient=_top_k_gradient)
"""The k largest elements of the last axis, largest first, and their positions as int32."""
