"""ReversibleEmbedding."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ..config import Bool, Field, Float, one_of, optional, registered
from ..ir import Value
from .dtype_policy import DTypePolicy
from .embedding import Embedding
from .emitter import Emitter

_FloatDType = one_of(None, "float16", "bfloat16", "float32", "float64")


@registered("keras.layers")
class ReversibleEmbedding(Embedding):
    """A vector for each index, and with `reverse=True` a score of each index for vectors.

    Input and output as Embedding; reversed, input (..., output_dim), output (..., input_dim).
    tie_weights: scores are products with the vectors themselves, else with weights of their own.
    reverse_dtype: in which scores are computed. logit_soft_cap: scores are bent into (-cap, cap).
    Source: keras.layers.ReversibleEmbedding.
    """

    supports_masking = False  # only vectors of indices have a mask, which `emit` sets

    tie_weights = Field(Bool, True)
    reverse_dtype = Field(_FloatDType, None)
    logit_soft_cap = Field(optional(Float), None)

    positional: ClassVar[Sequence[str]] = ("input_dim", "output_dim", "tie_weights", "embeddings_initializer")

    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.reverse_embeddings, self.reverse_embeddings_scale = self.embeddings, self.embeddings_scale
        if self.tie_weights:
            return
        shape = (self.output_dim, self.input_dim)
        if self.is_quantized:
            self.reverse_embeddings = self.add_levels("reverse_embeddings", shape)
            self.reverse_embeddings_scale = self.add_scale("reverse_embeddings", (self.input_dim,))
        else:
            self.reverse_embeddings = self.add_weight(shape, self.embeddings_initializer, name="reverse_embeddings")

    def emit(self, b: Emitter, inputs: Value, reverse: bool = False) -> Value:
        if reverse:
            return self._bend(b, self._scores(b, b.floating(inputs)))
        y = super().emit(b, inputs)
        if self.mask_zero:
            b.masks[y] = super().emit_mask(b, inputs, None)
        return y

    def _scores(self, b: Emitter, x: Value) -> Value:
        kernel: Any = self.reverse_embeddings
        if self.tie_weights:
            kernel = b.transpose(kernel if self.is_quantized else self.adapted(b), perm=(1, 0))
        if self.reverse_embeddings_scale is not None:
            quantizer = self.inputs_quantizer
            axes = quantizer.axis if quantizer and quantizer.axis else (-1,)
            return self.emit_quantized(b, x, kernel, self.reverse_embeddings_scale, product=b.dense, axes=axes)
        dtype = x.dtype if self.reverse_dtype is None else DTypePolicy(self.reverse_dtype).compute_dtype
        return b.dense(b.cast(x, dtype=dtype), b.cast(kernel, dtype=dtype))

    def _bend(self, b: Emitter, scores: Value) -> Value:
        cap = self.logit_soft_cap
        return scores if cap is None else b.mul(b.tanh(b.div(scores, cap)), cap)
