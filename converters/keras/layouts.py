"""Weight layouts of Keras 2 that differ from Keras 3's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kcompat.layers import Layer
from kcompat.layers.base import walk

THEANO_FLIPPED = frozenset(
    {
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv2DTranspose",
        "ConvLSTM2D",
    }
)
"""Layers whose kernels Theano applied turned by 180 degrees, so that its files hold them turned.

Source: `conv_layers` in keras/engine/saving.py of Keras 2.2.
"""


def convert(
    layer: Layer, names: Sequence[str], arrays: Sequence[np.ndarray], *, backend: str | None
) -> list[np.ndarray]:
    """A Keras 2 layer's arrays as Keras 3 has them, in the same order."""
    if backend != "theano":
        return list(arrays)
    flipped = {type(inner).__name__ for inner in walk(layer)} & THEANO_FLIPPED
    return [turned(array) if flipped and array.ndim >= 3 else array for array in arrays]


def turned(kernel: np.ndarray) -> np.ndarray:
    """A convolution kernel with its spatial axes reversed."""
    return kernel[(slice(None, None, -1),) * (kernel.ndim - 2)]
