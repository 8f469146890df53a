"""Rescaling."""

from __future__ import annotations

from typing import Any

from ..config import Bool, DataFormat, Field, Numbers, optional, registered
from ..ir import Value
from ..settings import image_data_format
from .base import Layer
from .emitter import Emitter


@registered("keras.layers")
class Rescaling(Layer):
    """x * scale + offset.

    scale, offset: numbers, or lists that broadcast to the input's last axes. data_format: for
    "channels_first" a list of scales lies along the third axis from the end; Keras always takes it
    from `keras.config.image_data_format()`, as does None, and does not write it. Input of any shape
    and numeric dtype, output in the layer's compute dtype. drops_mask (Keras 2): the output has no mask.
    Source: keras.layers.Rescaling.
    """

    supports_masking = True

    scale = Field(Numbers)
    offset = Field(Numbers, 0.0)
    data_format = Field(optional(DataFormat), None, extension=True, keyword=True)

    drops_mask = Field(Bool, False, extension=True, keyword=True)

    def emit(self, b: Emitter, x: Value) -> Value:
        scale = b.constant(self.scale, self.compute_dtype)
        if (self.data_format or image_data_format()) == "channels_first" and scale.rank == 1:
            scale = b.constant(scale.data[:, None, None])
        return b.add(b.mul(b.floating(x), scale), b.constant(self.offset, self.compute_dtype))

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        return None if self.drops_mask else mask
