"""Dense."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import Bool, Field, PositiveInt, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .emitter import Emitter
from .low_rank import lora_alpha_field, lora_rank_field
from .quantization import Quantizable, QuantizationConfigKind


@registered("keras.layers")
class Dense(Quantizable):
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
    quantization_config = Field(QuantizationConfigKind, None, keyword=True)
    lora_rank = lora_rank_field()
    lora_alpha = lora_alpha_field()

    def build(self, input_shape: Any) -> None:
        shape = (input_shape[-1], self.units)
        kernel = self.add_levels("kernel", shape) if self.is_quantized else self.add_configured_weight("kernel", shape)
        self.kernel = kernel
        self.bias = self.add_configured_weight("bias", (self.units,)) if self.use_bias else None
        self.kernel_scale = self.add_scale("kernel", (self.units,)) if self.is_quantized else None
        self.add_low_rank()

    def emit(self, b: Emitter, x: Value) -> Value:
        return self.activation.emit(b, self._affine(b, b.floating(x)))

    def _affine(self, b: Emitter, x: Value) -> Value:
        if self.kernel_scale is None:
            return b.dense(x, self.adapted(b), self.bias)
        y = self.emit_quantized(b, x, self.kernel, self.kernel_scale, product=b.dense)
        if self.lora_b is not None:
            y = b.add(y, self.low_rank(b, b.dense(x, self.lora_a)))
        return y if self.bias is None else b.add(y, self.bias)
