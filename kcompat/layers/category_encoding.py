"""CategoryEncoding."""

from __future__ import annotations

from ..config import Bool, Field, PositiveInt, registered
from ..errors import ArgumentError
from ..ir import Value
from .base import Layer
from .categories import encode, output_mode_kind
from .emitter import Emitter


@registered("keras.layers")
class CategoryEncoding(Layer):
    """Integers in [0, num_tokens) as vectors of that length.

    output_mode: "one_hot", a vector per integer, (..., 1) or (...) -> (..., num_tokens); "multi_hot" and
    "count", one per sample, (batch, n) -> (batch, num_tokens), where `count_weights`, of the input's
    shape, can say what each integer counts. Integers of num_tokens and more are left out. With `sparse`
    Keras returns the same numbers as a sparse tensor. Source: keras.layers.CategoryEncoding.
    """

    num_tokens = Field(PositiveInt, aliases=("max_tokens",))
    output_mode = Field(output_mode_kind("multi_hot", "one_hot", "count"), "multi_hot")
    sparse = Field(Bool, False, optional_key=True)

    def emit(self, b: Emitter, x: Value, count_weights: Value | None = None) -> Value:
        if count_weights is not None and self.output_mode != "count":
            raise ArgumentError(f"{self}: count_weights are for output_mode 'count', not '{self.output_mode}'")
        return encode(b, self, x, self.output_mode, self.num_tokens, self.compute_dtype, count_weights)
