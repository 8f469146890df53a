"""Convolution of any rank, with strides, dilation and groups."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Int, Ints, Layout, Pads, operator, require_bias, same_dtype
from ..ir.types import Dim, TensorType, shape_text
from .gradients import Gradients
from .window import (
    Pairs,
    channel_axis,
    check_window,
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


def _conv_type(
    x: TensorType,
    w: TensorType,
    bias: TensorType | None,
    *,
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> TensorType:
    same_dtype("conv", x, w, bias)
    require_rank("conv", x, w.rank - 2)
    kernel, inputs, filters = w.shape[:-2], w.shape[-2], w.shape[-1]
    channels = x.shape[channel_axis(x.rank, layout)]
    if isinstance(channels, int) and isinstance(inputs, int) and channels != inputs * groups:
        raise ShapeError(
            f"conv: input {shape_text(x.shape)} ({layout}) has {channels} channels, "
            f"kernel {shape_text(w.shape)} with groups={groups} takes {inputs * groups}"
        )
    if isinstance(filters, int) and filters % groups:
        raise ShapeError(f"conv: {filters} filters do not divide into {groups} groups")
    require_bias("conv", bias, filters)
    sizes = [x.shape[axis] for axis in spatial_axes(x.rank, layout)]
    return with_spatial(x, layout, output_sizes("conv", sizes, kernel, strides, pads, dilations), filters)  # type: ignore[arg-type]


def _conv(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None,
    *,
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> np.ndarray:
    x = to_channels_last(x, layout)
    kernel = w.shape[:-2]
    x = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], kernel, strides, dilations), 0)
    y = reduce(np.add, (_tap(window, w[tap], groups) for tap, window in taps(x, kernel, strides, dilations)))
    return from_channels_last(y if bias is None else y + bias, layout)


def _tap(window: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """One kernel position's share: window (..., C) times w (C / groups, O)."""
    if groups == 1:
        return window @ w
    if w.shape[0] == 1:
        return np.repeat(window, w.shape[1] // groups, axis=-1) * w[0]
    pairs = zip(np.split(window, groups, axis=-1), np.split(w, groups, axis=-1), strict=True)
    return np.concatenate([part @ kernel for part, kernel in pairs], axis=-1)


def _bias_gradient(b: Builder, dy: Value, bias: Value | None, layout: str) -> Value | None:
    if bias is None:
        return None
    channels = channel_axis(dy.rank, layout)
    return b.reduce_sum(dy, axes=[axis for axis in range(dy.rank) if axis != channels])


def _conv_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
    (dy,), (x, w, bias) = gradients, inputs
    window = w.shape[:-2]
    return [
        input_gradient(b, dy, w, x, **attrs),
        b.conv_kernel_gradient(x, dy, window=window, **attrs),
        _bias_gradient(b, dy, bias, attrs["layout"]),
    ]


def input_gradient(b: Builder, dy: Value, w: Value, x: Value, **attrs: Any) -> Value:
    """A transposed convolution, where that can say the sizes of x."""
    strides, dilations, groups, layout = (attrs[name] for name in ("strides", "dilations", "groups", "layout"))
    sizes = [x.shape[axis] for axis in spatial_axes(x.rank, layout)]
    spans = [extent(k, d) for k, d in zip(w.shape[:-2], dilations, strict=True)]
    if any(not isinstance(size, int) and stride > 1 for size, stride in zip(sizes, strides, strict=True)):
        return b.conv_input_gradient(dy, w, x, **attrs)
    known = [size if isinstance(size, int) else span for size, span in zip(sizes, spans, strict=True)]
    pads = resolve_pads(attrs["pads"], known, w.shape[:-2], strides, dilations)
    extra = [
        (size + low + high - span) % stride
        for size, (low, high), span, stride in zip(known, pads, spans, strides, strict=True)
    ]
    return b.conv_transpose(
        dy, w, strides=strides, pads=pads, output_padding=extra, dilations=dilations, groups=groups, layout=layout
    )


conv = operator(
    "conv",
    "x w bias?",
    attrs={"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "groups": Int(1), "layout": Layout},
    infer=_conv_type,
    meaning=_conv,
    gradient=_conv_gradient,
)
"""x (N, *S, C) or (N, C, *S) by layout, w (*K, C / groups, O), bias (O,) -> (N, *S', O) likewise.

Output channel o belongs to group o // (O / groups).
"""


def _transpose_type(
    x: TensorType,
    w: TensorType,
    bias: TensorType | None,
    *,
    strides: tuple[int, ...],
    pads: Pairs,
    output_padding: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> TensorType:
    same_dtype("conv_transpose", x, w, bias)
    require_rank("conv_transpose", x, w.rank - 2)
    kernel, filters, inputs = w.shape[:-2], w.shape[-2], w.shape[-1]
    channels = x.shape[channel_axis(x.rank, layout)]
    if isinstance(channels, int) and isinstance(inputs, int) and channels != inputs:
        raise ShapeError(
            f"conv_transpose: input {shape_text(x.shape)} ({layout}) has {channels} channels, "
            f"kernel {shape_text(w.shape)} takes {inputs}"
        )
    sizes = [x.shape[axis] for axis in spatial_axes(x.rank, layout)]
    check_window("conv_transpose", len(sizes), kernel, strides, pads, dilations)  # type: ignore[arg-type]
    if len(output_padding) != len(sizes):
        raise ShapeError(f"conv_transpose: {len(sizes)} spatial axes with output_padding {output_padding}")
    out = [
        _grown(size, s, extent(k, d) + extra - low - high)
        for size, k, s, d, extra, (low, high) in zip(
            sizes, kernel, strides, dilations, output_padding, pads, strict=True
        )
    ]
    if any(isinstance(size, int) and size < 1 for size in out):
        raise ShapeError(f"conv_transpose: pads {pads} leave an output of size {out}")
    total = filters * groups if isinstance(filters, int) else None
    require_bias("conv_transpose", bias, total)
    return with_spatial(x, layout, out, total)


def _grown(size: Dim, stride: int, reach: int) -> Dim:
    """The output size for windows that reach so far beyond the last one's start."""
    if isinstance(size, int):
        return (size - 1) * stride + reach
    return size if stride == reach == 1 else None


def _conv_transpose(
    x: np.ndarray,
    w: np.ndarray,
    bias: np.ndarray | None,
    *,
    strides: tuple[int, ...],
    pads: Pairs,
    output_padding: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> np.ndarray:
    x = to_channels_last(x, layout)
    *kernel, filters, _ = w.shape
    full = [
        (size - 1) * s + (k - 1) * d + 1 + extra
        for size, s, k, d, extra in zip(x.shape[1:-1], strides, kernel, dilations, output_padding, strict=True)
    ]
    y = np.zeros((x.shape[0], *full, filters * groups), x.dtype)
    for tap in np.ndindex(*kernel):
        spans = (
            slice(t * d, t * d + (size - 1) * s + 1, s)
            for t, d, size, s in zip(tap, dilations, x.shape[1:-1], strides, strict=True)
        )
        place = (slice(None), *spans)
        y[place] += _spread(x, w[tap], groups)
    y = pad_spatial(y, tuple((-low, -high) for low, high in pads), 0)
    return from_channels_last(y if bias is None else y + bias, layout)


def _spread(x: np.ndarray, w: np.ndarray, groups: int) -> np.ndarray:
    """One kernel position's share: x (..., C) times w (O / groups, C), transposed."""
    pairs = zip(np.split(x, groups, axis=-1), np.split(w, groups, axis=-1), strict=True)
    return np.concatenate([part @ kernel.T for part, kernel in pairs], axis=-1)


def _transpose_gradient(
    b: Builder,
    gradients: Any,
    inputs: Any,
    outputs: Any,
    *,
    strides: tuple[int, ...],
    pads: Pairs,
    output_padding: tuple[int, ...],
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> Gradients:
    """Positions that a whole stride adds at the end belong to no window; the convolution leaves out less by itself."""
    (dy,), (x, w, bias) = gradients, inputs
    whole = [extra if extra >= stride else 0 for extra, stride in zip(output_padding, strides, strict=True)]
    attrs = {
        "strides": strides,
        "pads": tuple((low, high - more) for (low, high), more in zip(pads, whole, strict=True)),
        "dilations": dilations,
        "groups": groups,
        "layout": layout,
    }
    by_kernel = b.conv_kernel_gradient(dy, x, window=w.shape[:-2], **attrs)
    return [b.conv(dy, w, **attrs), by_kernel, _bias_gradient(b, dy, bias, layout)]


conv_transpose = operator(
    "conv_transpose",
    "x w bias?",
    attrs={
        "strides": Ints,
        "pads": Pads,
        "output_padding": Ints,
        "dilations": Ints,
        "groups": Int(1),
        "layout": Layout,
    },
    infer=_transpose_type,
    meaning=_conv_transpose,
    gradient=_transpose_gradient,
)
"""The gradient of a convolution with respect to its input, as a layer of its own.

x (N, *S, C), w (*K, O / groups, C), bias (O,); the full result has (S - 1) * stride + span +
output_padding positions per axis, of which `pads` (low, high) are cut off (negative: added as zeros).
"""


def is_of_one_pixel(x: Value, attrs: Mapping[str, Any]) -> bool:
    """Whether a transposed convolution's result is its kernel, times one pixel, and no more."""
    is_bare = attrs["layout"] == "channels_last" and attrs["groups"] == 1 and set(attrs["dilations"]) == {1}
    is_whole = not any(map(any, attrs["pads"])) and not any(attrs["output_padding"])
    return is_bare and is_whole and all(size == 1 for size in x.shape[1:-1])
