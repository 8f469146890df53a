"""Crossentropies of elements and of classes, as `keras.ops` has them on TensorFlow."""

from __future__ import annotations

from typing import Any

from ...config import Bool, Field, Int
from ...errors import ArgumentError
from ...ir import Value
from ...ir.graph import Result
from ..emitter import Emitter
from .operands import as_floating, as_value
from .operation import Operation, operation

_EPSILON = 1e-7


class _Crossentropy(Operation):
    """from_logits: output is what a sigmoid or softmax is still to be taken of.

    The output of one of the two counts as that which it was made of, whichever it was. Source:
    keras.src.backend.tensorflow.nn._get_logits.
    """

    from_logits = Field(Bool, False)

    def logits(self, output: Value) -> Value | None:
        """What a sigmoid or softmax is taken of, where that is known."""
        if isinstance(output, Result) and output.producer.op.name in ("softmax", "sigmoid"):
            return output.producer.inputs[0]
        return output if self.from_logits else None

    def clipped(self, b: Emitter, output: Value) -> Value:
        return b.clip(output, low=_EPSILON, high=1 - _EPSILON)


@operation("nn")
class BinaryCrossentropy(_Crossentropy):
    """Of each element. Source: keras.ops.binary_crossentropy."""

    parameters = ("target", "output", "from_logits")

    def emit(self, b: Emitter, target: Any, output: Any) -> Value:
        output = as_floating(b, output)
        target = as_value(b, target, output.dtype)
        x = self.logits(output)
        if x is not None:
            return b.sigmoid_cross_entropy(target, x)
        p = self.clipped(b, output)
        hit = b.mul(target, b.log(p))
        miss = b.mul(b.sub(1.0, target), b.log(b.sub(1.0, p)))
        return b.neg(b.add(hit, miss))


@operation("nn")
class CategoricalCrossentropy(_Crossentropy):
    """Of the classes along `axis`, for targets that are probabilities. Source: keras.ops.categorical_crossentropy."""

    parameters = ("target", "output", "from_logits", "axis")

    axis = Field(Int, -1)

    def emit(self, b: Emitter, target: Any, output: Any) -> Value:
        output = as_floating(b, output)
        target = as_value(b, target, output.dtype)
        axis, x = self.axis % output.rank, self.logits(output)
        if x is not None:
            return b.softmax_cross_entropy(target, x, axis=axis)
        shares = b.div(output, b.reduce_sum(output, axes=(axis,), keepdims=True))
        return b.neg(b.reduce_sum(b.mul(target, b.log(self.clipped(b, shares))), axes=(axis,)))


@operation("nn")
class SparseCategoricalCrossentropy(_Crossentropy):
    """Of the classes along `axis`, for targets that are their numbers.

    Source: keras.ops.sparse_categorical_crossentropy.
    """

    parameters = ("target", "output", "from_logits", "axis")

    axis = Field(Int, -1)

    def emit(self, b: Emitter, target: Any, output: Any) -> Value:
        output = as_floating(b, output)
        if self.axis % output.rank != output.rank - 1:
            raise ArgumentError(
                f"sparse_categorical_crossentropy: classes are on the last axis, received axis={self.axis}"
            )
        target = as_value(b, target, "int32")
        target = b.squeeze(target, axes=(-1,)) if target.rank == output.rank else target
        x = self.logits(output)
        return b.sparse_softmax_cross_entropy(target, b.log(self.clipped(b, output)) if x is None else x)
