"""Max and average pooling of any rank, and adaptive pooling."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Bool, Ints, Layout, Pads, operator
from ..ir.types import TensorType
from .window import (
    Pairs,
    channel_axis,
    extent,
    from_channels_last,
    output_sizes,
    pad_spatial,
    require_rank,
    resolve_pads,
    spatial_axes,
    taps,
    to_channels_last,
    with_spatial,
)


def _pool_type(
    x: TensorType,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    **_: Any,
) -> TensorType:
    require_rank("pooling", x, len(window))
    sizes = [x.shape[axis] for axis in spatial_axes(x.rank, layout)]
    dilations = dilations or (1,) * len(window)
    out = output_sizes("pooling", sizes, window, strides, pads, dilations)
    spans = tuple(map(extent, window, dilations))
    if not isinstance(pads, str) and any(max(pair) >= span for pair, span in zip(pads, spans, strict=True)):
        raise ShapeError(f"pooling: pads {pads} leave windows spanning {spans} without an element")
    return with_spatial(x, layout, out, x.shape[channel_axis(x.rank, layout)])


def _lowest(dtype: np.dtype) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def _max_pool(
    x: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
) -> np.ndarray:
    x = to_channels_last(x, layout)
    dilations = dilations or (1,) * len(window)
    x = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], window, strides, dilations), _lowest(x.dtype))
    views = [view for _, view in taps(x, window, strides, dilations)]
    result = views[0].copy()
    for view in views[1:]:
        np.maximum(result, view, out=result)
    return from_channels_last(result, layout)


def _avg_pool(
    x: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    layout: str,
    count_padding: bool,
) -> np.ndarray:
    x = to_channels_last(x, layout)
    dilations = dilations or (1,) * len(window)
    resolved = resolve_pads(pads, x.shape[1:-1], window, strides, dilations)
    ones = np.ones((1, *x.shape[1:-1], 1), x.dtype)
    counted = pad_spatial(ones, resolved, 1 if count_padding else 0)
    padded = pad_spatial(x, resolved, 0)
    total, count = (
        reduce(np.add, (view for _, view in taps(array, window, strides, dilations))) for array in (padded, counted)
    )
    return from_channels_last((total / count).astype(x.dtype), layout)


_WINDOW = {"window": Ints, "strides": Ints, "pads": Pads("valid"), "dilations": Ints(()), "layout": Layout}

max_pool = operator("max_pool", "x", attrs=_WINDOW, infer=_pool_type, meaning=_max_pool)
"""The largest element under each window; padding never wins. x (N, *S, C) or (N, C, *S) by layout."""

avg_pool = operator(
    "avg_pool", "x", attrs={**_WINDOW, "count_padding": Bool(False)}, infer=_pool_type, meaning=_avg_pool
)
"""The mean under each window, over its real elements only unless `count_padding`."""


def _adaptive_type(x: TensorType, *, output_size: tuple[int, ...], layout: str) -> TensorType:
    require_rank("adaptive pooling", x, len(output_size))
    if min(output_size) < 1:
        raise ShapeError(f"adaptive pooling needs positive output sizes, received {output_size}")
    return with_spatial(x, layout, output_size, x.shape[channel_axis(x.rank, layout)])


def _adaptive(x: np.ndarray, output_size: tuple[int, ...], layout: str, reduce: Any) -> np.ndarray:
    """Window i of n covers positions floor(i * size / n) to ceil((i + 1) * size / n), axis by axis."""
    for axis, count in zip(spatial_axes(x.ndim, layout), output_size, strict=True):
        size = x.shape[axis]
        bounds = [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]
        slices = [np.take(x, range(low, high), axis=axis) for low, high in bounds]
        x = np.concatenate([reduce(part, axis=axis, keepdims=True) for part in slices], axis=axis)
    return x


_ADAPTIVE = {"output_size": Ints, "layout": Layout}

adaptive_max_pool = operator(
    "adaptive_max_pool",
    "x",
    attrs=_ADAPTIVE,
    infer=_adaptive_type,
    meaning=lambda x, *, output_size, layout: _adaptive(x, output_size, layout, np.max),
)
"""Max over as many windows as outputs are asked for, of nearly equal size. Any input size."""

adaptive_avg_pool = operator(
    "adaptive_avg_pool",
    "x",
    attrs=_ADAPTIVE,
    infer=_adaptive_type,
    meaning=lambda x, *, output_size, layout: _adaptive(x, output_size, layout, np.mean),
)
"""Mean over as many windows as outputs are asked for, of nearly equal size. Any input size."""
