"""Convolution with a kernel of its own at every position."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.operator import Ints, Layout, Pads, operator, same_dtype
from ..ir.types import TensorType, product, same_dim, shape_text
from .gradients import Gradients
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
    rows, sizes = _rows(x, window, strides, pads, layout)
    y = np.einsum("bpk,pkf->bpf", rows, w, optimize=True)
    return from_channels_last(y.reshape(len(x), *sizes, w.shape[2]), layout)


def _rows(
    x: np.ndarray, window: tuple[int, ...], strides: tuple[int, ...], pads: str | Pairs, layout: str
) -> tuple[np.ndarray, list[int]]:
    """The elements of each window, (batch, positions, elements), and how many windows each axis has."""
    ones = (1,) * len(window)
    x = to_channels_last(x, layout)
    padded = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], window, strides, ones), 0)
    views = [view for _, view in taps(padded, window, strides, ones)]
    batch, *sizes, channels = views[0].shape
    elements = np.stack(views, axis=_element_axis(layout))
    return elements.reshape(batch, prod(sizes), len(views) * channels), sizes


def _element_axis(layout: str) -> int:
    """Where the positions of a window lie beside the channels."""
    return -2 if layout == "channels_last" else -1


def _by_kernel(
    x: np.ndarray, dy: np.ndarray, *, window: tuple[int, ...], strides: tuple[int, ...], pads: str | Pairs, layout: str
) -> np.ndarray:
    rows, sizes = _rows(x, window, strides, pads, layout)
    lines = to_channels_last(dy, layout).reshape(len(x), prod(sizes), -1)
    return np.einsum("bpk,bpf->pkf", rows, lines, optimize=True)


def _by_input(
    dy: np.ndarray,
    w: np.ndarray,
    like: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    layout: str,
) -> np.ndarray:
    ones = (1,) * len(window)
    dy, like = to_channels_last(dy, layout), to_channels_last(like, layout)
    batch, *outputs, filters = dy.shape
    rows = np.einsum("bpf,pkf->bpk", dy.reshape(batch, prod(outputs), filters), w, optimize=True)
    inner = (prod(window), like.shape[-1]) if layout == "channels_last" else (like.shape[-1], prod(window))
    elements = np.moveaxis(rows.reshape(batch, *outputs, *inner), _element_axis(layout), 0)
    resolved = resolve_pads(pads, like.shape[1:-1], window, strides, ones)
    sizes = [size + low + high for size, (low, high) in zip(like.shape[1:-1], resolved, strict=True)]
    total = np.zeros((batch, *sizes, like.shape[-1]), dy.dtype)
    for part, (_, view) in zip(elements, taps(total, window, strides, ones), strict=True):
        view += part
    return from_channels_last(pad_spatial(total, tuple((-low, -high) for low, high in resolved), 0), layout)


def _gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
    (dy,), (x, w) = gradients, inputs
    return [b.local_conv_input_gradient(dy, w, x, **attrs), b.local_conv_kernel_gradient(x, dy, **attrs)]


_ATTRIBUTES = {"window": Ints, "strides": Ints, "pads": Pads("valid"), "layout": Layout}

local_conv = operator(
    "local_conv", "x w", attrs=_ATTRIBUTES, infer=_local_conv_type, meaning=_local_conv, gradient=_gradient
)
"""Kernels w (positions, elements, filters), positions in row-major order.

The elements of a window are in row-major order of (*window, channels), with channels_first of (channels, *window).
"""


def _kernel_type(x: TensorType, dy: TensorType, *, window: tuple[int, ...], layout: str, **_: Any) -> TensorType:
    same_dtype("local_conv_kernel_gradient", x, dy)
    positions = product(dy.shape[axis] for axis in spatial_axes(dy.rank, layout))
    channels, filters = (value.shape[channel_axis(value.rank, layout)] for value in (x, dy))
    return x.with_shape((positions, product((*window, channels)), filters))


local_conv_kernel_gradient = operator(
    "local_conv_kernel_gradient",
    "x dy",
    attrs=_ATTRIBUTES,
    infer=_kernel_type,
    meaning=_by_kernel,
    gradient=lambda b, gradients, inputs, _, **attrs: [
        b.local_conv_input_gradient(inputs[1], gradients[0], inputs[0], **attrs),
        b.local_conv(inputs[0], gradients[0], **attrs),
    ],
)
"""The gradient of local_conv by its kernels, from its input x and dy, that of its output."""


def _input_type(dy: TensorType, w: TensorType, like: TensorType, **attrs: Any) -> TensorType:
    same_dtype("local_conv_input_gradient", dy, w, like)
    local_conv.infer(like, w, **attrs)
    return like


local_conv_input_gradient = operator(
    "local_conv_input_gradient",
    "dy w like",
    attrs=_ATTRIBUTES,
    infer=_input_type,
    meaning=_by_input,
    gradient=lambda b, gradients, inputs, _, **attrs: [
        b.local_conv(gradients[0], inputs[1], **attrs),
        b.local_conv_kernel_gradient(gradients[0], inputs[0], **attrs),
        None,
    ],
)
"""The gradient of local_conv by its input, from dy, that of its output; `like` has the input's shape."""
