"""The gradients of a convolution that no other convolution computes."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.operator import Int, Ints, Layout, Pads, operator, same_dtype
from ..ir.types import TensorType, shape_text
from .conv import conv, conv_transpose
from .gradients import Gradients
from .window import (
    Pairs,
    channel_axis,
    extent,
    pad_spatial,
    require_rank,
    resolve_pads,
    spatial_axes,
    taps,
    to_channels_last,
)


def _kernel_type(
    x: TensorType, dy: TensorType, *, window: tuple[int, ...], groups: int, layout: str, **attrs: Any
) -> TensorType:
    same_dtype("conv_kernel_gradient", x, dy)
    require_rank("conv_kernel_gradient", x, len(window))
    require_rank("conv_kernel_gradient", dy, len(window))
    channels, filters = (value.shape[channel_axis(value.rank, layout)] for value in (x, dy))
    if not isinstance(channels, int) or not isinstance(filters, int) or channels % groups:
        raise ShapeError(
            f"conv_kernel_gradient: x {shape_text(x.shape)} and dy {shape_text(dy.shape)} ({layout}) need known "
            f"channels that divide into {groups} groups"
        )
    kernel = x.with_shape((*window, channels // groups, filters))
    conv.infer(x, kernel, None, groups=groups, layout=layout, **attrs)
    return kernel


def _kernel_gradient(
    x: np.ndarray,
    dy: np.ndarray,
    *,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> np.ndarray:
    x, dy = to_channels_last(x, layout), to_channels_last(dy, layout)
    x = pad_spatial(x, resolve_pads(pads, x.shape[1:-1], window, strides, dilations), 0)
    rows = dy.reshape(-1, groups, dy.shape[-1] // groups).transpose(1, 0, 2)
    kernel = np.empty((*window, x.shape[-1] // groups, dy.shape[-1]), x.dtype)
    for tap, met in taps(x, window, strides, dilations):
        columns = met.reshape(-1, groups, met.shape[-1] // groups).transpose(1, 2, 0)
        kernel[tap] = np.concatenate(list(columns @ rows), axis=-1)
    return kernel


def _kernel_gradient_gradient(
    b: Builder, gradients: Any, inputs: Any, outputs: Any, *, window: tuple[int, ...], **attrs: Any
) -> Gradients:
    (dw,), (x, dy) = gradients, inputs
    return [b.conv_input_gradient(dy, dw, x, **attrs), b.conv(x, dw, **attrs)]


_CONV = {"strides": Ints, "pads": Pads("valid"), "dilations": Ints, "groups": Int(1), "layout": Layout}

conv_kernel_gradient = operator(
    "conv_kernel_gradient",
    "x dy",
    attrs={"window": Ints, **_CONV},
    infer=_kernel_type,
    meaning=_kernel_gradient,
    gradient=_kernel_gradient_gradient,
)
"""The gradient of `conv` by its kernel, (*window, C / groups, O), from its input x and that of its output, dy."""


def _input_type(dy: TensorType, w: TensorType, like: TensorType, **attrs: Any) -> TensorType:
    same_dtype("conv_input_gradient", dy, w, like)
    conv.infer(like, w, None, **attrs)
    return like


def _input_gradient(
    dy: np.ndarray,
    w: np.ndarray,
    like: np.ndarray,
    *,
    strides: tuple[int, ...],
    pads: str | Pairs,
    dilations: tuple[int, ...],
    groups: int,
    layout: str,
) -> np.ndarray:
    sizes = [like.shape[axis] for axis in spatial_axes(like.ndim, layout)]
    window = w.shape[:-2]
    resolved = resolve_pads(pads, sizes, window, strides, dilations)
    extra = tuple(
        (size + low + high - extent(k, d)) % s
        for size, (low, high), k, d, s in zip(sizes, resolved, window, dilations, strides, strict=True)
    )
    options = {"strides": strides, "dilations": dilations, "groups": groups, "layout": layout}
    return conv_transpose.meaning(dy, w, None, pads=resolved, output_padding=extra, **options)


def _input_gradient_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, **attrs: Any) -> Gradients:
    (dx,), (dy, w, _) = gradients, inputs
    return [b.conv(dx, w, **attrs), b.conv_kernel_gradient(dx, dy, window=w.shape[:-2], **attrs), None]


conv_input_gradient = operator(
    "conv_input_gradient",
    "dy w like",
    attrs=_CONV,
    infer=_input_type,
    meaning=_input_gradient,
    gradient=_input_gradient_gradient,
)
"""The gradient of `conv` by its input, from dy, that of its output; `like` has the input's shape.

conv_transpose is the same for sizes known beforehand.
"""
