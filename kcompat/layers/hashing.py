"""Hashing."""

from __future__ import annotations

from ..config import Bool, Field, Json, PositiveInt, registered
from ..ir import Value
from .categories import Categories, SaltKind, output_mode_kind
from .emitter import Emitter


@registered("keras.layers")
class Hashing(Categories):
    """Strings or integers as bins in [0, num_bins), by FarmHash64, or by SipHash under `salt`.

    Floating inputs are cut off to integers. mask_value: the element that alone has bin 0. output_mode:
    "int", or as CategoryEncoding does with num_bins tokens. Source: keras.layers.Hashing.
    """

    positional = ("num_bins", "mask_value", "salt", "output_mode", "sparse")

    num_bins = Field(PositiveInt)
    salt = Field(SaltKind, None)
    mask_value = Field(Json, None)
    output_mode = Field(output_mode_kind("int", "one_hot", "multi_hot", "count"), "int")
    sparse = Field(Bool, False)

    @property
    def assumed_input_dtype(self) -> str:
        return "string" if isinstance(self.mask_value, str) else "int64"

    def emit(self, b: Emitter, x: Value) -> Value:
        mask = None if self.mask_value is None else b.constant(self.mask_value, x.dtype)
        return self.encode(b, b.hash_bins(x, mask, bins=self.num_bins, salt=self.salt), self.num_bins)
