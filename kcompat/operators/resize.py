"""Resampling along axes, as a product with one small matrix per axis."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Bool, Ints, one_of, operator
from ..ir.types import Dim, TensorType, normalize_axes, shape_text


def _triangle(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def _keys_cubic(t: np.ndarray) -> np.ndarray:
    """Keys 1981, a = -0.5, as TensorFlow's and JAX's bicubic."""
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t * t + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def _lanczos(radius: float) -> Callable[[np.ndarray], np.ndarray]:
    return lambda t: np.where(np.abs(t) < radius, np.sinc(t) * np.sinc(t / radius), 0)


_KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
}


def _positions(size: int, out: int, coordinates: str) -> np.ndarray:
    """Where each output position lies in the input."""
    index = np.arange(out, dtype=np.float64)
    if coordinates == "align_corners":
        return index * ((size - 1) / (out - 1) if out > 1 else 0.0)
    if coordinates == "asymmetric":
        return index * (size / out)
    return (index + 0.5) * (size / out) - 0.5


def interpolation_matrix(size: int, out: int, method: str, coordinates: str, antialias: bool) -> np.ndarray:
    """The (out, size) matrix whose rows weigh the input positions; rows sum to one.

    Positions outside the input do not count: the weights inside are scaled up instead for the
    smooth kernels; bilinear without antialiasing repeats the border, which is the same.
    """
    positions = _positions(size, out, coordinates)
    if method == "nearest":
        nearest = np.floor(positions + 0.5 if coordinates == "half_pixel" else positions)
        return np.eye(size)[np.clip(nearest.astype(int), 0, size - 1)]
    kernel = _KERNELS[method]
    stretch = max(size / out, 1.0) if antialias else 1.0
    if method == "bilinear" and not antialias:
        positions = np.clip(positions, 0, size - 1)
    weights = kernel((np.arange(size) - positions[:, None]) / stretch)
    total = weights.sum(axis=1, keepdims=True)
    inside = (positions >= -0.5 - 1e-9) & (positions <= size - 0.5 + 1e-9)
    return np.where(inside[:, None] & (np.abs(total) > 1e-9), weights / np.where(total == 0, 1, total), 0)


def _resized(size: Dim, wanted: int, scale: int) -> Dim:
    if wanted:
        return wanted
    return size * scale if isinstance(size, int) else size if scale == 1 else None


def _resize_type(
    x: TensorType, *, axes: tuple[int, ...], sizes: tuple[int, ...], scales: tuple[int, ...], **_: Any
) -> TensorType:
    if bool(sizes) == bool(scales) or len(sizes or scales) != len(axes):
        raise ShapeError(f"resize of {shape_text(x.shape)}: axes {axes} need either sizes {sizes} or scales {scales}")
    shape = list(x.shape)
    for place, axis in enumerate(normalize_axes(axes, x.rank)):
        shape[axis] = _resized(shape[axis], sizes[place] if sizes else 0, scales[place] if scales else 0)
    return x.with_shape(shape)


def _resize(
    x: np.ndarray,
    *,
    axes: tuple[int, ...],
    sizes: tuple[int, ...],
    scales: tuple[int, ...],
    method: str,
    coordinates: str,
    antialias: bool,
) -> np.ndarray:
    result = x.astype(np.float64) if x.dtype.kind != "f" else x
    for place, axis in enumerate(axes):
        size = x.shape[axis]
        out = sizes[place] if sizes else size * scales[place]
        matrix = interpolation_matrix(size, out, method, coordinates, antialias).astype(result.dtype)
        result = np.moveaxis(np.tensordot(result, matrix, axes=(axis, 1)), -1, axis)
    return result.astype(x.dtype) if x.dtype.kind == "f" else np.round(result).astype(x.dtype)


resize = operator(
    "resize",
    "x",
    attrs={
        "axes": Ints,
        "sizes": Ints(()),
        "scales": Ints(()),
        "method": one_of("nearest", *_KERNELS),
        "coordinates": one_of("half_pixel", "asymmetric", "align_corners"),
        "antialias": Bool(False),
    },
    infer=_resize_type,
    meaning=_resize,
)
"""x resampled along `axes` to `sizes`, or by whole-number `scales` where sizes are open."""
