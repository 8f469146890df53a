"""The gradients of pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir.operator import Bool, not_differentiable, one_of, operator, same_dtype
from ..ir.types import TensorType
from .pool import ADAPTIVE, WINDOW, adaptive_avg_pool, adaptive_windows, avg_pool, lowest, max_pool, shares
from .window import (
    Pairs,
    from_channels_last,
    pad_spatial,
    resolve_pads,
    spatial_axes,
    taps,
    to_channels_last,
)


def _max_type(dy: TensorType, x: TensorType, *, ties: str, **attrs: Any) -> TensorType:
    same_dtype("pooling", dy, x)
    max_pool.infer(x, **attrs)
    return x


def _unpadded(x: np.ndarray, pads: Pairs, layout: str) -> np.ndarray:
    return from_channels_last(pad_spatial(x, tuple((-low, -high) for low, high in pads), 0), layout)


def _max_pool_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    ties: str,
) -> np.ndarray:
    x, dy = to_channels_last(x, layout), to_channels_last(dy, layout)
    dilations = dilations or (1,) * len(window)
    resolved = resolve_pads(pads, x.shape[1:-1], window, strides, dilations)
    padded = pad_spatial(x, resolved, lowest(x.dtype))
    views = [view for _, view in taps(padded, window, strides, dilations)]
    best, first = views[0].copy(), np.zeros(views[0].shape, np.int32)
    for place, view in enumerate(views):
        np.copyto(first, place, where=view > best)
        np.maximum(best, view, out=best)
    total = np.zeros_like(padded)
    for place, (_, view) in enumerate(taps(total, window, strides, dilations)):
        np.add(view, dy, out=view, where=first == place if ties == "first" else views[place] == best)
    return _unpadded(total, resolved, layout)


max_pool_gradient = operator(
    "max_pool_gradient",
    "dy x",
    attrs={**WINDOW, "ties": one_of("first", "all")},
    infer=_max_type,
    meaning=_max_pool_gradient,
    gradient=not_differentiable,
)
"""The gradient of max_pool by its input x, from dy, that of its output.

ties: whether the first of equally large elements takes it, or each of them.
"""


def _avg_type(dy: TensorType, like: TensorType, **attrs: Any) -> TensorType:
    same_dtype("pooling", dy, like)
    avg_pool.infer(like, **attrs)
    return like


def _avg_pool_gradient(
    dy: np.ndarray,
    like: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    count_padding: bool,
) -> np.ndarray:
    like, dy = to_channels_last(like, layout), to_channels_last(dy, layout)
    dilations = dilations or (1,) * len(window)
    resolved = resolve_pads(pads, like.shape[1:-1], window, strides, dilations)
    share = (dy / shares(like, window, strides, resolved, dilations, count_padding)).astype(dy.dtype)
    sizes = [size + low + high for size, (low, high) in zip(like.shape[1:-1], resolved, strict=True)]
    total = np.zeros((like.shape[0], *sizes, like.shape[-1]), dy.dtype)
    for _, view in taps(total, window, strides, dilations):
        view += share
    return _unpadded(total, resolved, layout)


avg_pool_gradient = operator(
    "avg_pool_gradient",
    "dy like",
    attrs={**WINDOW, "count_padding": Bool(False)},
    infer=_avg_type,
    meaning=_avg_pool_gradient,
    gradient=lambda b, gradients, inputs, _, **attrs: [b.avg_pool(gradients[0], **attrs), None],
)
"""The gradient of avg_pool by its input, from dy, that of its output; `like` has the input's shape."""


def _adaptive_type(dy: TensorType, like: TensorType, **attrs: Any) -> TensorType:
    same_dtype("adaptive pooling", dy, like)
    adaptive_avg_pool.infer(like, **attrs)
    return like


Spread = Callable[[np.ndarray, np.ndarray, int], np.ndarray]
"""The gradient of a window's result and the window's elements along an axis -> the elements' gradients."""


def _adaptive(dy: np.ndarray, stages: Sequence[np.ndarray], axes: Sequence[int], spread: Spread) -> np.ndarray:
    """Back through pooling one axis after the other; stages: what was pooled along each."""
    for stage, axis in zip(reversed(stages), reversed(axes), strict=True):
        total = np.zeros(stage.shape, dy.dtype)
        into, source, given = (np.moveaxis(array, axis, 0) for array in (total, stage, dy))
        for place, (low, high) in enumerate(adaptive_windows(source.shape[0], given.shape[0])):
            into[low:high] += spread(given[place], source[low:high], 0)
        dy = total
    return dy


def _to_largest(dy: np.ndarray, elements: np.ndarray, axis: int) -> np.ndarray:
    best = elements == elements.max(axis=axis, keepdims=True)
    return best * dy / best.sum(axis=axis, keepdims=True)


def _adaptive_max_gradient(dy: np.ndarray, x: np.ndarray, *, output_size: tuple[int, ...], layout: str) -> np.ndarray:
    axes = spatial_axes(x.ndim, layout)
    stages = [x]
    for axis, count in zip(axes[:-1], output_size, strict=False):
        windows = adaptive_windows(x.shape[axis], count)
        parts = [np.take(stages[-1], range(*bounds), axis=axis).max(axis=axis, keepdims=True) for bounds in windows]
        stages.append(np.concatenate(parts, axis=axis))
    return _adaptive(dy, stages, axes, _to_largest)


adaptive_max_pool_gradient = operator(
    "adaptive_max_pool_gradient",
    "dy x",
    attrs=ADAPTIVE,
    infer=_adaptive_type,
    meaning=_adaptive_max_gradient,
    gradient=not_differentiable,
)
"""The gradient of adaptive_max_pool by its input x, from dy, that of its output; equally large elements share it."""


def _adaptive_avg_gradient(
    dy: np.ndarray, like: np.ndarray, *, output_size: tuple[int, ...], layout: str
) -> np.ndarray:
    axes = spatial_axes(like.ndim, layout)
    shape, stages = list(like.shape), []
    for axis, count in zip(axes, output_size, strict=True):
        stages.append(np.empty(shape, np.bool_))
        shape[axis] = count
    return _adaptive(dy, stages, axes, lambda given, elements, axis: given / elements.shape[axis])


adaptive_avg_pool_gradient = operator(
    "adaptive_avg_pool_gradient",
    "dy like",
    attrs=ADAPTIVE,
    infer=_adaptive_type,
    meaning=_adaptive_avg_gradient,
    gradient=lambda b, gradients, inputs, _, **attrs: [b.adaptive_avg_pool(gradients[0], **attrs), None],
)
"""The gradient of adaptive_avg_pool by its input, from dy, that of its output; `like` has the input's shape."""
