"""SimpleRNN and its cell."""

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
from .rnn import CellLayer, GateKind, SequenceCell


@registered("keras.layers")
class SimpleRNNCell(SequenceCell):
    """One step of SimpleRNN: `activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Called on x (batch, features) and a list of the state h (batch, units); returns h and a list of it.
    Source: keras.layers.SimpleRNNCell.
    """

    units = Field(PositiveInt, keras1="output_dim")
    activation = Field(GateKind, "tanh")
    use_bias = Field(Bool, True)
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

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_configured_weight("kernel", (input_shape[-1], self.units))
        self.recurrent_kernel = self.add_configured_weight(
            "recurrent", (self.units, self.units), name="recurrent_kernel"
        )
        self.bias = self.add_configured_weight("bias", (self.units,)) if self.use_bias else None

    def operate(self, b: Emitter, x: Value, states: Sequence[Any], mask: Value | None, **options: bool) -> Any:
        return b.simple_rnn(
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            activation=self.activation.name,
            **options,
        )

    def dropped_step(self) -> DroppedStep:
        return DroppedStep(self, 1, recurrent_dropout.simple_rnn)


@registered("keras.layers")
class SimpleRNN(CellLayer):
    """A layer whose output is its state: `h = activation(x @ kernel + bias + h @ recurrent_kernel)`.

    Sequences (batch, time, features), outputs (batch, units) or (batch, time, units), one state.
    Source: keras.layers.SimpleRNN.
    """

    cell_class = SimpleRNNCell

    units = SimpleRNNCell.units
    activation = SimpleRNNCell.activation
    use_bias = SimpleRNNCell.use_bias
    kernel_initializer = SimpleRNNCell.kernel_initializer
    recurrent_initializer = SimpleRNNCell.recurrent_initializer
    bias_initializer = SimpleRNNCell.bias_initializer
    kernel_regularizer = SimpleRNNCell.kernel_regularizer
    recurrent_regularizer = SimpleRNNCell.recurrent_regularizer
    bias_regularizer = SimpleRNNCell.bias_regularizer
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = SimpleRNNCell.kernel_constraint
    recurrent_constraint = SimpleRNNCell.recurrent_constraint
    bias_constraint = SimpleRNNCell.bias_constraint
    dropout = SimpleRNNCell.dropout
    recurrent_dropout = SimpleRNNCell.recurrent_dropout
    seed = Field(SeedKind, None, optional_key=True)
