"""MaxoutDense (Keras 1)."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, PositiveInt, registered
from ..constraints import ConstraintKind
from ..errors import ShapeError
from ..initializers import InitializerKind
from ..ir import Value
from ..regularizers import RegularizerKind
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class MaxoutDense(Layer):
    """The greatest of `nb_feature` affine maps, element by element (Goodfellow et al. 2013).

    Input (batch, features), output (batch, units). Source: MaxoutDense in layers/core.py of Keras 1.2.2.
    """

    units = Field(PositiveInt, keras1="output_dim")
    nb_feature = Field(PositiveInt, 4)
    use_bias = Field(Bool, True, keras1="bias")
    kernel_initializer = Field(InitializerKind, "glorot_uniform", keras1="init")
    bias_initializer = Field(InitializerKind, "zeros")
    kernel_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    bias_regularizer = Field(RegularizerKind, None, keras1="b_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    kernel_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    bias_constraint = Field(ConstraintKind, None, keras1="b_constraint")

    def build(self, input_shape: Any) -> None:
        if len(input_shape) != 2:
            raise ShapeError(f"{self}: the input must be (batch, features), received shape {tuple(input_shape)}")
        self.kernel = self.add_configured_weight("kernel", (self.nb_feature, input_shape[-1], self.units))
        self.bias = self.add_configured_weight("bias", (self.nb_feature, self.units)) if self.use_bias else None

    def emit(self, b: Emitter, x: Value) -> Value:
        maps = b.einsum(b.floating(x), self.kernel, equation="bi,fio->bfo")
        return b.reduce_max(maps if self.bias is None else b.add(maps, self.bias), axes=(1,))
