"""Weight layouts of Keras 2 that differ from Keras 3's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kcompat.layers import Layer
from kcompat.layers.base import walk

from .spec import Writer

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

COUNTING_VERSIONS = ("2.0.", "2.1.0", "2.1.1", "2.1.2", "2.1.3", "2.1.4")
"""Releases whose average pooling counted padded positions on Theano."""


def adopt_backend(model: Layer, writer: Writer) -> None:
    """Let the layers of a model mean by "same" padding what it meant to the backend that it was made on."""
    if writer.backend != "theano":
        return
    counted = writer.generation == 2 and writer.version.startswith(COUNTING_VERSIONS)
    for layer in walk(model):
        if "same_padding" in layer.fields and getattr(layer, "padding", None) == "same":
            layer.same_padding = "theano_counted" if counted else "theano"


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
