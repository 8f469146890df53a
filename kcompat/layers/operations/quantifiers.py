"""Any and All, apart from the files that need the type of that name."""

from __future__ import annotations

from ...ir import Value
from ..emitter import Emitter
from .operands import cast
from .operation import operation
from .reductions import Reduction


@operation("numpy")
class Any(Reduction):
    """Whether any element is not zero. Source: keras.ops.any."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_max(cast(b, x, "bool"), axes=axes, keepdims=self.keepdims)


@operation("numpy")
class All(Reduction):
    """Whether no element is zero. Source: keras.ops.all."""

    def reduce(self, b: Emitter, x: Value, axes: tuple[int, ...]) -> Value:
        return b.reduce_min(cast(b, x, "bool"), axes=axes, keepdims=self.keepdims)
