"""Short-time Fourier transforms."""

from __future__ import annotations

import numpy as np

from ..errors import DtypeError, ShapeError
from ..ir.operator import Int, operator, same_dtype
from ..ir.types import TensorType, shape_text
from .floating import require_float


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


stft = operator("stft", "x window", attrs={"step": Int}, infer=_stft_type, meaning=_stft)
"""The real and imaginary parts of the Fourier transforms of frames, every `step` positions of x's last axis.

(..., time) -> (..., frames, length // 2 + 1) twice, for a window of `length` that is multiplied with every
frame. Only whole frames count. As tf.signal.stft.
"""
