"""RepeatVector."""

from __future__ import annotations

from ..config import Field, PositiveInt, registered
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


@registered("keras.layers")
class RepeatVector(Layer):
    """The input `n` times along a new axis: (batch, features) to (batch, n, features).

    Source: keras.layers.RepeatVector.
    """

    n = Field(PositiveInt)

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, 2)
        return b.repeat(b.expand_dims(x, axes=(1,)), axis=1, count=self.n)
