"""Reshape."""

from __future__ import annotations

from typing import Any

from ..config import Field, Kind, int_list, registered
from ..ir import Value
from ..operators.shape import INFER, KEEP
from .base import Layer
from .emitter import Emitter


def _parse_target(value: Any, owner: Any) -> tuple[int, ...]:
    sizes = int_list([value] if isinstance(value, int) else value)
    if min(sizes, default=1) < INFER or sizes.count(INFER) > 1:
        raise ValueError
    return sizes


@registered("keras.layers")
class Reshape(Layer):
    """The same elements of each sample under another shape.

    Input (batch, ...), output (batch, *target_shape); one size may be -1, the one that follows from
    the others. Source: keras.layers.Reshape.
    """

    target_shape = Field(Kind("a sequence of sizes, at most one of them -1", _parse_target))

    def emit(self, b: Emitter, x: Value) -> Value:
        return b.reshape(x, shape=(KEEP, *self.target_shape))
