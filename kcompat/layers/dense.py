"""Dense."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import Bool, Field, PositiveInt, one_of, registered
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

    supports_masking = True

    units = Field(PositiveInt, keras1="output_dim")
    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")
    quantization_config = Field(one_of(None), None, keyword=True)

    neutral = {"lora_rank": None, "lora_alpha": None}

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_configured_weight("kernel", (input_shape[-1], self.units))
        self.bias = self.add_configured_weight("bias", (self.units,)) if self.use_bias else None

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, b.dense(b.floating(x), self.kernel, self.bias))
