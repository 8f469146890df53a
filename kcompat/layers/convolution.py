"""Conv1D, Conv2D, Conv3D, and what all convolutions share."""

from __future__ import annotations

from typing import Any, ClassVar

from ..activations import ActivationKind
from ..config import Bool, DataFormat, Field, PositiveInt, ints, one_of, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError, ShapeError
from ..initializers import InitializerKind
from ..ir import Value, Variable
from ..operators.window import channel_axis, extent
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter
from .low_rank import Adaptable, lora_alpha_field, lora_rank_field
from .same_padding import convolution_pads, same_padding_field

Padding = one_of("valid", "same")
CausalPadding = one_of("valid", "same", "causal")


class Convolution(Layer):
    """A layer with a window over `rank` axes, a bias and an activation.

    Input (batch, *spatial, channels), or (batch, channels, *spatial) for channels_first, and output
    likewise. padding: "valid", "same" (the odd pad at the high end), or for some layers of one axis
    "causal". Raises ShapeError for an input of another rank.
    """

    rank: ClassVar[int]
    kernel_size: Any
    strides: Any
    padding: Any
    data_format: Any
    dilation_rate: Any
    use_bias: Any
    same_padding = same_padding_field()

    def input_channels(self, input_shape: Any) -> int:
        """The size of the channel axis. Raises ShapeError for another rank, ArgumentError where it is open."""
        if len(input_shape) != self.rank + 2:
            raise ShapeError(
                f"{self}: the input must have {self.rank + 2} axes (batch, {self.rank} spatial, channels; "
                f"{self.data_format}), received shape {tuple(input_shape)}"
            )
        channels = input_shape[channel_axis(self.rank + 2, self.data_format)]
        if not isinstance(channels, int):
            raise ArgumentError(
                f"{self}: the number of input channels ({self.data_format}) must be known, "
                f"received shape {tuple(input_shape)}"
            )
        return channels

    def add_bias(self, size: int) -> None:
        self.bias = self.add_configured_weight("bias", (size,)) if self.use_bias else None

    def convolve(self, b: Emitter, x: Value, kernel: Any, bias: Any, groups: int) -> Value:
        """The layer's window applied with a kernel (*window, channels per group, filters)."""
        return b.conv(
            b.floating(x),
            kernel,
            bias,
            strides=self.strides,
            pads=self.window_pads(),
            dilations=self.dilation_rate,
            groups=groups,
            layout=self.data_format,
        )

    def window_pads(self) -> Any:
        """The padding as the operator takes it."""
        extents = tuple(map(extent, self.kernel_size, self.dilation_rate))
        if self.padding == "causal":
            return ((extents[0] - 1, 0),)
        if self.padding == "same" and self.same_padding != "tensorflow":
            return convolution_pads(extents)
        return self.padding

    def convolve_each(self, b: Emitter, x: Value, kernel: Variable, bias: Any) -> Value:
        """The layer's window applied to every channel alone, with a kernel (*window, channels, multiplier)."""
        *window, channels, multiplier = kernel.shape
        beside = b.reshape(kernel, shape=(*window, 1, channels * multiplier))
        return self.convolve(b, x, beside, bias, groups=channels)


def check_one_exceeds_one(layer: Any) -> None:
    """Raises ArgumentError if both strides and dilation are in use, which Keras refuses."""
    if max(layer.strides) > 1 and max(layer.dilation_rate) > 1:
        raise ArgumentError(
            f"{layer}: strides={layer.strides} and dilation_rate={layer.dilation_rate} cannot both exceed one"
        )


class Conv(Convolution, Adaptable):
    """Convolution with `filters` kernels, each over all channels of its group.

    strides and dilation_rate cannot both exceed one. groups divides both channels and filters.
    """

    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    dilation_rate = Field(ints(), 1, keras1="atrous_rate")
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

    lora_rank = lora_rank_field()
    lora_alpha = lora_alpha_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_one_exceeds_one(self)
        if self.filters % self.groups:
            raise ArgumentError(f"{self}: filters={self.filters} do not divide into groups={self.groups}")

    def build(self, input_shape: Any) -> None:
        channels = self.input_channels(input_shape)
        if channels % self.groups:
            raise ArgumentError(f"{self}: {channels} input channels do not divide into groups={self.groups}")
        self.kernel = self.add_configured_weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.add_bias(self.filters)
        self.add_low_rank()

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, self.convolve(b, x, self.adapted(b), self.bias, self.groups))


@registered("keras.layers", "Convolution1D")
class Conv1D(Conv):
    """Convolution over time: (batch, steps, channels). Source: keras.layers.Conv1D."""

    rank = 1
    kernel_size = Field(ints(), keras1="filter_length")
    strides = Field(ints(), 1, keras1="subsample_length")
    padding = Field(CausalPadding, "valid", keras1="border_mode")


@registered("keras.layers", "Convolution2D")
class Conv2D(Conv):
    """Convolution over images: (batch, height, width, channels). Source: keras.layers.Conv2D."""

    rank = 2


@registered("keras.layers", "Convolution3D")
class Conv3D(Conv):
    """Convolution over volumes: (batch, depth, height, width, channels). Source: keras.layers.Conv3D."""

    rank = 3
