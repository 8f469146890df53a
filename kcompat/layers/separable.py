"""SeparableConv1D, SeparableConv2D."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import ANYTHING, Bool, DataFormat, Field, PositiveInt, ints, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .convolution import CausalPadding, Convolution, Padding
from .emitter import Emitter


class Separable(Convolution):
    """Convolution of every channel alone, then `filters` mixtures of the results at each position."""

    depth_multiplier = Field(PositiveInt, 1)
    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    dilation_rate = Field(ints(), 1)
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    depthwise_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    pointwise_initializer = Field(InitializerKind, "glorot_uniform")
    bias_initializer = Field(InitializerKind, "zeros")
    depthwise_regularizer = Field(RegularizerKind, None)
    pointwise_regularizer = Field(RegularizerKind, None)
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    depthwise_constraint = Field(ConstraintKind, None)
    pointwise_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    positional = (
        "filters",
        "kernel_size",
        "strides",
        "padding",
        "data_format",
        "dilation_rate",
        "depth_multiplier",
    )
    neutral = {
        "groups": 1,
        "kernel_initializer": ANYTHING,
        "kernel_regularizer": ANYTHING,
        "kernel_constraint": ANYTHING,
    }

    def build(self, input_shape: Any) -> None:
        channels = self.input_channels(input_shape)
        self.depthwise_kernel = self.add_configured_weight(
            "depthwise", (*self.kernel_size, channels, self.depth_multiplier), name="depthwise_kernel"
        )
        self.pointwise_kernel = self.add_configured_weight(
            "pointwise",
            (*[1] * self.rank, channels * self.depth_multiplier, self.filters),
            name="pointwise_kernel",
        )
        self.add_bias(self.filters)

    def emit(self, b: Emitter, x: Value) -> Value:
        ones = (1,) * self.rank
        each = self.convolve_each(b, x, self.depthwise_kernel, None)
        mixed = b.conv(each, self.pointwise_kernel, self.bias, strides=ones, dilations=ones, layout=self.data_format)
        return self.activation.emit(b, mixed)


@registered("keras.layers", "SeparableConvolution1D")
class SeparableConv1D(Separable):
    """Separable convolution over time: (batch, steps, channels). Source: keras.layers.SeparableConv1D.

    padding="causal" is Keras 2's.
    """

    rank = 1
    padding = Field(CausalPadding, "valid", keras1="border_mode")


@registered("keras.layers", "SeparableConvolution2D")
class SeparableConv2D(Separable):
    """Separable convolution over images: (batch, height, width, channels). Source: keras.layers.SeparableConv2D."""

    rank = 2
