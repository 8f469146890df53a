"""Conv1D, Conv2D, Conv3D."""

from __future__ import annotations

from typing import Any, ClassVar

from ..activations import ActivationKind
from ..config import Bool, DataFormat, Field, PositiveInt, ints, one_of, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError
from ..initializers import InitializerKind
from ..ir import Value
from ..operators.window import channel_axis, extent
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


class Conv(Layer):
    """Convolution over `rank` axes.

    Input (batch, *spatial, channels), or channels second for channels_first; output likewise with
    `filters` channels. padding: "valid", "same" (the odd pad at the high end), or for one axis
    "causal". strides and dilation_rate cannot both exceed one, as in Keras.
    """

    rank: ClassVar[int]

    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1)
    padding = Field(one_of("valid", "same"), "valid", keras1="border_mode")
    data_format = Field(DataFormat, None)
    dilation_rate = Field(ints(), 1)
    groups = Field(PositiveInt, 1)
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                f"{self}: strides={self.strides} and dilation_rate={self.dilation_rate} cannot both exceed one"
            )
        if self.filters % self.groups:
            raise ArgumentError(f"{self}: filters={self.filters} do not divide into groups={self.groups}")

    def build(self, input_shape: Any) -> None:
        channels = input_shape[channel_axis(len(input_shape), self.data_format)]
        if isinstance(channels, int) and channels % self.groups:
            raise ArgumentError(f"{self}: {channels} input channels do not divide into groups={self.groups}")
        inputs = channels // self.groups if isinstance(channels, int) else channels
        self.kernel = self.add_weight(
            (*self.kernel_size, inputs, self.filters),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.filters,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def emit(self, b: Emitter, x: Value) -> Value:
        pads = self.padding
        if pads == "causal":
            pads = ((extent(self.kernel_size[0], self.dilation_rate[0]) - 1, 0),)
        y = b.conv(
            b.floating(x),
            self.kernel,
            self.bias,
            strides=self.strides,
            pads=pads,
            dilations=self.dilation_rate,
            groups=self.groups,
            layout=self.data_format,
        )
        return self.activation.emit(b, y)


@registered("keras.layers", "Convolution1D")
class Conv1D(Conv):
    """Convolution over time: (batch, steps, channels). Source: keras.layers.Conv1D."""

    rank = 1
    padding = Field(one_of("valid", "same", "causal"), "valid", keras1="border_mode")


@registered("keras.layers", "Convolution2D")
class Conv2D(Conv):
    """Convolution over images: (batch, height, width, channels). Source: keras.layers.Conv2D."""

    rank = 2


@registered("keras.layers", "Convolution3D")
class Conv3D(Conv):
    """Convolution over volumes: (batch, depth, height, width, channels). Source: keras.layers.Conv3D."""

    rank = 3
