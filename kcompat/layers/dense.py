"""Dense."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import Bool, Field, PositiveInt, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Dense(Layer):
    """Affine map of the last axis: `activation(x @ kernel + bias)`.

    Input (..., features), output (..., units). Source: keras.layers.Dense.
    """

    units = Field(PositiveInt, keras1="output_dim")
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    neutral = {"quantization_config": None, "lora_rank": None, "lora_alpha": None}

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(
            (input_shape[-1], self.units),
            self.kernel_initializer,
            name="kernel",
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(
                (self.units,),
                self.bias_initializer,
                name="bias",
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, b.dense(b.floating(x), self.kernel, self.bias))
