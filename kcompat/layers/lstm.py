"""LSTM and its cell."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config import Bool, Field, PositiveInt, registered, within
from ..constraints import ConstraintKind
from ..initializers import InitializerKind, SeedKind
from ..ir import Value
from ..regularizers import RegularizerKind
from . import recurrent_dropout
from .emitter import Emitter
from .recurrent_dropout import DroppedStep
from .rnn import CellLayer, GateKind, SequenceCell, UnitForgetBias


@registered("keras.layers")
class LSTMCell(SequenceCell):
    """One step of LSTM.

    Called on x (batch, features) and a list of the states h and c (batch, units); returns h and a list
    of h and c. Source: keras.layers.LSTMCell.
    """

    state_count = 2

    units = Field(PositiveInt, keras1="output_dim")
    activation = Field(GateKind, "tanh")
    recurrent_activation = Field(GateKind, "sigmoid", keras1="inner_activation")
    use_bias = Field(Bool, True)
    unit_forget_bias = Field(Bool, True)
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    recurrent_initializer = Field(InitializerKind, "orthogonal", keras1="inner_init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    recurrent_regularizer = Field(RegularizerKind, None, keras1="U_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    kernel_constraint = Field(ConstraintKind, None)
    recurrent_constraint = Field(ConstraintKind, None)
    bias_constraint = Field(ConstraintKind, None)
    dropout = Field(within(0, 1), 0.0, keras1="dropout_W")
    recurrent_dropout = Field(within(0, 1), 0.0, keras1="dropout_U")
    seed = Field(SeedKind, None)

    positional = (
        "units",
        "activation",
        "recurrent_activation",
        "use_bias",
        "kernel_initializer",
        "recurrent_initializer",
        "bias_initializer",
        "unit_forget_bias",
    )

    def build(self, input_shape: Any) -> None:
        wide = 4 * self.units
        self.kernel = self.add_configured_weight("kernel", (input_shape[-1], wide))
        self.recurrent_kernel = self.add_configured_weight("recurrent", (self.units, wide), name="recurrent_kernel")
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
        return b.lstm(
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            activation=self.activation.name,
            recurrent_activation=self.recurrent_activation.name,
            **options,
        )

    def dropped_step(self) -> DroppedStep:
        return DroppedStep(self, 4, recurrent_dropout.lstm)


@registered("keras.layers", "CuDNNLSTM")
class LSTM(CellLayer):
    """Long short-term memory (Hochreiter & Schmidhuber 1997); the formula is the operator `lstm`'s.

    Sequences (batch, time, features), outputs (batch, units) or (batch, time, units), states h and c.
    Source: keras.layers.LSTM.
    """

    cell_class = LSTMCell

    units = LSTMCell.units
    activation = LSTMCell.activation
    recurrent_activation = LSTMCell.recurrent_activation
    use_bias = LSTMCell.use_bias
    kernel_initializer = LSTMCell.kernel_initializer
    recurrent_initializer = LSTMCell.recurrent_initializer
    bias_initializer = LSTMCell.bias_initializer
    unit_forget_bias = LSTMCell.unit_forget_bias
    kernel_regularizer = LSTMCell.kernel_regularizer
    recurrent_regularizer = LSTMCell.recurrent_regularizer
    bias_regularizer = LSTMCell.bias_regularizer
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = LSTMCell.kernel_constraint
    recurrent_constraint = LSTMCell.recurrent_constraint
    bias_constraint = LSTMCell.bias_constraint
    dropout = LSTMCell.dropout
    recurrent_dropout = LSTMCell.recurrent_dropout
    seed = LSTMCell.seed
