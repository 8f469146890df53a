"""Convolution and pooling with kernels and windows that are given, and patches."""

from __future__ import annotations

from typing import Any

from ...config import DataFormat, Field, Int, IntOrInts, one_of, optional
from ...errors import ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...operators.window import channel_axis, extent
from ..emitter import Emitter
from ..transposed import cuts
from .operands import as_value, meet_strong
from .operation import Operation, operation

Padding = one_of("valid", "same")


class Windowed(Operation):
    """Something under a window that moves over the spatial axes of (batch, *spatial, channels)."""


def per_axis(value: Any, rank: int, what: str) -> tuple[int, ...]:
    """A number per spatial axis. Raises ShapeError if there are more or fewer."""
    numbers = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(numbers) == 1:
        numbers *= rank
    if len(numbers) != rank:
        raise ShapeError(f"{what}={value} must give a number for each of {rank} spatial axes")
    return numbers


def spatial_rank(owner: Operation, x: Value) -> int:
    """Raises ShapeError unless x has a batch, one to three spatial axes, and channels."""
    if not 3 <= x.rank <= 5:
        raise ShapeError(
            f"{owner}: needs a batch, one to three spatial axes and channels, received {shape_text(x.shape)}"
        )
    return x.rank - 2


# --- pooling -------------------------------------------------------------------------


class _Pool(Windowed):
    pool_size = Field(IntOrInts)
    strides = Field(optional(IntOrInts), None)
    padding = Field(Padding, "valid")
    data_format = Field(DataFormat, None)
    card: str

    def emit(self, b: Emitter, inputs: Any) -> Value:
        x = as_value(b, inputs)
        rank = spatial_rank(self, x)
        window = per_axis(self.pool_size, rank, "pool_size")
        strides = window if self.strides is None else per_axis(self.strides, rank, "strides")
        card = getattr(b, self.card)
        value: Value = card(x, window=window, strides=strides, pads=self.padding, layout=self.data_format)
        return value


@operation("nn")
class MaxPool(_Pool):
    """The largest element under each window. Source: keras.ops.max_pool."""

    card = "max_pool"


@operation("nn")
class AveragePool(_Pool):
    """The mean of the elements under each window. Source: keras.ops.average_pool."""

    card = "avg_pool"


class _Adaptive(Windowed):
    output_size = Field(IntOrInts)
    data_format = Field(DataFormat, None)
    card: str

    def emit(self, b: Emitter, inputs: Any) -> Value:
        x = as_value(b, inputs)
        sizes = per_axis(self.output_size, spatial_rank(self, x), "output_size")
        value: Value = getattr(b, self.card)(x, output_size=sizes, layout=self.data_format)
        return value


@operation("nn")
class AdaptiveMaxPool(_Adaptive):
    """The largest element of so many nearly equal parts. Source: keras.ops.adaptive_max_pool."""

    card = "adaptive_max_pool"


@operation("nn")
class AdaptiveAveragePool(_Adaptive):
    """The mean of so many nearly equal parts. Source: keras.ops.adaptive_average_pool."""

    card = "adaptive_avg_pool"


# --- convolution ---------------------------------------------------------------------


class _Convolution(Windowed):
    strides = Field(IntOrInts, 1)
    padding = Field(Padding, "valid")
    data_format = Field(DataFormat, None)
    dilation_rate = Field(IntOrInts, 1)

    def convolve(self, b: Emitter, x: Value, kernel: Value, groups: int) -> Value:
        rank = spatial_rank(self, x)
        if kernel.rank != x.rank:
            raise ShapeError(f"{self}: a kernel {shape_text(kernel.shape)} does not fit {shape_text(x.shape)}")
        return b.conv(
            x,
            kernel,
            strides=per_axis(self.strides, rank, "strides"),
            pads=self.padding,
            dilations=per_axis(self.dilation_rate, rank, "dilation_rate"),
            groups=groups,
            layout=self.data_format,
        )

    def channels(self, x: Value) -> int:
        """Raises ShapeError where they are not known."""
        channels = x.shape[channel_axis(x.rank, self.data_format)]
        if not isinstance(channels, int):
            raise ShapeError(f"{self}: the number of channels must be known, received {shape_text(x.shape)}")
        return channels

    def each(self, b: Emitter, x: Value, kernel: Value) -> Value:
        """Every channel alone, with a kernel (*window, channels, multiplier)."""
        *window, channels, multiplier = kernel.shape
        if channels != self.channels(x) or not isinstance(multiplier, int):
            raise ShapeError(f"{self}: a kernel {shape_text(kernel.shape)} does not fit {shape_text(x.shape)}")
        beside = b.reshape(kernel, shape=(*window, 1, channels * multiplier))
        return self.convolve(b, x, beside, groups=channels)


