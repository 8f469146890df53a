"""Highway (Keras 1)."""

from __future__ import annotations

from typing import Any

from ..activations import ActivationKind
from ..config import ANYTHING, Bool, Field, registered
from ..constraints import ConstraintKind
from ..errors import ShapeError
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Highway(Layer):
    """`t * activation(x @ kernel + bias) + (1 - t) * x` with the gate t a sigmoid of another affine map.

    Input and output (batch, features); see Srivastava et al. 2015. Source: Highway in layers/core.py of
    Keras 1.2.2.
    """

    activation = Field(ActivationKind, None)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    neutral = {"transform_bias": ANYTHING}

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ShapeError(f"{self}: the input must be (batch, features), received shape {tuple(input_shape)}")
        size = input_shape[-1]
        self.kernel = self.add_configured_weight("kernel", (size, size))
        self.carry_kernel = self.add_weight((size, size), self.kernel_initializer, name="carry_kernel")
        self.bias = self.carry_bias = None
        if self.use_bias:
            self.bias = self.add_configured_weight("bias", (size,))
            self.carry_bias = self.add_weight((size,), "ones", name="carry_bias")

    def emit(self, b: Emitter, x: Value) -> Value:
        x = b.floating(x)
        gate = b.sigmoid(b.dense(x, self.carry_kernel, self.carry_bias))
        y = self.activation.emit(b, b.dense(x, self.kernel, self.bias))
        return b.add(b.mul(y, gate), b.mul(b.sub(b.constant(1, x.dtype), gate), x))
