"""Short-time Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.builder import Builder
from ..ir.operator import Int, not_differentiable, operator, same_dtype
from ..ir.types import TensorType, shape_text
from .floating import require_float
from .gradients import Gradients, filled


def _stft_type(x: TensorType, window: TensorType, *, step: int) -> tuple[TensorType, TensorType]:
    if require_float("stft", x).dtype not in ("float32", "float64"):
        raise DtypeError(f"stft: needs float32 or float64, received {x.dtype}")
    same_dtype("stft", x, window)
    if not x.rank or window.rank != 1 or not isinstance(window.shape[0], int) or step < 1:
        raise ShapeError(
            f"stft: x {shape_text(x.shape)} must end in time, the window {shape_text(window.shape)} be a list of known "
            f"length, and step={step} be positive"
        )
    length, time = window.shape[0], x.shape[-1]
    frames = max((time - length) // step + 1, 0) if isinstance(time, int) else None
    spectrum = x.with_shape((*x.shape[:-1], frames, length // 2 + 1))
    return spectrum, spectrum


def _stft(x: np.ndarray, window: np.ndarray, *, step: int) -> tuple[np.ndarray, np.ndarray]:
    length = len(window)
    if x.shape[-1] < length:
        empty = np.zeros((*x.shape[:-1], 0, length // 2 + 1), x.dtype)
        return empty, empty
    frames = np.lib.stride_tricks.sliding_window_view(x, length, axis=-1)[..., ::step, :]
    spectrum = np.fft.rfft(frames * window, axis=-1)
    return spectrum.real.astype(x.dtype), spectrum.imag.astype(x.dtype)


def _stft_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, step: int) -> Gradients:
    x, window = inputs
    real, imaginary = (filled(b, dy, y) for dy, y in zip(gradients, outputs, strict=True))
    return [b.stft_gradient(real, imaginary, window, x, step=step), not_differentiable]


stft = operator("stft", "x window", attrs={"step": Int}, infer=_stft_type, meaning=_stft, gradient=_stft_gradient)
"""The real and imaginary parts of the Fourier transforms of frames, every `step` positions of x's last axis.

(..., time) -> (..., frames, length // 2 + 1) twice, for a window of `length` that is multiplied with every
frame. Only whole frames count. As tf.signal.stft.
"""


def _frames_type(
    real: TensorType, imaginary: TensorType, window: TensorType, like: TensorType, *, step: int
) -> TensorType:
    same_dtype("stft_gradient", real, imaginary, like)
    _stft_type(like, window, step=step)
    return like


def _overlapped(
    real: np.ndarray, imaginary: np.ndarray, window: np.ndarray, like: np.ndarray, *, step: int
) -> np.ndarray:
    """irfft counts every frequency but the lowest, and the highest of an even length, twice."""
    length = len(window)
    spectrum = real + 1j * imaginary
    spectrum[..., 1 : (length + 1) // 2] /= 2
    frames = np.fft.irfft(spectrum, n=length, axis=-1) * length * window
    places = np.arange(frames.shape[-2])[:, None] * step + np.arange(length)
    total = np.zeros((like.shape[-1], *like.shape[:-1]), real.dtype)
    np.add.at(total, places, np.moveaxis(frames, (-2, -1), (0, 1)).astype(real.dtype))
    return np.moveaxis(total, 0, -1)


stft_gradient = operator(
    "stft_gradient",
    "real imaginary window like",
    attrs={"step": Int},
    infer=_frames_type,
    meaning=_overlapped,
    gradient=not_differentiable,
)
"""The gradient of stft by x, in the shape of `like`, from those by the real and imaginary parts."""
