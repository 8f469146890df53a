"""HashedCrossing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..config import Bool, Field, PositiveInt, registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..ir.types import shape_text
from .categories import Categories, output_mode_kind
from .emitter import Emitter


@registered("keras.layers")
class HashedCrossing(Categories):
    """Combinations of two features or more as bins in [0, num_bins).

    Inputs: tensors of strings or integers, all (batch,) or all (batch, 1). Output of the same shape; with
    output_mode "one_hot" (batch, num_bins). Source: keras.layers.HashedCrossing.
    """

    num_bins = Field(PositiveInt)
    output_mode = Field(output_mode_kind("int", "one_hot"), "int")
    sparse = Field(Bool, False)

    @property
    def assumed_input_dtype(self) -> str:
        return "int64"

    def emit(self, b: Emitter, inputs: Sequence[Value]) -> Value:
        if not isinstance(inputs, (list, tuple)) or len(inputs) < 2:
            raise ArgumentError(f"{self}: is called on a list of two tensors or more")
        first = inputs[0]
        if any(x.shape != first.shape for x in inputs) or first.rank > 2 or (first.rank == 2 and first.shape[1] != 1):
            raise ShapeError(
                f"{self}: inputs must all be (batch,) or all (batch, 1), received "
                + ", ".join(shape_text(x.shape) for x in inputs)
            )
        return self.encode(b, b.cross_bins(*inputs, bins=self.num_bins), self.num_bins)

    def get_config(self) -> dict[str, Any]:
        """In Keras's order, without `trainable`."""
        return {**dict(self._values), "name": self.name, "dtype": self.dtype_policy.name}
