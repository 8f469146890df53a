"""STFTSpectrogram."""

from __future__ import annotations

from typing import Any

from ..config import Bool, DataFormat, Field, PositiveInt, one_of, optional, registered
from ..errors import ArgumentError, ShapeError
from ..initializers import STFT
from ..ir import Value, Variable
from ..ir.types import shape_text
from .base import Layer
from .emitter import Emitter

_EPSILON = 1e-7


@registered("keras.layers")
class STFTSpectrogram(Layer):
    """Short-time Fourier transforms by convolution, whose kernels are weights that can be trained.

    Input (batch, time, channels), or (batch, channels, time) for channels_first. Output (batch, frames,
    channels * bins), or (batch, channels * bins, frames); with expand_dims (batch, frames, bins, channels),
    or (batch, channels, frames, bins); bins = fft_length // 2 + 1, twice that for mode "stft".
    mode: "log", "magnitude", "psd", "real", "imag", "angle", or "stft", real parts before imaginary ones.
    frame_step: half of frame_length by default; fft_length: the next power of two. Source:
    keras.layers.STFTSpectrogram.
    """

    mode = Field(one_of("log", "magnitude", "psd", "real", "imag", "angle", "stft"), "log")
    frame_length = Field(PositiveInt, 256)
    frame_step = Field(optional(PositiveInt), None)
    fft_length = Field(optional(PositiveInt), None)
    window = Field(STFT.window.kind, "hann")
    periodic = Field(Bool, False)
    scaling = Field(one_of("density", "spectrum", None), "density")
    padding = Field(one_of("valid", "same"), "valid")
    data_format = Field(DataFormat, None)
    expand_dims = Field(Bool, False)

    positional = (
        *("mode", "frame_length", "frame_step", "fft_length", "window", "periodic"),
        *("scaling", "padding", "expand_dims", "data_format"),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.frame_step is not None and self.frame_step > self.frame_length:
            raise ArgumentError(f"{self}: frame_step={self.frame_step} exceeds frame_length={self.frame_length}")
        if self.fft_length is not None and self.fft_length < self.frame_length:
            raise ArgumentError(f"{self}: fft_length={self.fft_length} is less than frame_length={self.frame_length}")

    @property
    def bins(self) -> int:
        """How many frequencies there are."""
        return (self.fft_length or 1 << (self.frame_length - 1).bit_length()) // 2 + 1

    def build(self, input_shape: Any) -> None:
        self.real_kernel = self._add_kernel("real") if self.mode != "imag" else None
        self.imag_kernel = self._add_kernel("imag") if self.mode != "real" else None

    def _add_kernel(self, side: str) -> Variable:
        initializer = STFT(side, self.window, self.scaling, self.periodic)
        return self.add_weight((self.frame_length, 1, self.bins), initializer, name=f"{side}_kernel")

    def emit(self, b: Emitter, x: Value) -> Value:
        if x.rank != 3:
            raise ShapeError(f"{self}: needs an input of three axes, received shape {shape_text(x.shape)}")
        x = b.floating(x)
        signal = b.transpose(x, perm=(0, 2, 1)) if self.data_format == "channels_last" else x
        return self._arranged(b, self._spectrum(b, signal))

    def _spectrum(self, b: Emitter, signal: Value) -> Value:
        """(batch, channels, time) -> (batch, channels, frames, bins), as `mode` says."""
        parts = [self._transform(b, signal, kernel) for kernel in (self.real_kernel, self.imag_kernel) if kernel]
        if len(parts) == 1:
            return parts[0]
        if self.mode == "stft":
            return b.concat(*parts, axis=-1)
        if self.mode == "angle":
            return b.atan2(parts[1], parts[0])
        power = b.add(b.square(parts[0]), b.square(parts[1]))
        if self.mode == "psd":
            inner = b.slice(power, starts=(1,), stops=(-1,), steps=(1,), axes=(3,))
            return b.add(power, b.pad(inner, pads=((0, 0), (0, 0), (0, 0), (1, 1))))
        magnitude = b.sqrt(b.maximum(power, _EPSILON))
        return magnitude if self.mode == "magnitude" else b.log(b.maximum(magnitude, _EPSILON))

    def _transform(self, b: Emitter, signal: Value, kernel: Variable) -> Value:
        """Each channel convolved alone, as if it were a sample."""
        channels = b.expand_dims(signal, axes=(3,))
        step = self.frame_step or self.frame_length // 2
        frames = b.conv(
            b.fold_time(channels),
            kernel,
            None,
            strides=(step,),
            pads=self.padding,
            dilations=(1,),
            groups=1,
            layout="channels_last",
        )
        return b.unfold_time(frames, channels)

    def _arranged(self, b: Emitter, x: Value) -> Value:
        """(batch, channels, frames, bins) in the axes of the output."""
        _, channels, _, bins = x.shape
        last = self.data_format == "channels_last"
        if self.expand_dims:
            return b.transpose(x, perm=(0, 2, 3, 1)) if last else x
        if not isinstance(channels, int) or not isinstance(bins, int):
            raise ArgumentError(f"{self}: the number of channels must be known, received {shape_text(x.shape)}")
        if last:
            return b.reshape(b.transpose(x, perm=(0, 2, 1, 3)), shape=(-2, -2, channels * bins))
        return b.reshape(b.transpose(x, perm=(0, 1, 3, 2)), shape=(-2, channels * bins, -1))