@operation("nn")
class Conv(_Convolution):
    """Convolution with a kernel (*window, channels per group, filters). Source: keras.ops.conv."""

    def emit(self, b: Emitter, inputs: Any, kernel: Any) -> Value:
        x, w = meet_strong(b, inputs, kernel, floating=True)
        per_group = w.shape[-2] if w.rank == x.rank else 0
        channels = self.channels(x)
        if not isinstance(per_group, int) or not per_group or channels % per_group:
            raise ShapeError(f"{self}: a kernel {shape_text(w.shape)} does not fit {shape_text(x.shape)}")
        return self.convolve(b, x, w, groups=channels // per_group)


@operation("nn")
class DepthwiseConv(_Convolution):
    """Convolution of every channel alone, with a kernel (*window, channels, multiplier).

    Source: keras.ops.depthwise_conv.
    """

    def emit(self, b: Emitter, inputs: Any, kernel: Any) -> Value:
        return self.each(b, *meet_strong(b, inputs, kernel, floating=True))


@operation("nn")
class SeparableConv(_Convolution):
    """A depthwise convolution, then one of all channels with a window of size one.

    Source: keras.ops.separable_conv.
    """

    def emit(self, b: Emitter, inputs: Any, depthwise_kernel: Any, pointwise_kernel: Any) -> Value:
        x, depthwise, pointwise = meet_strong(b, inputs, depthwise_kernel, pointwise_kernel, floating=True)
        ones = (1,) * spatial_rank(self, x)
        each = self.each(b, x, depthwise)
        return b.conv(each, pointwise, strides=ones, dilations=ones, layout=self.data_format)


@operation("nn")
class ConvTranspose(_Convolution):
    """The gradient of a convolution, with a kernel (*window, filters, channels). Source: keras.ops.conv_transpose."""

    output_padding = Field(optional(IntOrInts), None)
    positional = ("strides", "padding", "output_padding", "data_format", "dilation_rate")
    parameters = ("inputs", "kernel", *positional)

    def emit(self, b: Emitter, inputs: Any, kernel: Any) -> Value:
        x, w = meet_strong(b, inputs, kernel, floating=True)
        rank = spatial_rank(self, x)
        strides = per_axis(self.strides, rank, "strides")
        dilations = per_axis(self.dilation_rate, rank, "dilation_rate")
        extras = None if self.output_padding is None else per_axis(self.output_padding, rank, "output_padding")
        spans = tuple(map(extent, w.shape[:-2], dilations))
        return b.conv_transpose(
            x,
            w,
            strides=strides,
            pads=cuts(self.padding, spans, strides, extras),
            output_padding=(0,) * rank,
            dilations=dilations,
            layout=self.data_format,
        )


# --- patches and blocks --------------------------------------------------------------


@operation("nn")
class DepthToSpace(Windowed):
    """Channels laid out as blocks of positions: (n, h, w, c) to (n, h * k, w * k, c / k^2).

    Source: keras.ops.depth_to_space.
    """

    block_size = Field(Int)
    data_format = Field(one_of("channels_last", "channels_first"), "channels_last")

    def emit(self, b: Emitter, x: Any) -> Value:
        return _channels_last(self, b, as_value(b, x), self._laid_out)

    def _laid_out(self, b: Emitter, x: Value) -> Value:
        k, (_, height, width, channels) = self.block_size, x.shape
        if (
            not isinstance(height, int)
            or not isinstance(width, int)
            or not isinstance(channels, int)
            or channels % k**2
        ):
            raise ShapeError(f"{self}: {shape_text(x.shape)} must have known sizes and channels in blocks of {k**2}")
        blocks = b.reshape(x, shape=(-1, height, width, k, k, channels // k**2))
        beside = b.transpose(blocks, perm=(0, 1, 3, 2, 4, 5))
        return b.reshape(beside, shape=(-1, height * k, width * k, channels // k**2))


@operation("nn")
class SpaceToDepth(Windowed):
    """Blocks of positions laid out as channels: (n, h, w, c) to (n, h / k, w / k, c * k^2).

    Source: keras.ops.space_to_depth.
    """

    block_size = Field(Int)
    data_format = Field(one_of("channels_last", "channels_first"), "channels_last")

    def emit(self, b: Emitter, x: Any) -> Value:
        return _channels_last(self, b, as_value(b, x), self._laid_out)

    def _laid_out(self, b: Emitter, x: Value) -> Value:
        k, (_, height, width, channels) = self.block_size, x.shape
        known = isinstance(height, int) and isinstance(width, int) and isinstance(channels, int)
        if not known or height % k or width % k:
            raise ShapeError(f"{self}: {shape_text(x.shape)} must have known sizes in blocks of {k}")
        blocks = b.reshape(x, shape=(-1, height // k, k, width // k, k, channels))
        beside = b.transpose(blocks, perm=(0, 1, 3, 2, 4, 5))
        return b.reshape(beside, shape=(-1, height // k, width // k, channels * k**2))


def _channels_last(owner: Any, b: Emitter, x: Value, function: Any) -> Value:
    if x.rank != 4:
        raise ShapeError(f"{owner}: needs four axes, received {shape_text(x.shape)}")
    if owner.data_format == "channels_last":
        result: Value = function(b, x)
        return result
    return b.transpose(function(b, b.transpose(x, perm=(0, 2, 3, 1))), perm=(0, 3, 1, 2))
