"""Permute."""

from __future__ import annotations

from typing import Any

from ..config import Field, Kind, int_list, registered
from ..ir import Value
from .base import Layer
from .emitter import Emitter
from .ranks import require_rank


def _parse_dims(value: Any, owner: Any) -> tuple[int, ...]:
    dims = int_list(value)
    if sorted(dims) != list(range(1, len(dims) + 1)):
        raise ValueError
    return dims


@registered("keras.layers")
class Permute(Layer):
    """Another order of the axes behind the batch: axis i of the output is axis dims[i - 1] of the input.

    Source: keras.layers.Permute.
    """

    dims = Field(Kind("an order of the axes 1, 2, ...", _parse_dims))

    def emit(self, b: Emitter, x: Value) -> Value:
        require_rank(self, x, len(self.dims) + 1)
        return b.transpose(x, perm=(0, *self.dims))
