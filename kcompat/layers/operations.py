"""Operations of `keras.ops` as they stand in Keras 3's functional models: layers without weights.

A class is registered under the module in which Keras has it, and is called with the operation's
arguments, tensors and numbers. Keras 3 writes so how the masks are computed that it passes to layers.
"""

from __future__ import annotations

import typing

from ..config import Bool, Field, IntOrInts, optional, registered
from ..ir import Value
from ..ir.types import is_float
from .base import Layer
from .emitter import Emitter

MODULES = ("keras.src.ops.numpy",)
"""The modules of operations, in the order in which a class is looked for that a file names alone."""


class Operation(Layer):
    """A function of tensors, which are not cast to the layer's dtype."""

    def __init__(self, *args: typing.Any, **kwargs: typing.Any) -> None:
        super().__init__(*args, **kwargs)
        self.autocast = False

    def base_config(self) -> dict[str, typing.Any]:
        return {"name": self.name}


@registered("keras.src.ops.numpy")
class NotEqual(Operation):
    """Where two tensors, or a tensor and a number, differ. Source: keras.ops.not_equal."""

    def emit(self, b: Emitter, x1: typing.Any, x2: typing.Any) -> Value:
        return b.not_equal(_beside(b, x1, x2), _beside(b, x2, x1))


def _beside(b: Emitter, x: typing.Any, other: typing.Any) -> typing.Any:
    """The operand x; an integer tensor becomes floating beside a Python float."""
    if isinstance(x, Value) and isinstance(other, float) and not is_float(x.dtype):
        return b.cast(x, dtype="float32")
    return x


@registered("keras.src.ops.numpy")
class Any(Operation):
    """Whether any element along the axes, or any of all, is not zero. Source: keras.ops.any."""

    axis = Field(optional(IntOrInts), None)
    keepdims = Field(Bool, False)

    def emit(self, b: Emitter, x: Value) -> Value:
        axes = range(x.rank) if self.axis is None else [self.axis] if isinstance(self.axis, int) else self.axis
        real = x if x.dtype == "bool" else b.cast(x, dtype="bool")
        return b.reduce_max(real, axes=axes, keepdims=self.keepdims)
