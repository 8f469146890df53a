"""Weights as Keras 1 files hold them -> the order and layout of kcompat's layers.

Sources: `preprocess_weights_for_loading` in keras/engine/topology.py of Keras 2.0.8, and the `build`
methods of Keras 1.2.2, whose orders these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.errors import LoadError, WeightMismatchError
from kcompat.layers.base import Layer, walk
from kcompat.models import Model

from ..layouts import depends_on_backend, turned

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Stored:
    """Some of a file's arrays with their names."""

    names: list[str]
    arrays: Arrays

    def pick(self, positions: Sequence[int]) -> Stored:
        return Stored([self.names[i] for i in positions], [self.arrays[i] for i in positions])


def convert_weights(
    layer: Layer, names: Sequence[str], arrays: Sequence[np.ndarray], *, backend: str | None = None
) -> Arrays:
    """The arrays of one layer or nested model of a Keras 1 file, in the order of `layer.weights`.

    names: as stored, such as "dense_1_W" or, by TensorFlow, "dense_1_W:0". backend: "theano" or
    "tensorflow", or None where nothing says it. Raises LoadError if the backend is needed and
    nothing says it, WeightMismatchError for a nested model's arrays that cannot be told apart. Shapes
    are the caller's to check.
    """
    return _convert(layer, Stored(list(names), list(arrays)), backend or _backend_of(names))


def known_backend(model: Model, names: Iterable[str], backend: str | None) -> str | None:
    """The backend that wrote a file's weights: as stated, or "tensorflow" where names have its ":0".

    Raises LoadError if it remains unknown and decides what a layer of this model computes.
    """
    backend = backend or _backend_of(names)
    unclear = next(filter(depends_on_backend, walk(model)), None) if backend is None else None
    if unclear is not None:
        raise LoadError(
            f"layer '{unclear.name}' ({type(unclear).__name__}): Theano and TensorFlow compute this differently, "
            "and the file does not say which of them wrote it; "
            'pass original_backend="theano" or original_backend="tensorflow"'
        )
    return backend


def _backend_of(names: Iterable[str]) -> str | None:
    """ "tensorflow" or None: Theano's names have nothing of their own."""
    return "tensorflow" if any(re.search(r":\d+$", name) for name in names) else None


