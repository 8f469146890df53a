"""Weight layouts of Keras 2 that differ from Keras 3's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat.ir import Variable
from kcompat.layers import Layer
from kcompat.layers.base import walk

from .spec import Writer

THEANO_FLIPPED = frozenset(
    {
        "Conv1D",
        "Conv2D",
        "Conv3D",
        "Conv2DTranspose",
        "ConvLSTMCell",
    }
)
"""Layers whose kernels Theano applied turned by 180 degrees, so that its files hold them turned.

Source: `conv_layers` in keras/engine/saving.py of Keras 2.2.
"""

_GATES = {"LSTMCell": 4, "GRUCell": 3}
"""Gates of the cells that CuDNN layers are read as."""

COUNTING_VERSIONS = ("2.0.", "2.1.0", "2.1.1", "2.1.2", "2.1.3", "2.1.4")
"""Releases whose average pooling counted padded positions on Theano."""


def adopt_backend(model: Layer, writer: Writer) -> None:
    """Let the layers of a model mean what they meant to the backend that it was made on."""
    if writer.backend != "theano":
        return
    from kcompat.layers.batch_normalization import BatchNormalization
    from kcompat.layers.parametric_activations import SReLU

    counted = writer.generation == 2 and writer.version.startswith(COUNTING_VERSIONS)
    for layer in walk(model):
        if isinstance(layer, SReLU):
            layer.limits_left = True
        elif isinstance(layer, BatchNormalization):
            layer.unbiased_variance = False
        elif pads_differently(layer):
            layer.same_padding = "theano_counted" if counted else "theano"


def depends_on_backend(layer: Any) -> bool:
    """Whether a layer computes something else on Theano for some input."""
    from kcompat.layers.parametric_activations import SReLU

    return isinstance(layer, SReLU) or pads_differently(layer)


def pads_differently(layer: Any) -> bool:
    """Whether a layer's "same" padding is another one on Theano for some size of input."""
    from kcompat.operators.window import extent

    if "same_padding" not in layer.fields or layer.padding != "same":
        return False
    if hasattr(layer, "pool_size"):
        return any(p > 1 and (p, s) != (3, 1) for p, s in zip(layer.pool_size, layer.strides, strict=True))
    reach = map(extent, layer.kernel_size, layer.dilation_rate)
    return any(r > 1 and (r % 2 == 0 or s > 1) for r, s in zip(reach, layer.strides, strict=True))


def convert(
    layer: Layer, variables: Sequence[Variable], arrays: Sequence[np.ndarray], *, backend: str | None
) -> list[np.ndarray]:
    """A Keras 2 layer's arrays, which stand for these variables, as Keras 3 has them."""
    converted = list(arrays)
    places = {id(variable): place for place, variable in enumerate(variables) if place < len(arrays)}
    for inner in walk(layer):
        own = [places[id(weight)] for weight in inner.own_weights if id(weight) in places]
        for place, array in zip(own, _converted(inner, [arrays[i] for i in own], backend), strict=True):
            converted[place] = array
    return converted


def _converted(layer: Layer, arrays: list[np.ndarray], backend: str | None) -> list[np.ndarray]:
    if backend == "theano" and type(layer).__name__ in THEANO_FLIPPED:
        return [turned(array) if array.ndim >= 3 else array for array in arrays]
    gates = _GATES.get(type(layer).__name__)
    if gates is not None and len(arrays) == 3:
        return _from_cudnn(arrays, gates)
    return arrays


def _from_cudnn(arrays: list[np.ndarray], gates: int) -> list[np.ndarray]:
    """The weights of CuDNNLSTM or CuDNNGRU, which have one bias too many, as those of LSTM or GRU.

    Source: `_convert_rnn_weights` in tf_keras/src/saving/legacy/hdf5_format.py.
    """
    kernel, recurrent_kernel, bias = arrays
    if bias.ndim != 1 or len(bias) != 2 * gates * len(recurrent_kernel):
        return arrays
    kernels = [part.T.reshape(part.shape, order="F") for part in np.split(kernel, gates, axis=1)]
    recurrent = [part.T for part in np.split(recurrent_kernel, gates, axis=1)]
    two = bias.reshape(2, -1)
    return [np.hstack(kernels), np.hstack(recurrent), two.sum(axis=0) if gates == 4 else two]


def turned(kernel: np.ndarray) -> np.ndarray:
    """A convolution kernel with its spatial axes reversed."""
    return kernel[(slice(None, None, -1),) * (kernel.ndim - 2)]
