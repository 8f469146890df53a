"""Positions of an axis as weighted sums of others."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import Int, operator
from ..ir.types import TensorType, is_float, normalize_axis, shape_text


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


resample = operator("resample", "x places weights", attrs={"axis": Int}, infer=_resample_type, meaning=_resample)
"""Position i of the axis becomes the sum over t of weights[i, t] * x[places[i, t]]; both are (out, taps)."""
