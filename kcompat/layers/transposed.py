"""Conv1DTranspose, Conv2DTranspose, Conv3DTranspose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..activations import ActivationKind
from ..config import Bool, DataFormat, Field, PositiveInt, ints, optional, registered
from ..constraints import ConstraintKind
from ..errors import ArgumentError
from ..initializers import InitializerKind
from ..ir import Value
from ..operators.window import extent
from ..regularizers import RegularizerKind
from .convolution import Convolution, Padding, check_one_exceeds_one
from .emitter import Emitter
from .same_padding import transposed_cuts


class ConvTranspose(Convolution):
    """The gradient of a convolution as a layer: it enlarges its input by its strides.

    output_padding: how much larger the output is than the smallest one, per axis and below the
    stride; None gives size * stride for "same" and (size - 1) * stride + max(window, stride) for "valid".
    """

    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
    output_padding = Field(optional(ints(least=0)), None)
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    dilation_rate = Field(ints(), 1)
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    neutral = {"groups": 1}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        check_one_exceeds_one(self)
        if any(extra >= s for extra, s in zip(self.output_padding or (), self.strides, strict=False)):
            raise ArgumentError(
                f"{self}: output_padding={self.output_padding} must be below strides={self.strides} on every axis"
            )

    def build(self, input_shape: Any) -> None:
        channels = self.input_channels(input_shape)
        self.kernel = self.add_configured_weight("kernel", (*self.kernel_size, self.filters, channels))
        self.add_bias(self.filters)

    def emit(self, b: Emitter, x: Value) -> Value:
        y = b.conv_transpose(
            b.floating(x),
            self.kernel,
            self.bias,
            strides=self.strides,
            pads=self._cuts(),
            output_padding=(0,) * self.rank,
            dilations=self.dilation_rate,
            layout=self.data_format,
        )
        return self.activation.emit(b, y)

    def _cuts(self) -> tuple[tuple[int, int], ...]:
        """Positions to cut from the low and high end of each axis of the full result (negative: to add)."""
        spans = tuple(map(extent, self.kernel_size, self.dilation_rate))
        if self.padding == "same" and self.same_padding != "tensorflow":
            return transposed_cuts(spans, self.strides)
        return cuts(self.padding, spans, self.strides, self.output_padding)


def cuts(
    padding: str, spans: Sequence[int], strides: Sequence[int], extras: Sequence[int] | None
) -> tuple[tuple[int, int], ...]:
    """What "valid" or "same" cuts from the low and high end of each axis of the full result."""
    cut = _cut_same if padding == "same" else _cut_valid
    return tuple(map(cut, spans, strides, extras or (None,) * len(spans)))


def _cut_valid(span: int, stride: int, extra: int | None) -> tuple[int, int]:
    return 0, -(max(stride - span, 0) if extra is None else extra)


def _cut_same(span: int, stride: int, extra: int | None) -> tuple[int, int]:
    """What leaves (size - 1) * stride + span % 2 + extra positions, the odd cut at the high end.

    Source: `_convert_conv_transpose_padding_args_from_keras_to_jax` in
    keras/src/backend/common/backend_utils.py.
    """
    total = span - stride if extra is None else span - span % 2 - extra
    low = max(total // 2, 0)
    return low, total - low


@registered("keras.layers", "Convolution1DTranspose")
class Conv1DTranspose(ConvTranspose):
    """Transposed convolution over time: (batch, steps, channels). Source: keras.layers.Conv1DTranspose."""

    rank = 1


@registered("keras.layers", "Convolution2DTranspose", "Deconvolution2D", "Deconv2D")
class Conv2DTranspose(ConvTranspose):
    """Transposed convolution over images: (batch, height, width, channels). Source: keras.layers.Conv2DTranspose."""

    rank = 2


@registered("keras.layers", "Convolution3DTranspose", "Deconvolution3D", "Deconv3D")
class Conv3DTranspose(ConvTranspose):
    """Transposed convolution over volumes. Source: keras.layers.Conv3DTranspose."""

    rank = 3
    positional = ("filters", "kernel_size", "strides", "padding", "data_format")
