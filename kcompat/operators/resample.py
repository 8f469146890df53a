"""Positions of an axis as weighted sums of others."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.builder import Builder
from ..ir.operator import Int, not_differentiable, operator, same_dtype
from ..ir.types import TensorType, is_float, normalize_axis, shape_text
from .gradients import Gradients


def _resample_type(x: TensorType, places: TensorType, weights: TensorType, *, axis: int) -> TensorType:
    axis = normalize_axis(axis, x.rank)
    if not is_float(x.dtype) or weights.dtype != x.dtype or not places.dtype.startswith("int"):
        raise DtypeError(f"resample: x {x.dtype}, places {places.dtype}, weights {weights.dtype}")
    if places.rank != 2 or places.shape != weights.shape:
        raise ShapeError(f"resample: places {shape_text(places.shape)} and weights {shape_text(weights.shape)}")
    return x.with_shape((*x.shape[:axis], places.shape[0], *x.shape[axis + 1 :]))


def _resample(x: np.ndarray, places: np.ndarray, weights: np.ndarray, *, axis: int) -> np.ndarray:
    gathered = np.moveaxis(x, axis, -1)[..., places]
    return np.moveaxis(np.einsum("...ot,ot->...o", gathered, weights), -1, axis)


def _by_source(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axis: int) -> Gradients:
    x, places, weights = inputs
    return [b.resample_gradient(gradients[0], places, weights, x, axis=axis), None, not_differentiable]


resample = operator(
    "resample",
    "x places weights",
    attrs={"axis": Int},
    infer=_resample_type,
    meaning=_resample,
    gradient=_by_source,
)
"""Position i of the axis becomes the sum over t of weights[i, t] * x[places[i, t]]; both are (out, taps)."""


def _gradient_type(
    dy: TensorType, places: TensorType, weights: TensorType, like: TensorType, *, axis: int
) -> TensorType:
    same_dtype("resample_gradient", dy, like)
    _resample_type(like, places, weights, axis=axis)
    return like


def _resample_gradient(
    dy: np.ndarray, places: np.ndarray, weights: np.ndarray, like: np.ndarray, *, axis: int
) -> np.ndarray:
    lines = np.moveaxis(dy, axis, 0)
    total = np.zeros((like.shape[axis], *lines.shape[1:]), dy.dtype)
    for place, weight in zip(places.T, weights.T, strict=True):
        np.add.at(total, place, lines * weight.reshape(-1, *[1] * (dy.ndim - 1)))
    return np.moveaxis(total, 0, axis)


resample_gradient = operator(
    "resample_gradient",
    "dy places weights like",
    attrs={"axis": Int},
    infer=_gradient_type,
    meaning=_resample_gradient,
    gradient=lambda b, gradients, inputs, _, *, axis: [
        b.resample(gradients[0], inputs[1], inputs[2], axis=axis),
        None,
        not_differentiable,
        None,
    ],
)
"""The gradient of resample by x, in the shape of `like`."""
