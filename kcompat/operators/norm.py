"""Normalisation by given or by own statistics."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Float, Int, Ints, operator, same_dtype
from ..ir.types import TensorType, broadcast, normalize_axes, normalize_axis, same_dim, shape_text
from .gradients import Gradients, keep_where, reshaped, unary, unbroadcast
from .shape import INFER, KEEP


def _along(vector: np.ndarray | None, axis: int, rank: int) -> Any:
    """A vector shaped to broadcast along one axis."""
    shape = [1] * rank
    shape[axis] = -1
    return None if vector is None else vector.reshape(shape)


def _affine(x: np.ndarray, scale: Any, offset: Any) -> np.ndarray:
    x = x if scale is None else x * scale
    return x if offset is None else x + offset


def _check_vectors(name: str, x: TensorType, axis: int, *vectors: TensorType | None) -> None:
    """Raises ShapeError unless each is a vector as long as an axis of x."""
    for vector in vectors:
        if vector is None:
            continue
        if vector.rank != 1:
            raise ShapeError(f"{name}: statistics and weights are vectors, received {shape_text(vector.shape)}")
        same_dim(x.shape[axis], vector.shape[0], f"{name}: axis {axis} of {shape_text(x.shape)} and its vectors")


def _batch_norm_type(
    x: TensorType,
    mean: TensorType,
    variance: TensorType,
    gamma: TensorType | None,
    beta: TensorType | None,
    *,
    axis: int,
    epsilon: float,
) -> TensorType:
    same_dtype("batch_norm", x, mean, variance, gamma, beta)
    axis = normalize_axis(axis, x.rank)
    _check_vectors("batch_norm", x, axis, mean, variance, gamma, beta)
    return x


def _batch_norm(
    x: np.ndarray,
    mean: np.ndarray,
    variance: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    *,
    axis: int,
    epsilon: float,
) -> np.ndarray:
    """In float64, rounded once: trained statistics span many orders of magnitude."""
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    scale = scale if gamma is None else scale * gamma
    offset = -mean * scale if beta is None else beta - mean * scale
    return _affine(x, _along(scale, axis, x.ndim), _along(offset, axis, x.ndim)).astype(x.dtype)


def _facing(b: Builder, vector: Value, axis: int, rank: int) -> Value:
    """A vector with the axes that follow `axis`, to broadcast along that."""
    return vector if axis == rank - 1 else b.expand_dims(vector, axes=range(1, rank - axis))


def _batch_norm_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axis: int, epsilon: float
) -> Gradients:
    (dy,), (x, mean, variance, gamma, beta) = gradients, inputs
    axis = normalize_axis(axis, x.rank)
    others = [place for place in range(x.rank) if place != axis]
    inverse = b.rsqrt(b.add(variance, epsilon))
    scale = inverse if gamma is None else b.mul(inverse, gamma)
    total = b.reduce_sum(dy, axes=others)
    moment = b.reduce_sum(b.mul(dy, b.sub(x, _facing(b, mean, axis, x.rank))), axes=others)
    return [
        b.mul(dy, _facing(b, scale, axis, x.rank)),
        b.neg(b.mul(scale, total)),
        b.mul(b.mul(moment, scale), b.mul(b.square(inverse), -0.5)),
        None if gamma is None else b.mul(moment, inverse),
        None if beta is None else total,
    ]


batch_norm = operator(
    "batch_norm",
    "x mean variance gamma? beta?",
    attrs={"axis": Int(-1), "epsilon": Float(1e-3)},
    infer=_batch_norm_type,
    meaning=_batch_norm,
    gradient=_batch_norm_gradient,
)
"""(x - mean) / sqrt(variance + epsilon) * gamma + beta, with vectors along `axis`."""


def _own_statistics_type(
    x: TensorType,
    gamma: TensorType | None,
    beta: TensorType | None = None,
    *,
    axes: tuple[int, ...],
    epsilon: float,
) -> TensorType:
    same_dtype("normalisation", x, gamma, beta)
    normalize_axes(axes, x.rank)
    for weight in (gamma, beta):
        if weight is not None and len(broadcast(x.shape, weight.shape)) != x.rank:
            raise ShapeError(f"normalisation: {shape_text(weight.shape)} has more axes than {shape_text(x.shape)}")
    return x


def _layer_norm(
    x: np.ndarray, gamma: np.ndarray | None, beta: np.ndarray | None, *, axes: tuple[int, ...], epsilon: float
) -> np.ndarray:
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(centred * centred, axis=axes, keepdims=True)
    return _affine(centred / np.sqrt(variance + x.dtype.type(epsilon)), gamma, beta)


def _rms_norm(x: np.ndarray, gamma: np.ndarray | None, *, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    power = np.mean(x * x, axis=axes, keepdims=True)
    return _affine(x / np.sqrt(power + x.dtype.type(epsilon)), gamma, None)


def _centred(b: Builder, x: Value, axes: tuple[int, ...], epsilon: float) -> tuple[Value, Value]:
    """x with zero mean and unit variance, and the factor that gave it the latter."""
    centred = b.sub(x, b.reduce_mean(x, axes=axes, keepdims=True))
    inverse = b.rsqrt(b.add(b.reduce_mean(b.square(centred), axes=axes, keepdims=True), epsilon))
    return b.mul(centred, inverse), inverse


def _before_centring(b: Builder, dy: Value, normal: Value, inverse: Value, axes: tuple[int, ...]) -> Value:
    """The gradient by x from that by its normalised form."""
    mean = b.reduce_mean(dy, axes=axes, keepdims=True)
    moment = b.reduce_mean(b.mul(dy, normal), axes=axes, keepdims=True)
    return b.mul(inverse, b.sub(b.sub(dy, mean), b.mul(normal, moment)))


def _layer_norm_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axes: tuple[int, ...], epsilon: float
) -> Gradients:
    (dy,), (x, gamma, beta) = gradients, inputs
    normal, inverse = _centred(b, x, axes, epsilon)
    scaled = dy if gamma is None else b.mul(dy, gamma)
    return [
        _before_centring(b, scaled, normal, inverse, axes),
        None if gamma is None else unbroadcast(b, b.mul(dy, normal), gamma, x),
        None if beta is None else unbroadcast(b, dy, beta, x),
    ]


def _rms_norm_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axes: tuple[int, ...], epsilon: float
) -> Gradients:
    (dy,), (x, gamma) = gradients, inputs
    inverse = b.rsqrt(b.add(b.reduce_mean(b.square(x), axes=axes, keepdims=True), epsilon))
    normal = b.mul(x, inverse)
    scaled = dy if gamma is None else b.mul(dy, gamma)
    moment = b.reduce_mean(b.mul(scaled, normal), axes=axes, keepdims=True)
    return [
        b.mul(inverse, b.sub(scaled, b.mul(normal, moment))),
        None if gamma is None else unbroadcast(b, b.mul(dy, normal), gamma, x),
    ]


_AXES = {"axes": Ints((-1,)), "epsilon": Float(1e-3)}

layer_norm = operator(
    "layer_norm",
    "x gamma? beta?",
    attrs=_AXES,
    infer=_own_statistics_type,
    meaning=_layer_norm,
    gradient=_layer_norm_gradient,
)
"""Zero mean and unit variance over `axes`, then gamma and beta, which broadcast against x."""

rms_norm = operator(
    "rms_norm",
    "x gamma?",
    attrs=_AXES,
    infer=_own_statistics_type,
    meaning=_rms_norm,
    gradient=_rms_norm_gradient,
)
"""Unit mean square over `axes`, then gamma, which broadcasts against x."""


def _l2_normalize(x: np.ndarray, *, axes: tuple[int, ...], epsilon: float) -> np.ndarray:
    power = np.sum(x * x, axis=axes, keepdims=True)
    return x / np.sqrt(np.maximum(power, x.dtype.type(epsilon)))


def _l2_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...], epsilon: float) -> Value:
    power = b.reduce_sum(b.square(x), axes=axes, keepdims=True)
    moment = b.reduce_sum(b.mul(dy, y), axes=axes, keepdims=True)
    along = b.mul(y, keep_where(b, b.greater_equal(power, epsilon), moment))
    return b.mul(b.rsqrt(b.maximum(power, epsilon)), b.sub(dy, along))


l2_normalize = operator(
    "l2_normalize",
    "x",
    attrs={"axes": Ints((-1,)), "epsilon": Float(1e-12)},
    infer=lambda x, *, axes, epsilon: _own_statistics_type(x, None, axes=axes, epsilon=epsilon),
    meaning=_l2_normalize,
    gradient=unary(_l2_gradient),
)
"""x / sqrt(max(sum(x^2), epsilon)) over `axes`."""


def _group_norm_type(
    x: TensorType,
    gamma: TensorType | None,
    beta: TensorType | None,
    *,
    groups: int,
    axis: int,
    epsilon: float,
) -> TensorType:
    same_dtype("group_norm", x, gamma, beta)
    axis = normalize_axis(axis, x.rank)
    size = x.shape[axis]
    if axis == 0 or groups < 1 or (isinstance(size, int) and size % groups):
        raise ShapeError(f"group_norm: axis {axis} of {shape_text(x.shape)} does not divide into {groups} groups")
    _check_vectors("group_norm", x, axis, gamma, beta)
    return x


def _group_norm(
    x: np.ndarray,
    gamma: np.ndarray | None,
    beta: np.ndarray | None,
    *,
    groups: int,
    axis: int,
    epsilon: float,
) -> np.ndarray:
    channels_first = np.moveaxis(x, axis, 1)
    split = channels_first.reshape(x.shape[0], groups, -1)
    normal = _layer_norm(split, None, None, axes=(-1,), epsilon=epsilon).reshape(channels_first.shape)
    return np.moveaxis(_affine(normal, _along(gamma, 1, x.ndim), _along(beta, 1, x.ndim)), 1, axis)


def _group_norm_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, groups: int, axis: int, epsilon: float
) -> Gradients:
    (dy,), (x, gamma, beta) = gradients, inputs
    axis = normalize_axis(axis, x.rank)
    perm = (0, axis, *(place for place in range(1, x.rank) if place != axis))
    back = [perm.index(place) for place in range(x.rank)]
    x, dy = b.transpose(x, perm=perm), b.transpose(dy, perm=perm)
    scaled = dy if gamma is None else b.mul(dy, _facing(b, gamma, 1, x.rank))
    lines, scaled = (b.reshape(value, shape=(KEEP, groups, INFER)) for value in (x, scaled))
    normal, inverse = _centred(b, lines, (-1,), epsilon)
    by_x = reshaped(b, _before_centring(b, scaled, normal, inverse, (-1,)), x)
    others = [place for place in range(x.rank) if place != 1]
    return [
        b.transpose(by_x, perm=back),
        None if gamma is None else b.reduce_sum(b.mul(dy, reshaped(b, normal, x)), axes=others),
        None if beta is None else b.reduce_sum(dy, axes=others),
    ]


group_norm = operator(
    "group_norm",
    "x gamma? beta?",
    attrs={"groups": Int, "axis": Int(-1), "epsilon": Float(1e-3)},
    infer=_group_norm_type,
    meaning=_group_norm,
    gradient=_group_norm_gradient,
)
"""Zero mean and unit variance per sample and group of channels, then gamma and beta along `axis`."""
