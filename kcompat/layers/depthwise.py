"""DepthwiseConv1D, DepthwiseConv2D."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import ANYTHING, Bool, DataFormat, Field, PositiveInt, ints, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .convolution import Convolution, Padding
from .emitter import Emitter


class Depthwise(Convolution):
    """Convolution of every channel alone: `depth_multiplier` outputs for each, side by side."""

    depth_multiplier = Field(PositiveInt, 1)
    kernel_size = Field(ints())
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    dilation_rate = Field(ints(), 1)
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    depthwise_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    depthwise_regularizer = Field(RegularizerKind, None)
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    depthwise_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    positional = ("kernel_size", "strides", "padding", "depth_multiplier")
    neutral = {
        "groups": 1,
        "kernel_initializer": ANYTHING,
        "kernel_regularizer": ANYTHING,
        "kernel_constraint": ANYTHING,
    }

    def build(self, input_shape: Any) -> None:
        channels = self.input_channels(input_shape)
        self.kernel = self.add_configured_weight(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), name="kernel"
        )
        self.add_bias(channels * self.depth_multiplier)

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, self.convolve_each(b, x, self.kernel, self.bias))


@registered("keras.layers")
class DepthwiseConv1D(Depthwise):
    """Depthwise convolution over time: (batch, steps, channels). Source: keras.layers.DepthwiseConv1D."""

    rank = 1


@registered("keras.layers", "DepthwiseConvolution2D")
class DepthwiseConv2D(Depthwise):
    """Depthwise convolution over images: (batch, height, width, channels). Source: keras.layers.DepthwiseConv2D."""

    rank = 2
