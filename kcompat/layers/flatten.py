"""Flatten."""

from __future__ import annotations

from ..config import DataFormat, Field, registered
from ..ir import Value
from ..operators.shape import INFER, KEEP
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Flatten(Layer):
    """All axes but the batch in one, channels last.

    Input (batch, ...), output (batch, features). With data_format="channels_first" the channels
    are moved last before. Source: keras.layers.Flatten.
    """

    data_format = Field(DataFormat, None)

    def emit(self, b: Emitter, x: Value) -> Value:
        if self.data_format == "channels_first" and x.rank > 2:
            x = b.transpose(x, perm=(0, *range(2, x.rank), 1))
        return b.reshape(x, shape=(KEEP, INFER))
