"""Reductions over axes. `axes=()` reduces nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, Ints, Operator, operator, same_dtype
from ..ir.types import TensorType, broadcast, fits, normalize_axes, shape_text
from .floating import require_float
from .gradients import Gradients, counted, kept, reshaped, spread
from .shape import INFER, KEEP


def _reduced_type(x: TensorType, *, axes: tuple[int, ...], keepdims: bool) -> TensorType:
    gone = normalize_axes(axes, x.rank)
    if keepdims:
        return x.with_shape(1 if axis in gone else dim for axis, dim in enumerate(x.shape))
    return x.with_shape(dim for axis, dim in enumerate(x.shape) if axis not in gone)


def _reduction(name: str, function: Callable[..., np.ndarray], derive: Callable[..., Value]) -> Operator:
    def gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
        if not attrs["axes"]:
            return [gradients[0]]
        return [derive(b, gradients[0], inputs[0], outputs[0], **attrs)]

    def meaning(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
        return function(x, axis=axes, keepdims=keepdims).astype(x.dtype, copy=False)

    attrs = {"axes": Ints, "keepdims": Bool(False)}
    return operator(name, "x", attrs=attrs, infer=_reduced_type, meaning=meaning, gradient=gradient)


def _sum_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...], keepdims: bool) -> Value:
    return spread(b, kept(b, dy, axes, keepdims, x.rank), x)


def _mean_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...], keepdims: bool) -> Value:
    share = b.div(dy, counted(b, x, axes))
    return _sum_gradient(b, share, x, y, axes=axes, keepdims=keepdims)


def _chosen_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...], keepdims: bool) -> Value:
    """Elements that are equally large share the gradient."""
    chosen = b.cast(b.equal(x, kept(b, y, axes, keepdims, x.rank)), dtype=x.dtype)
    share = b.div(kept(b, dy, axes, keepdims, x.rank), b.reduce_sum(chosen, axes=axes, keepdims=True))
    return b.mul(chosen, share)


def _prod_gradient(b: Builder, dy: Value, x: Value, y: Value, *, axes: tuple[int, ...], keepdims: bool) -> Value:
    """The products of all other elements, without a division, which zeros would spoil."""
    gone = normalize_axes(axes, x.rank)
    stay = [axis for axis in range(x.rank) if axis not in gone]
    perm = (*stay, *gone)
    ordered = b.transpose(x, perm=perm)
    lines = b.reshape(ordered, shape=[KEEP] * len(stay) + [INFER])
    before = b.cumprod(lines, axis=-1, exclusive=True)
    after = b.cumprod(lines, axis=-1, exclusive=True, reverse=True)
    others = b.transpose(reshaped(b, b.mul(before, after), ordered), perm=[perm.index(axis) for axis in range(x.rank)])
    return b.mul(others, kept(b, dy, axes, keepdims, x.rank))


reduce_sum = _reduction("reduce_sum", np.sum, _sum_gradient)
reduce_mean = _reduction("reduce_mean", np.mean, _mean_gradient)
reduce_max = _reduction("reduce_max", np.max, _chosen_gradient)
reduce_min = _reduction("reduce_min", np.min, _chosen_gradient)
reduce_prod = _reduction("reduce_prod", np.prod, _prod_gradient)


def _moments_type(x: TensorType, *, axes: tuple[int, ...], keepdims: bool) -> tuple[TensorType, TensorType]:
    moment = _reduced_type(require_float("moments", x), axes=axes, keepdims=keepdims)
    return moment, moment


def _moments(x: np.ndarray, *, axes: tuple[int, ...], keepdims: bool) -> tuple[np.ndarray, np.ndarray]:
    mean = np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(x - mean), axis=axes, keepdims=keepdims)
    return mean if keepdims else np.squeeze(mean, axes), variance


def _moments_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axes: tuple[int, ...], keepdims: bool
) -> Gradients:
    """The variance does not depend on the mean: deviations from it add up to nothing."""
    (x,), (mean, _) = inputs, outputs
    count = counted(b, x, axes)
    shares: Gradients = [None if dy is None else kept(b, b.div(dy, count), axes, keepdims, x.rank) for dy in gradients]
    by_mean, by_variance = shares
    if by_variance is None:
        return [spread(b, by_mean, x)]
    slope = b.mul(b.sub(x, kept(b, mean, axes, keepdims, x.rank)), b.mul(by_variance, 2.0))
    return [slope if by_mean is None else b.add(slope, by_mean)]


moments = operator(
    "moments",
    "x",
    attrs={"axes": Ints, "keepdims": Bool(False)},
    infer=_moments_type,
    meaning=_moments,
    gradient=_moments_gradient,
)
"""The mean over axes, and the mean of the squares of what deviates from it."""


def _sum_like_type(x: TensorType, like: TensorType) -> TensorType:
    same_dtype("sum_like", x, like)
    if not fits(broadcast(x.shape, like.shape), x.shape):
        raise ShapeError(f"sum_like: {shape_text(like.shape)} does not broadcast to {shape_text(x.shape)}")
    return like


def _sum_like(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    lead = x.ndim - like.ndim
    inner = [axis for axis, size in enumerate(like.shape, lead) if size == 1 != x.shape[axis]]
    return np.sum(x, axis=(*range(lead), *inner), keepdims=True).reshape(like.shape)


sum_like = operator(
    "sum_like",
    "x like",
    infer=_sum_like_type,
    meaning=_sum_like,
    gradient=lambda b, gradients, inputs, _: [spread(b, gradients[0], inputs[0]), None],
)
"""x summed over the axes along which a tensor of the shape of `like` was repeated: the transpose of broadcast_like."""
