"""Max and average pooling of any rank, and adaptive pooling."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, Ints, Layout, Pads, operator
from ..ir.types import TensorType
from .gradients import unary
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


def lowest(dtype: np.dtype) -> Any:
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
    x = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], window, strides, dilations), lowest(x.dtype))
    views = [view for _, view in taps(x, window, strides, dilations)]
    result = views[0].copy()
    for view in views[1:]:
        np.maximum(result, view, out=result)
    return from_channels_last(result, layout)


def shares(x: np.ndarray, window: Any, strides: Any, pads: Pairs, dilations: Any, count_padding: bool) -> np.ndarray:
    """How many elements of x (channels last) each window averages."""
    counted = pad_spatial(np.ones((1, *x.shape[1:-1], 1), x.dtype), pads, 1 if count_padding else 0)
    return reduce(np.add, (view for _, view in taps(counted, window, strides, dilations)))


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
    padded = pad_spatial(x, resolved, 0)
    total = reduce(np.add, (view for _, view in taps(padded, window, strides, dilations)))
    count = shares(x, window, strides, resolved, dilations, count_padding)
    return from_channels_last((total / count).astype(x.dtype), layout)


WINDOW = {"window": Ints, "strides": Ints, "pads": Pads("valid"), "dilations": Ints(()), "layout": Layout}


def _max_pool_gradient(b: Builder, dy: Value, x: Value, y: Value, **attrs: Any) -> Value:
    """Of equally large elements TensorFlow takes the first, but in three dimensions all of them."""
    return b.max_pool_gradient(dy, x, ties="first" if len(attrs["window"]) < 3 else "all", **attrs)


max_pool = operator(
    "max_pool",
    "x",
    attrs=WINDOW,
    infer=_pool_type,
    meaning=_max_pool,
    gradient=unary(_max_pool_gradient),
)
"""The largest element under each window; padding never wins. x (N, *S, C) or (N, C, *S) by layout."""

avg_pool = operator(
    "avg_pool",
    "x",
    attrs={**WINDOW, "count_padding": Bool(False)},
    infer=_pool_type,
    meaning=_avg_pool,
    gradient=unary(lambda b, dy, x, y, **attrs: b.avg_pool_gradient(dy, x, **attrs)),
)
"""The mean under each window, over its real elements only unless `count_padding`."""


def _adaptive_type(x: TensorType, *, output_size: tuple[int, ...], layout: str) -> TensorType:
    require_rank("adaptive pooling", x, len(output_size))
    if min(output_size) < 1:
        raise ShapeError(f"adaptive pooling needs positive output sizes, received {output_size}")
    return with_spatial(x, layout, output_size, x.shape[channel_axis(x.rank, layout)])


def adaptive_windows(size: int, count: int) -> list[tuple[int, int]]:
    return [(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


def _adaptive(x: np.ndarray, output_size: tuple[int, ...], layout: str, reduce: Any) -> np.ndarray:
    """Window i of n covers positions floor(i * size / n) to ceil((i + 1) * size / n), axis by axis."""
    for axis, count in zip(spatial_axes(x.ndim, layout), output_size, strict=True):
        size = x.shape[axis]
        slices = [np.take(x, range(low, high), axis=axis) for low, high in adaptive_windows(size, count)]
        x = np.concatenate([reduce(part, axis=axis, keepdims=True) for part in slices], axis=axis)
    return x


ADAPTIVE = {"output_size": Ints, "layout": Layout}

adaptive_max_pool = operator(
    "adaptive_max_pool",
    "x",
    attrs=ADAPTIVE,
    infer=_adaptive_type,
    meaning=lambda x, *, output_size, layout: _adaptive(x, output_size, layout, np.max),
    gradient=unary(lambda b, dy, x, y, **attrs: b.adaptive_max_pool_gradient(dy, x, **attrs)),
)
"""Max over as many windows as outputs are asked for, of nearly equal size. Any input size."""

adaptive_avg_pool = operator(
    "adaptive_avg_pool",
    "x",
    attrs=ADAPTIVE,
    infer=_adaptive_type,
    meaning=lambda x, *, output_size, layout: _adaptive(x, output_size, layout, np.mean),
    gradient=unary(lambda b, dy, x, y, **attrs: b.adaptive_avg_pool_gradient(dy, x, **attrs)),
)
"""Mean over as many windows as outputs are asked for, of nearly equal size. Any input size."""
