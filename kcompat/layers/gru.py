"""GRU and its cell."""

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
class GRUCell(SequenceCell):
    """One step of GRU.

    Called on x (batch, features) and a list of the state h (batch, units); returns h and a list of it.
    Source: keras.layers.GRUCell.
    """

    units = Field(PositiveInt, keras1="output_dim")
    activation = Field(GateKind, "tanh")
    recurrent_activation = Field(GateKind, "sigmoid", keras1="inner_activation")
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
    reset_after = Field(Bool, True)
    seed = Field(SeedKind, None)

    def build(self, input_shape: Any) -> None:
        wide = 3 * self.units
        self.kernel = self.add_configured_weight("kernel", (input_shape[-1], wide))
        self.recurrent_kernel = self.add_configured_weight("recurrent", (self.units, wide), name="recurrent_kernel")
        shape = (2, wide) if self.reset_after else (wide,)
        self.bias = self.add_configured_weight("bias", shape) if self.use_bias else None

    def operate(self, b: Emitter, x: Value, states: Sequence[Any], mask: Value | None, **options: bool) -> Any:
        return b.gru(
            x,
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            *states,
            mask,
            activation=self.activation.name,
            recurrent_activation=self.recurrent_activation.name,
            reset_after=self.reset_after,
            **options,
        )

    def dropped_step(self) -> DroppedStep:
        return DroppedStep(self, 3, recurrent_dropout.gru)


@registered("keras.layers", "CuDNNGRU")
class GRU(CellLayer):
    """Gated recurrent unit (Cho et al. 2014); the formula is the operator `gru`'s.

    reset_after: the reset gate acts on the product with the recurrent kernel, not on the state before.
    Sequences (batch, time, features), outputs (batch, units) or (batch, time, units), one state.
    Source: keras.layers.GRU.
    """

    cell_class = GRUCell

    units = GRUCell.units
    activation = GRUCell.activation
    recurrent_activation = GRUCell.recurrent_activation
    use_bias = GRUCell.use_bias
    kernel_initializer = GRUCell.kernel_initializer
    recurrent_initializer = GRUCell.recurrent_initializer
    bias_initializer = GRUCell.bias_initializer
    kernel_regularizer = GRUCell.kernel_regularizer
    recurrent_regularizer = GRUCell.recurrent_regularizer
    bias_regularizer = GRUCell.bias_regularizer
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = GRUCell.kernel_constraint
    recurrent_constraint = GRUCell.recurrent_constraint
    bias_constraint = GRUCell.bias_constraint
    dropout = GRUCell.dropout
    recurrent_dropout = GRUCell.recurrent_dropout
    reset_after = GRUCell.reset_after
    seed = GRUCell.seed
