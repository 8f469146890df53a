"""MelSpectrogram."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..config import Bool, Field, Float, Kind, Numbers, PositiveInt, optional, registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..windows import get_window
from .base import Layer
from .emitter import Emitter

_DECIBELS = 10 / math.log(10)


def _parse_window(value: Any, owner: Any) -> Any:
    if isinstance(value, str) and value not in ("hann", "hamming"):
        raise ValueError
    return value if value is None or isinstance(value, str) else Numbers.parse(value, owner)


@registered("keras.layers")
class MelSpectrogram(Layer):
    """The power of sound in bands of the mel scale, in decibels if `power_to_db`.

    Input (time,) or (batch, time), output (..., num_mel_bins, frames): frames of sequence_length samples,
    fft_length by default, centered every sequence_stride samples of the signal, which is reflected at its
    ends. Decibels are cut off `top_db` below the greatest of the whole batch, as in Keras.
    Source: keras.layers.MelSpectrogram.
    """

    fft_length = Field(PositiveInt, 2048)
    sequence_stride = Field(PositiveInt, 512)
    sequence_length = Field(optional(PositiveInt), None)
    window = Field(Kind("'hann', 'hamming', a list of numbers or None", _parse_window), "hann")
    sampling_rate = Field(PositiveInt, 16000)
    num_mel_bins = Field(PositiveInt, 128)
    min_freq = Field(Float, 20.0)
    max_freq = Field(optional(Float), None)
    power_to_db = Field(Bool, True)
    top_db = Field(Float, 80.0)
    mag_exp = Field(Float, 2.0)
    min_power = Field(Float, 1e-10)
    ref_power = Field(Float, 1.0)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.sequence_length = self.sequence_length or self.fft_length
        self.max_freq = self.max_freq or self.sampling_rate // 2
        if self.fft_length < self.sequence_length:
            raise ArgumentError(
                f"{self}: fft_length={self.fft_length} is less than sequence_length={self.sequence_length}"
            )

    def emit(self, b: Emitter, x: Value) -> Value:
        if not x.rank:
            raise ShapeError(f"{self}: needs an axis of time")
        x = b.floating(x)
        margin = self.fft_length // 2
        time = x.shape[-1]
        if isinstance(time, int) and time <= margin:
            raise ShapeError(f"{self}: {time} samples cannot be reflected over half of fft_length={self.fft_length}")
        padded = b.pad(x, pads=(*((0, 0),) * (x.rank - 1), (margin, margin)), mode="reflect")
        real, imag = b.stft(padded, b.constant(self._window(), x.dtype), step=self.sequence_stride)
        magnitude = b.sqrt(b.add(b.square(real), b.square(imag)))
        power = b.pow(magnitude, self.mag_exp)
        mel = b.dense(power, b.constant(self.mel_weights(), x.dtype), None)
        if self.power_to_db:
            mel = self._decibels(b, mel)
        return b.transpose(mel, perm=(*range(mel.rank - 2), mel.rank - 1, mel.rank - 2))

    def _decibels(self, b: Emitter, power: Value) -> Value:
        reference = 10 * math.log10(max(abs(self.ref_power), self.min_power))
        level = b.sub(b.mul(b.log(b.maximum(power, self.min_power)), _DECIBELS), reference)
        greatest = b.reduce_max(level, axes=tuple(range(level.rank)), keepdims=True)
        return b.maximum(level, b.sub(greatest, self.top_db))

    def _window(self) -> np.ndarray:
        """The window in the middle of a frame of fft_length."""
        length = self.sequence_length
        if self.window is None:
            window = np.ones(self.fft_length)
        elif isinstance(self.window, str):
            window = get_window(self.window, length, periodic=True)
        else:
            window = np.asarray(self.window, np.float64)
            if window.shape != (length,):
                raise ArgumentError(f"{self}: the window has shape {window.shape}, frames have length {length}")
        rest = self.fft_length - len(window)
        return np.pad(window, (rest // 2, rest - rest // 2))

    def mel_weights(self) -> np.ndarray:
        """(bins, num_mel_bins): triangles of height one, evenly spaced in mel, without the lowest bin.

        Source: linear_to_mel_weight_matrix in Keras, after the Hidden Markov Model Toolkit.
        """
        bins = self.fft_length // 2 + 1
        frequencies = np.linspace(0.0, self.sampling_rate / 2, bins)[1:]
        edges = np.linspace(_mel(self.min_freq), _mel(self.max_freq), self.num_mel_bins + 2)
        lower, center, upper = edges[:-2], edges[1:-1], edges[2:]
        mel = _mel(frequencies)[:, None]
        weights = np.minimum((mel - lower) / (center - lower), (upper - mel) / (upper - center))
        return np.pad(np.maximum(weights, 0), ((1, 0), (0, 0)))


def _mel(hertz: Any) -> Any:
    return 1127.0 * np.log(1.0 + np.asarray(hertz) / 700.0)
