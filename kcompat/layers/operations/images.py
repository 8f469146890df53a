"""Images, alone (height, width, channels) or in batches: resized, cut, padded, without colour."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from ...config import Bool, DataFormat, Field, IntOrInts, Kind, ints, one_of, optional
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...operators.window import output_sizes, resolve_pads
from ...settings import image_data_format
from ..emitter import Emitter
from .operands import as_floating, as_value, cast
from .operation import Number, Operation, OptionalInt, operation
from .windows import Padding, per_axis

Format = optional(one_of("channels_last", "channels_first"))


class _Image(Operation):
    def axes(self, x: Value) -> tuple[int, int, int]:
        """The axes of height, width and channels. Raises ShapeError unless x is an image or a batch."""
        if x.rank not in (3, 4):
            raise ShapeError(f"{self}: needs an image or a batch of them, received {shape_text(x.shape)}")
        layout = self.data_format or image_data_format()  # type: ignore[attr-defined]
        first = x.rank - 3
        return (first, first + 1, first + 2) if layout == "channels_last" else (first + 1, first + 2, first)


@operation("image", "image.resize")
class Resize(_Image):
    """Images resampled to (height, width), in their dtype for "nearest" and in float32 otherwise.

    The aspect ratio cannot be kept. Source: keras.ops.image.resize.
    """

    size = Field(IntOrInts)
    interpolation = Field(one_of("bilinear", "nearest", "lanczos3", "lanczos5", "bicubic"), "bilinear")
    antialias = Field(Bool, False)
    crop_to_aspect_ratio = Field(Bool, False)
    pad_to_aspect_ratio = Field(Bool, False)
    fill_mode = Field(one_of("constant"), "constant")
    fill_value = Field(Number, 0.0)
    data_format = Field(Format, None)

    def emit(self, b: Emitter, images: Any) -> Value:
        if self.crop_to_aspect_ratio or self.pad_to_aspect_ratio:
            raise ArgumentError(f"{self}: crop_to_aspect_ratio and pad_to_aspect_ratio are not supported")
        x = as_value(b, images)
        height, width, _ = self.axes(x)
        return b.resize(
            x if self.interpolation == "nearest" else cast(b, x, "float32"),
            axes=(height, width),
            sizes=per_axis(self.size, 2, "size"),
            method=self.interpolation,
            antialias=self.antialias,
        )


@operation("image", "image.rgb_to_grayscale")
class RGBToGrayscale(_Image):
    """The brightness of images of three channels, as one channel. Source: keras.ops.image.rgb_to_grayscale."""

    data_format = Field(Format, None)

    def emit(self, b: Emitter, images: Any) -> Value:
        x = as_value(b, images)
        channels = self.axes(x)[2]
        if x.shape[channels] == 1:
            return x
        if x.shape[channels] != 3:
            raise ShapeError(f"{self}: needs one or three channels, received {shape_text(x.shape)}")
        shape = [1] * x.rank
        shape[channels] = 3
        weights = b.reshape(as_value(b, [0.2989, 0.5870, 0.1140]), shape=shape)
        floating = as_floating(b, x)
        grey = b.reduce_sum(b.mul(floating, cast(b, weights, floating.dtype)), axes=(channels,), keepdims=True)
        return cast(b, grey, x.dtype)


class _Framed(_Image):
    """What a border does, given by two of its low end, its high end and the size that results."""

    def borders(self, x: Value, word: str) -> tuple[tuple[int, int], tuple[int, int]]:
        sign = 1 if word == "padding" else -1
        height, width, _ = self.axes(x)
        return (
            self._border(x, height, f"top_{word}", f"bottom_{word}", "target_height", sign),
            self._border(x, width, f"left_{word}", f"right_{word}", "target_width", sign),
        )

    def _border(self, x: Value, axis: int, low: str, high: str, target: str, sign: int) -> tuple[int, int]:
        first, last, wanted = (getattr(self, name) for name in (low, high, target))
        if [first, last, wanted].count(None) != 1:
            raise ArgumentError(f"{self}: give two of {low}, {high} and {target}, and not all three")
        if wanted is not None:
            size = x.shape[axis]
            if not isinstance(size, int):
                raise ShapeError(f"{self}: {target} needs a known size, received {shape_text(x.shape)}")
            change = (wanted - size) * sign
            first, last = (change - last, last) if first is None else (first, change - first)
        if first < 0 or last < 0:
            raise ArgumentError(f"{self}: {low} and {high} must not be negative, received {first} and {last}")
        return first, last

    def framed(self, b: Emitter, x: Value, borders: Any, sign: int) -> Value:
        pads = [(0, 0)] * x.rank
        for axis, (low, high) in zip(self.axes(x)[:2], borders, strict=True):
            pads[axis] = (sign * low, sign * high)
        return b.pad(x, pads=pads)


@operation("image", "image.pad_images")
class PadImages(_Framed):
    """Images with zeros around them. Source: keras.ops.image.pad_images."""

    top_padding = Field(OptionalInt, None)
    left_padding = Field(OptionalInt, None)
    bottom_padding = Field(OptionalInt, None)
    right_padding = Field(OptionalInt, None)
    target_height = Field(OptionalInt, None)
    target_width = Field(OptionalInt, None)
    data_format = Field(Format, None)

    def emit(self, b: Emitter, images: Any) -> Value:
        x = as_value(b, images)
        return self.framed(b, x, self.borders(x, "padding"), 1)


@operation("image", "image.crop_images")
class CropImages(_Framed):
    """Images without their edges. Source: keras.ops.image.crop_images."""

    top_cropping = Field(OptionalInt, None)
    left_cropping = Field(OptionalInt, None)
    bottom_cropping = Field(OptionalInt, None)
    right_cropping = Field(OptionalInt, None)
    target_height = Field(OptionalInt, None)
    target_width = Field(OptionalInt, None)
    data_format = Field(Format, None)

    def emit(self, b: Emitter, images: Any) -> Value:
        x = as_value(b, images)
        return self.framed(b, x, self.borders(x, "cropping"), -1)


_Strides = Kind("strides", lambda value, owner: owner.size if value is None else IntOrInts.parse(value, owner))
_MOST_TAPS = 4096
"""Each position under a window is a node of the graph, and a file can ask for any window."""


@operation("image", "image.extract_patches")
class ExtractPatches(_Image):
    """For every place of a window, the pixels under it as channels. Source: keras.ops.image.extract_patches."""

    size = Field(ints(2))
    strides = Field(_Strides, None)
    dilation_rate = Field(IntOrInts, 1)
    padding = Field(Padding, "valid")
    data_format = Field(DataFormat, None)

    def base_config(self) -> dict[str, Any]:
        """None: Keras's class takes no name."""
        return {}

    def emit(self, b: Emitter, images: Any) -> Value:
        x = as_value(b, images)
        *axes, channels = self.axes(x)
        window = per_axis(self.size, 2, "size")
        strides = per_axis(self.strides, 2, "strides")
        dilations = per_axis(self.dilation_rate, 2, "dilation_rate")
        if not 1 <= window[0] * window[1] <= _MOST_TAPS:
            raise ArgumentError(f"{self}: size={self.size} must cover 1 to {_MOST_TAPS} positions")
        sizes = [x.shape[axis] for axis in axes]
        if not all(isinstance(size, int) for size in sizes):
            raise ShapeError(f"{self}: height and width must be known, received {shape_text(x.shape)}")
        pads = [(0, 0)] * x.rank
        for axis, pair in zip(axes, resolve_pads(self.padding, sizes, window, strides, dilations), strict=True):
            pads[axis] = pair
        counts = output_sizes(str(self), sizes, window, strides, self.padding, dilations)
        x = b.pad(x, pads=pads) if any(map(any, pads)) else x
        taps = product(*([place * d for place in range(k)] for k, d in zip(window, dilations, strict=True)))
        return b.concat(*(_every(b, x, axes, tap, strides, counts) for tap in taps), axis=channels)


def _every(b: Emitter, x: Value, axes: Sequence[int], starts: Any, steps: Any, counts: Any) -> Value:
    """So many positions of x along axes, from a start in steps."""
    stops = [start + (count - 1) * step + 1 for start, count, step in zip(starts, counts, steps, strict=True)]
    return b.slice(x, starts=starts, stops=stops, steps=steps, axes=axes)
