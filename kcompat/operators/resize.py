"""Resampling along axes, one after the other, each as weighted sums of few positions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import Bool, Ints, one_of, operator, same_dtype
from ..ir.types import Dim, TensorType, is_float, normalize_axes, shape_text
from .gradients import unary


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


def _gaussian(t: np.ndarray) -> np.ndarray:
    """TensorFlow's: radius 1.5, standard deviation 0.5."""
    return np.where(np.abs(t) < 1.5, np.exp(-2 * t * t), 0)


def _mitchell_cubic(t: np.ndarray) -> np.ndarray:
    """Mitchell & Netravali 1988, B = C = 1/3."""
    t = np.abs(t)
    near = (7 / 6 * t - 2) * t * t + 8 / 9
    far = ((-7 / 18 * t + 2) * t - 10 / 3) * t + 16 / 9
    return np.where(t < 1, near, np.where(t < 2, far, 0))


_KERNELS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "bilinear": _triangle,
    "bicubic": _keys_cubic,
    "lanczos3": _lanczos(3.0),
    "lanczos5": _lanczos(5.0),
    "gaussian": _gaussian,
    "mitchellcubic": _mitchell_cubic,
}


_TABLE_STEPS = 1024
"""TensorFlow looks bicubic weights up in a table with so many steps between two positions."""


def _positions(size: int, out: int, coordinates: str) -> np.ndarray:
    """Where each output position lies in the input, in TensorFlow's float32 arithmetic."""
    index = np.arange(out, dtype=np.float32)
    if coordinates == "align_corners":
        return index * np.float32((size - 1) / (out - 1) if out > 1 else 0)
    if coordinates == "asymmetric":
        return index * np.float32(size / out)
    return (index + np.float32(0.5)) * np.float32(size / out) - np.float32(0.5)


def _nearest_matrix(size: int, out: int, coordinates: str) -> np.ndarray:
    index = np.arange(out, dtype=np.float32)
    if coordinates == "half_pixel":
        nearest = np.floor((index + np.float32(0.5)) * np.float32(size / out))
    else:
        shift = 0.5 if coordinates == "align_corners" else 0.0
        nearest = np.floor(_positions(size, out, coordinates) + np.float32(shift))
    return np.eye(size)[np.clip(nearest.astype(int), 0, size - 1)]


def _area_matrix(size: int, out: int) -> np.ndarray:
    """The share of each input position in the interval of the input that an output position covers."""
    edges = np.arange(out + 1) * (size / out)
    low, high = edges[:-1, None], edges[1:, None]
    cells = np.arange(size)
    return np.maximum(np.minimum(high, cells + 1) - np.maximum(low, cells), 0) * (out / size)


def interpolation_matrix(size: int, out: int, method: str, coordinates: str, antialias: bool) -> np.ndarray:
    """The (out, size) matrix whose rows weigh the input positions; rows sum to one.

    Positions outside the input do not count: the weights inside are scaled up instead for the
    smooth kernels; bilinear without antialiasing repeats the border, which is the same.
    """
    if method == "nearest":
        return _nearest_matrix(size, out, coordinates)
    if method == "area":
        return _area_matrix(size, out)
    positions = _positions(size, out, coordinates).astype(np.float64)
    stretch = max(size / out, 1.0) if antialias else 1.0
    if method == "bilinear" and not antialias:
        positions = np.clip(positions, 0, size - 1)
    if method == "bicubic" and not antialias:
        positions = np.rint(positions * _TABLE_STEPS) / _TABLE_STEPS
    weights = _KERNELS[method]((np.arange(size) - positions[:, None]) / stretch)
    total = weights.sum(axis=1, keepdims=True)
    inside = (positions >= -0.5 - 1e-6) & (positions <= size - 0.5 + 1e-6)
    return np.where(inside[:, None] & (np.abs(total) > 1e-9), weights / np.where(total == 0, 1, total), 0)


