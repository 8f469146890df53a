"""Embedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..config import Bool, Field, PositiveInt, registered
from ..constraints import ConstraintKind
from ..initializers import InitializerKind
from ..ir import Value, Variable
from ..regularizers import RegularizerKind
from .emitter import Emitter
from .low_rank import lora_alpha_field, lora_rank_field
from .quantization import Quantizable, QuantizationConfigKind


@registered("keras.layers")
class Embedding(Quantizable):
    """A vector for each index.

    Input (...) of indices in [0, input_dim), which are truncated if they are floats; output
    (..., output_dim). mask_zero: the mask says which indices are not 0. input_length (Keras 2): the
    size of the input's last axis. Indices outside the range raise InputError when the layer runs.
    Source: keras.layers.Embedding.
    """

    supports_masking = True
    adaptable = "embeddings"

    input_dim = Field(PositiveInt)
    output_dim = Field(PositiveInt)
    embeddings_initializer = Field(InitializerKind, "uniform", keras1="init")
    embeddings_regularizer = Field(RegularizerKind, None, keras1="W_regularizer")
    activity_regularizer = Field(RegularizerKind, None)
    embeddings_constraint = Field(ConstraintKind, None, keras1="W_constraint")
    mask_zero = Field(Bool, False)
    quantization_config = Field(QuantizationConfigKind, None, keyword=True)
    lora_rank = lora_rank_field()
    lora_alpha = lora_alpha_field()

    positional: ClassVar[Sequence[str]] = (
        "input_dim",
        "output_dim",
        "embeddings_initializer",
        "embeddings_regularizer",
    )

    def __init__(self, *args: Any, input_length: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocast = False
        if input_length is not None and not self.input_arguments:
            self.input_arguments["input_shape"] = input_length

    def build(self, input_shape: Any) -> None:
        shape = (self.input_dim, self.output_dim)
        self.embeddings_scale: Variable | None = None
        if self.is_quantized:
            self.embeddings = self.add_levels("embeddings", shape)
            self.embeddings_scale = self.add_scale("embeddings", (self.input_dim,))
        else:
            self.embeddings = self.add_configured_weight("embeddings", shape)
        self.add_low_rank()

    def emit(self, b: Emitter, x: Value) -> Value:
        indices = x if x.dtype in ("int32", "int64") else b.cast(x, dtype="int32")
        found = b.gather(self.embeddings, indices)
        if self.embeddings_scale is not None:
            found = b.div(b.floating(found), b.expand_dims(b.gather(self.embeddings_scale, indices), axes=(-1,)))
        if self.lora_b is None:
            return found
        return b.add(found, self.low_rank(b, b.gather(self.lora_a, indices)))

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return b.not_equal(inputs, 0) if self.mask_zero else None
