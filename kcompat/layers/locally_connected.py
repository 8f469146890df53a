"""LocallyConnected1D, LocallyConnected2D (Keras 1 and 2)."""

from __future__ import annotations

from math import prod
from typing import Any, ClassVar

import numpy as np

from ..activations import ActivationKind
from ..config import Bool, DataFormat, Field, PositiveInt, ints, one_of, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError, ResourceError, ShapeError
from ..initializers import InitializerKind
from ..ir import Value
from ..operators.window import channel_axis, output_sizes, spatial_axes
from ..regularizers import RegularizerKind
from .base import Layer
from .convolution import Padding
from .emitter import Emitter
from .local_connections import Connections


class LocallyConnected(Layer):
    """Convolution with a kernel of its own at every position, and a bias of its own.

    Input (batch, *spatial, channels), or (batch, channels, *spatial) for channels_first, all sizes but the
    batch known; output likewise. implementation: how the kernel is kept; computed is the same.
    1: (positions, window elements, filters), with "valid" padding alone.
    2: (*input sizes, *output sizes) of one sample, of which only pairs within a window count.
    3: these pairs in a row, sorted by output, then input.
    "same" padding puts half a window before every position, for even windows the greater half.
    Sources: layers/locally_connected of tf_keras 2.21, layers/local.py of Keras 1.2.2.
    """

    rank: ClassVar[int]

    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1)
    padding = Field(Padding, "valid")
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")
    implementation = Field(one_of(1, 2, 3), 1)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.implementation == 1 and self.padding != "valid":
            raise ArgumentError(f"{self}: padding {self.padding!r} needs implementation=2 or 3")

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != self.rank + 2 or None in input_shape[1:]:
            raise ShapeError(
                f"{self}: the input must have {self.rank + 2} axes, all but the batch of known sizes, "
                f"received shape {tuple(input_shape)}"
            )
        channels = input_shape[channel_axis(self.rank + 2, self.data_format)]
        sizes = tuple(input_shape[axis] for axis in spatial_axes(self.rank + 2, self.data_format))
        self.pads = self._pads(sizes)
        ones = (1,) * self.rank
        outputs: Any = output_sizes(str(self), sizes, self.kernel_size, self.strides, self.pads, ones)
        low = tuple(before for before, _ in self.pads)
        connections = Connections(
            sizes, outputs, self.kernel_size, self.strides, low, channels, self.filters, self.data_format
        )
        shape, self.places = self._layout(connections)
        self.kernel = self.add_configured_weight("kernel", shape)
        self.bias = self.add_configured_weight("bias", (*outputs, self.filters)) if self.use_bias else None

    def _pads(self, sizes: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        if self.padding == "valid":
            return ((0, 0),) * self.rank
        pads = []
        for size, window, stride in zip(sizes, self.kernel_size, self.strides, strict=True):
            low, outputs = window // 2, -(-size // stride)
            pads.append((low, (outputs - 1) * stride + window - low - size))
        return tuple(pads)

    def _layout(self, connections: Connections) -> tuple[tuple[int, ...], np.ndarray | None]:
        """The kernel's shape, and where in it the weights of every position are, None for in their places."""
        if self.implementation == 1:
            elements = prod(self.kernel_size) * connections.channels
            return (prod(connections.outputs), elements, self.filters), None
        try:
            return connections.dense() if self.implementation == 2 else connections.sparse()
        except ResourceError as error:
            raise ResourceError(f"{self}: with implementation={self.implementation} {error}") from None

    def emit(self, b: Emitter, x: Value) -> Value:
        y = b.local_conv(
            b.floating(x),
            self._kernels(b),
            window=self.kernel_size,
            strides=self.strides,
            pads=self.pads,
            layout=self.data_format,
        )
        return self.activation.emit(b, y if self.bias is None else b.add(y, self._broadcast_bias(b)))

    def _broadcast_bias(self, b: Emitter) -> Any:
        """Keras reads the bias (*spatial, filters) of channels_first as (filters, *spatial), element by element."""
        if self.data_format == "channels_last":
            return self.bias
        *outputs, filters = self.bias.shape  # type: ignore[union-attr]
        return b.reshape(self.bias, shape=(filters, *outputs))

    def _kernels(self, b: Emitter) -> Any:
        """The kernel as implementation 1 keeps it."""
        if self.places is None:
            return self.kernel
        flat = b.reshape(self.kernel, shape=(-1,))
        return b.gather(b.concat(flat, b.constant([0], flat.dtype), axis=0), b.constant(self.places))


@registered("keras.layers")
class LocallyConnected1D(LocallyConnected):
    """Local convolution over time: (batch, steps, channels)."""

    rank = 1
    kernel_size = Field(ints(), keras1="filter_length")
    strides = Field(ints(), 1, keras1="subsample_length")
    padding = Field(Padding, "valid", keras1="border_mode")


@registered("keras.layers")
class LocallyConnected2D(LocallyConnected):
    """Local convolution over images: (batch, height, width, channels)."""

    rank = 2
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