def _convert(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    class_name = type(layer).__name__
    if isinstance(layer, Model):
        return [array for leaf, part in _parts(layer, stored) for array in _convert(leaf, part, backend)]
    if class_name == "Bidirectional":
        half = len(stored.arrays) // 2
        forward, backward = stored.pick(range(half)), stored.pick(range(half, len(stored.arrays)))
        return _convert(layer.forward_layer, forward, backend) + _convert(layer.backward_layer, backward, backend)
    if class_name == "TimeDistributed":
        return _convert(layer.layer, stored, backend)
    conversion = _CONVERSIONS.get(class_name)
    return conversion(layer, stored, backend) if conversion and stored.arrays else stored.arrays


# --- nested models -----------------------------------------------------------------


def _parts(model: Model, stored: Stored) -> Iterator[tuple[Layer, Stored]]:
    """The layers of a nested model, in the order of its weights, each with its arrays."""
    leaves = list({id(leaf): leaf for leaf in _leaves(model) if leaf.weights}.values())
    positions = _by_name(leaves, stored.names) or _by_order(model, leaves, stored)
    return ((leaf, stored.pick(positions[id(leaf)])) for leaf in leaves)


def _leaves(model: Model) -> Iterator[Layer]:
    """The layers in a model and in the models it holds."""
    for layer in model.layers:
        if isinstance(layer, Model):
            yield from _leaves(layer)
        else:
            yield layer


def _by_name(leaves: Sequence[Layer], names: Sequence[str]) -> dict[int, list[int]] | None:
    """Positions by the layer whose name, or that of a layer in it, begins the stored name; None unless all do."""
    owners = {inner.name: leaf for leaf in leaves for inner in walk(leaf)}
    positions: dict[int, list[int]] = {id(leaf): [] for leaf in leaves}
    for position, name in enumerate(names):
        words = name.rpartition("/")[2].split("_")
        prefixes = ("_".join(words[:count]) for count in range(len(words) - 1, 0, -1))
        owner = next((owners[prefix] for prefix in prefixes if prefix in owners), None)
        if owner is None:
            return None
        positions[id(owner)].append(position)
    return positions if all(positions.values()) else None


def _by_order(model: Model, leaves: Sequence[Layer], stored: Stored) -> dict[int, list[int]]:
    """Positions by Keras's order: what is trainable under the layers' flags, then the rest."""
    positions: dict[int, list[int]] = {id(leaf): [] for leaf in leaves}
    groups = [(leaf, len(leaf.trainable_weights)) for leaf in leaves]
    groups += [(leaf, len(leaf.non_trainable_weights)) for leaf in leaves]
    order = [leaf for leaf, count in groups for _ in range(count)]
    if len(order) != len(stored.arrays):
        raise WeightMismatchError(
            f"nested model '{model.name}' has {len(order)} weights by its config and {len(stored.arrays)} in the "
            f"file, whose names ({', '.join(stored.names[:4])}, ...) are not those of its layers"
        )
    for position, leaf in enumerate(order):
        positions[id(leaf)].append(position)
    return positions


# --- kernels -----------------------------------------------------------------------


def _orient(layer: Any, kernel: np.ndarray, backend: str | None) -> np.ndarray:
    """A kernel with leading spatial axes as everyone but Theano applies it. Raises LoadError."""
    if kernel.ndim < 3:
        return kernel
    if backend == "theano":
        return turned(kernel)
    if backend is None and not np.array_equal(kernel, turned(kernel)):
        raise LoadError(
            f"layer '{layer.name}' ({type(layer).__name__}): Theano and TensorFlow keep this kernel in opposite "
            "orientations, and the file does not say which of them wrote it; "
            'pass original_backend="theano" or original_backend="tensorflow"'
        )
    return kernel


def _spatial_first(layer: Any, kernel: np.ndarray) -> np.ndarray:
    """(outputs, inputs, *spatial) of channels_first layers as (*spatial, inputs, outputs)."""
    if layer.data_format != "channels_first" or kernel.ndim < 3:
        return kernel
    return kernel.transpose(*range(2, kernel.ndim), 1, 0)


def _convolution(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    kernel, *others = stored.arrays
    return [_orient(layer, _spatial_first(layer, kernel), backend), *others]


def _convolution_1d(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    """(steps, 1, inputs, outputs), and (outputs, inputs, steps, 1) until Keras 1.0."""
    kernel, *others = stored.arrays
    steps, filters = layer.kernel_size[0], layer.filters
    if kernel.ndim == 4:
        if kernel.shape[:2] != (steps, 1) or kernel.shape[3] != filters:
            kernel = kernel.transpose(2, 3, 1, 0)
        kernel = kernel[:, 0] if kernel.shape[1] == 1 else kernel
    return [_orient(layer, kernel, backend), *others]


def _transposed_convolution(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    """(*spatial, inputs, outputs) -> (*spatial, outputs, inputs)."""
    kernel, *others = stored.arrays
    kernel = _spatial_first(layer, kernel)
    return [_orient(layer, kernel.swapaxes(-1, -2) if kernel.ndim > 1 else kernel, backend), *others]


def _separable_convolution(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    """Both kernels; only TensorFlow had this layer."""
    depthwise, pointwise, *others = stored.arrays
    return [_spatial_first(layer, depthwise), _spatial_first(layer, pointwise), *others]


# --- recurrent layers --------------------------------------------------------------


def _packed(arrays: Sequence[np.ndarray], gates: Sequence[int]) -> Arrays:
    """Kernel, recurrent kernel and bias of each gate, stored gate by gate, side by side in the order `gates`."""
    return [np.concatenate([arrays[3 * gate + role] for gate in gates], axis=-1) for role in range(3)]


_LSTM_GATES = (0, 2, 1, 3)
"""Stored i, c, f, o; wanted i, f, c, o. With consume_less="gpu" the file has them packed in that order."""


def _lstm(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    return _packed(stored.arrays, _LSTM_GATES) if len(stored.arrays) == 12 else stored.arrays


def _gru(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    return _packed(stored.arrays, range(3)) if len(stored.arrays) == 9 else stored.arrays


def _convolutional_lstm(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    """Its recurrent convolution always pads, by half the kernel on Theano: the same for odd kernels alone."""
    padded = layer.padding == "same" and max(layer.strides) > 1
    if backend == "theano" and (padded or not all(size % 2 for size in layer.kernel_size)):
        raise LoadError(
            f"layer '{layer.name}' (ConvLSTM2D): kernel_size={layer.kernel_size}, strides={layer.strides} and padding "
            f"'{layer.padding}' mean something else on Theano, which is not supported"
        )
    arrays = [_orient(layer, _spatial_first(layer, array), backend) for array in stored.arrays]
    return _packed(arrays, _LSTM_GATES) if len(arrays) == 12 else arrays


def _highway(layer: Any, stored: Stored, backend: str | None) -> Arrays:
    """The order of Keras 1.2: both kernels, then both biases; earlier releases kept each bias by its kernel."""
    roles = [re.sub(r"(_\d+)?(:\d+)?$", "", name).endswith("carry") for name in stored.names]
    order = sorted(range(len(roles)), key=lambda i: (stored.arrays[i].ndim == 1, roles[i]))
    return stored.pick(order).arrays


_CONVERSIONS: dict[str, Callable[[Any, Stored, str | None], Arrays]] = {
    "Conv1D": _convolution_1d,
    "Conv2D": _convolution,
    "Conv2DTranspose": _transposed_convolution,
    "Conv3D": _convolution,
    "ConvLSTM2D": _convolutional_lstm,
    "GRU": _gru,
    "Highway": _highway,
    "LSTM": _lstm,
    "SeparableConv2D": _separable_convolution,
}