def interpolation_taps(
    size: int, out: int, method: str, coordinates: str, antialias: bool
) -> tuple[np.ndarray, np.ndarray]:
    """The same as input positions and their weights, both (out, taps); a tap of weight 0 repeats another."""
    matrix = interpolation_matrix(size, out, method, coordinates, antialias)
    used = matrix != 0
    first = np.argmax(used, axis=1)
    last = size - 1 - np.argmax(used[:, ::-1], axis=1)
    taps = int(np.max(np.where(used.any(axis=1), last - first, 0), initial=0)) + 1
    places = np.minimum(first, size - taps)[:, None] + np.arange(taps)
    weights = np.take_along_axis(matrix, places, axis=1)
    return np.where(weights == 0, first[:, None], places), weights


def _resized(size: Dim, wanted: int, scale: int) -> Dim:
    if wanted:
        return wanted
    return size * scale if isinstance(size, int) else size if scale == 1 else None


def _resize_type(
    x: TensorType, *, axes: tuple[int, ...], sizes: tuple[int, ...], scales: tuple[int, ...], method: str, **_: Any
) -> TensorType:
    if bool(sizes) == bool(scales) or len(sizes or scales) != len(axes) or min(sizes or scales) < 1:
        raise ShapeError(f"resize of {shape_text(x.shape)}: axes {axes} need either sizes {sizes} or scales {scales}")
    if method != "nearest" and not is_float(x.dtype):
        raise DtypeError(f"resize: method {method!r} needs a floating operand, received {x.dtype}")
    shape = list(x.shape)
    for place, axis in enumerate(normalize_axes(axes, x.rank)):
        if shape[axis] == 0:
            raise ShapeError(f"resize: axis {axis} of {shape_text(x.shape)} has nothing to interpolate")
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
    for place, axis in enumerate(axes):
        size = x.shape[axis]
        out = sizes[place] if sizes else size * scales[place]
        places, weights = interpolation_taps(size, out, method, coordinates, antialias)
        if method == "nearest":
            x = np.take(x, places[:, 0], axis=axis)
        else:
            gathered = np.moveaxis(x, axis, -1)[..., places]
            x = np.moveaxis(np.einsum("...ot,ot->...o", gathered, weights.astype(x.dtype)), -1, axis)
    return x


_ATTRIBUTES = {
    "axes": Ints,
    "sizes": Ints(()),
    "scales": Ints(()),
    "method": one_of("nearest", *_KERNELS, "area"),
    "coordinates": one_of("half_pixel", "asymmetric", "align_corners"),
    "antialias": Bool(False),
}

resize = operator(
    "resize",
    "x",
    attrs=_ATTRIBUTES,
    infer=_resize_type,
    meaning=_resize,
    gradient=unary(lambda b, dy, x, y, **attrs: b.resize_gradient(dy, x, **attrs)),
)
"""x resampled along `axes` to `sizes`, or by whole-number `scales` where sizes are open.

As tf.image.resize. coordinates and antialias have no effect on "area", antialias none on "nearest".
"""


def _gradient_type(dy: TensorType, like: TensorType, **attrs: Any) -> TensorType:
    same_dtype("resize_gradient", dy, like)
    _resize_type(like, **attrs)
    return like


def _resize_gradient(
    dy: np.ndarray,
    like: np.ndarray,
    *,
    axes: tuple[int, ...],
    sizes: tuple[int, ...],
    scales: tuple[int, ...],
    method: str,
    coordinates: str,
    antialias: bool,
) -> np.ndarray:
    for axis in axes:
        places, weights = interpolation_taps(like.shape[axis], dy.shape[axis], method, coordinates, antialias)
        lines = np.moveaxis(dy, axis, 0)
        total = np.zeros((like.shape[axis], *lines.shape[1:]), dy.dtype)
        for tap in range(places.shape[1]):
            share = weights[:, tap].astype(dy.dtype).reshape(-1, *[1] * (dy.ndim - 1))
            np.add.at(total, places[:, tap], lines * share)
        dy = np.moveaxis(total, 0, axis)
    return dy


resize_gradient = operator(
    "resize_gradient",
    "dy like",
    attrs=_ATTRIBUTES,
    infer=_gradient_type,
    meaning=_resize_gradient,
    gradient=lambda b, gradients, inputs, _, **attrs: [b.resize(gradients[0], **attrs), None],
)
"""The gradient of resize by x, in the shape of `like`: each position, the weighted sum of dy where it counted."""
