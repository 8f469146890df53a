"""ConvLSTM1D, ConvLSTM2D, ConvLSTM3D and their cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..config import Bool, DataFormat, Field, PositiveInt, ints, registered, within
from ..constraints import ConstraintKind
from ..errors import ShapeError
from ..initializers import InitializerKind, SeedKind
from ..ir import Value
from ..operators.window import channel_axis
from ..regularizers import RegularizerKind
from . import recurrent_dropout
from .base import Layer
from .convolution import Padding, check_one_exceeds_one
from .emitter import Emitter
from .recurrent_dropout import DroppedStep
from .rnn import CellLayer, GateKind, SequenceCell, UnitForgetBias, step


class ConvLSTMCell(SequenceCell):
    """One step of a ConvLSTM over `rank` axes.

    Called on x (batch, *spatial, channels) by data_format and a list of the states h and c, which are
    as the convolution of x but with `filters` channels; returns h and a list of h and c.
    Source: keras/src/layers/rnn/conv_lstm.py.
    """

    state_count = 2

    filters = Field(PositiveInt, keras1="nb_filter")
    kernel_size = Field(ints())
    strides = Field(ints(), 1, keras1="subsample")
    padding = Field(Padding, "valid", keras1="border_mode")
    data_format = Field(DataFormat, None, keras1="dim_ordering")
    dilation_rate = Field(ints(), 1)
    activation = Field(GateKind, "tanh")
    recurrent_activation = Field(GateKind, "sigmoid", keras1="inner_activation")
    use_bias = Field(Bool, True)
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    recurrent_initializer = Field(InitializerKind, "orthogonal", keras1="inner_init")
    bias_initializer = Field(InitializerKind, "zeros")
    unit_forget_bias = Field(Bool, True)
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    recurrent_regularizer = Field(RegularizerKind, None, keras1="U_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    kernel_constraint = Field(ConstraintKind, None)
    recurrent_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None)
    dropout = Field(within(0, 1), 0.0, keras1="dropout_W")
    recurrent_dropout = Field(within(0, 1), 0.0, keras1="dropout_U")
    seed = Field(SeedKind, None)

    def __init__(self, rank: int, **kwargs: Any) -> None:
        self.rank = rank
        super().__init__(**kwargs)
        check_one_exceeds_one(self)

    @property
    def units(self) -> int:
        return self.filters

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != self.rank + 2:
            raise ShapeError(
                f"{self}: a step must have {self.rank + 2} axes (batch, {self.rank} spatial, channels; "
                f"{self.data_format}), received shape {tuple(input_shape)}"
            )
        channels, wide = input_shape[channel_axis(len(input_shape), self.data_format)], 4 * self.filters
        self.kernel = self.add_configured_weight("kernel", (*self.kernel_size, channels, wide))
        self.recurrent_kernel = self.add_configured_weight(
            "recurrent", (*self.kernel_size, self.filters, wide), name="recurrent_kernel"
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (wide,),
                UnitForgetBias(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def operate(self, b: Emitter, x: Value, states: Sequence[Any], mask: Value | None, **options: bool) -> Any:
        return b.conv_lstm(
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            strides=self.strides,
            pads=self.padding,
            dilations=self.dilation_rate,
            layout=self.data_format,
            activation=self.activation.name,
            recurrent_activation=self.recurrent_activation.name,
            **options,
        )

    def dropped_step(self) -> DroppedStep:
        return _DroppedStep(self, 4, recurrent_dropout.lstm)

    def zero_states(self, b: Emitter, x: Value) -> list[Value]:
        image = self.dropped_step().of_input(b, step(b, x, 0), 0)
        return [b.broadcast_like(b.constant(0, image.dtype), image)] * 2


class _DroppedStep(DroppedStep):
    """Steps with convolutions for products."""

    def of_input(self, b: Emitter, x: Value, gate: int) -> Value:
        cell = self.cell
        options = {"strides": cell.strides, "pads": cell.padding, "dilations": cell.dilation_rate}
        return b.conv(
            x, self.part(b, cell.kernel, gate), self.bias(b, gate, row=0), groups=1, layout=cell.data_format, **options
        )

    def of_state(self, b: Emitter, state: Value, gate: int) -> Value:
        ones, kernel = (1,) * self.cell.rank, self.part(b, self.cell.recurrent_kernel, gate)
        return b.conv(state, kernel, strides=ones, pads="same", dilations=ones, groups=1, layout=self.cell.data_format)


class ConvLSTM(CellLayer):
    """LSTM with convolutions for products (Shi et al. 2015); the formula is the operator `conv_lstm`'s.

    Sequences (batch, time, *spatial, channels) by data_format; outputs are images with `filters`
    channels, with return_sequences one per step; states h and c like them.
    """

    cell_class = ConvLSTMCell
    rank: ClassVar[int]

    filters = ConvLSTMCell.filters
    kernel_size = ConvLSTMCell.kernel_size
    strides = ConvLSTMCell.strides
    padding = ConvLSTMCell.padding
    data_format = ConvLSTMCell.data_format
    dilation_rate = ConvLSTMCell.dilation_rate
    activation = ConvLSTMCell.activation
    recurrent_activation = ConvLSTMCell.recurrent_activation
    use_bias = ConvLSTMCell.use_bias
    kernel_initializer = ConvLSTMCell.kernel_initializer
    recurrent_initializer = ConvLSTMCell.recurrent_initializer
    bias_initializer = ConvLSTMCell.bias_initializer
    unit_forget_bias = ConvLSTMCell.unit_forget_bias
    kernel_regularizer = ConvLSTMCell.kernel_regularizer
    recurrent_regularizer = ConvLSTMCell.recurrent_regularizer
    bias_regularizer = ConvLSTMCell.bias_regularizer
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = ConvLSTMCell.kernel_constraint
    recurrent_constraint = ConvLSTMCell.recurrent_constraint
    bias_constraint = ConvLSTMCell.bias_constraint
    dropout = ConvLSTMCell.dropout
    recurrent_dropout = ConvLSTMCell.recurrent_dropout
    seed = ConvLSTMCell.seed

    def make_cell(self, **fields: Any) -> Layer:
        return ConvLSTMCell(self.rank, **fields)


@registered("keras.layers")
class ConvLSTM1D(ConvLSTM):
    """ConvLSTM over (batch, time, steps, channels). Source: keras.layers.ConvLSTM1D."""

    rank = 1


@registered("keras.layers")
class ConvLSTM2D(ConvLSTM):
    """ConvLSTM over (batch, time, height, width, channels). Source: keras.layers.ConvLSTM2D."""

    rank = 2


@registered("keras.layers")
class ConvLSTM3D(ConvLSTM):
    """ConvLSTM over (batch, time, depth, height, width, channels). Source: keras.layers.ConvLSTM3D."""

    rank = 3
