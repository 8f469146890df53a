"""Convolution with a kernel of its own at every position."""

from __future__ import annotations

from math import prod

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Ints, Layout, Pads, operator, same_dtype
from ..ir.types import TensorType, product, same_dim, shape_text
from .window import (
    Pairs,
    channel_axis,
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


def _local_conv_type(
    x: TensorType, w: TensorType, *, window: tuple[int, ...], strides: tuple[int, ...], pads: str | Pairs, layout: str
) -> TensorType:
    same_dtype("local_conv", x, w)
    require_rank("local_conv", x, len(window))
    if w.rank != 3:
        raise ShapeError(f"local_conv: w {shape_text(w.shape)} must be (positions, window elements, filters)")
    channels = x.shape[channel_axis(x.rank, layout)]
    same_dim(product((*window, channels)), w.shape[1], f"local_conv: elements of window {window} and of w")
    sizes = [x.shape[axis] for axis in spatial_axes(x.rank, layout)]
    outputs = output_sizes("local_conv", sizes, window, strides, pads, (1,) * len(window))
    same_dim(product(outputs), w.shape[0], f"local_conv: positions of the output {shape_text(outputs)} and of w")
    return with_spatial(x, layout, outputs, w.shape[2])


def _local_conv(
    x: np.ndarray, w: np.ndarray, *, window: tuple[int, ...], strides: tuple[int, ...], pads: str | Pairs, layout: str
) -> np.ndarray:
    ones = (1,) * len(window)
    x = to_channels_last(x, layout)
    padded = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], window, strides, ones), 0)
    views = [view for _, view in taps(padded, window, strides, ones)]
    batch, *sizes, channels = views[0].shape
    elements = np.stack(views, axis=-2 if layout == "channels_last" else -1)
    rows = elements.reshape(batch, prod(sizes), len(views) * channels)
    y = np.einsum("bpk,pkf->bpf", rows, w, optimize=True)
    return from_channels_last(y.reshape(batch, *sizes, w.shape[2]), layout)


local_conv = operator(
    "local_conv",
    "x w",
    attrs={"window": Ints, "strides": Ints, "pads": Pads("valid"), "layout": Layout},
    infer=_local_conv_type,
    meaning=_local_conv,
)
"""Kernels w (positions, elements, filters), positions in row-major order.

The elements of a window are in row-major order of (*window, channels), with channels_first of (channels, *window).
"""
