"""TimeDistributed."""

from __future__ import annotations

from typing import Any

from ..config import Bool, Field, registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..tree import flatten, map_structure, pack_like
from .base import Layer, walk
from .emitter import Emitter
from .nested import LayerKind


@registered("keras.layers")
class TimeDistributed(Layer):
    """A layer or model, applied to every step of a sequence alike.

    Input (batch, time, ...) with three axes or more, or a nest of such, and output likewise; the layer
    sees (batch * time, ...), and so much of the mask as belongs to each. The input's mask is the
    output's; with inner_masks (Keras 2) that is the mask which leaves the layer, if one does.
    Source: keras.layers.TimeDistributed.
    """

    layer = Field(LayerKind)
    inner_masks = Field(Bool, False, keyword=True, extension=True)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for inner in walk(self.layer):
            if getattr(inner, "stateful", False):
                raise ArgumentError(f"{self}: {inner} is stateful: it would keep states of batch * time samples")

    def build(self, input_shape: Any) -> None:
        nested = bool(input_shape) and isinstance(input_shape[0], (list, tuple))
        steps = [self._step_shape(shape) for shape in (input_shape if nested else [input_shape])]
        self.build_inner(self.layer, steps if nested else steps[0])

    def _step_shape(self, shape: Any) -> tuple[Any, ...]:
        if len(shape) < 3:
            raise ShapeError(f"{self}: the input must have three axes or more (batch, time, ...), received {shape}")
        return (shape[0], *shape[2:])

    def emit(self, b: Emitter, inputs: Any, mask: Any = None) -> Any:
        values = flatten(inputs)
        masks = flatten(mask) if mask is not None else []
        steps = [b.fold_time(value) for value in values]
        for value, value_mask in zip(steps, masks, strict=False):
            if value_mask is not None:
                b.masks[value] = b.fold_time(value_mask)
        made = b.call(self.layer, pack_like(inputs, steps))
        outputs = map_structure(lambda value: b.unfold_time(value, values[0]), made)
        for output, inner in zip(flatten(outputs), flatten(made), strict=True):
            output_mask = self._output_mask(b, inner, values[0], masks[0] if masks else None)
            if output_mask is not None:
                b.masks[output] = output_mask
        return outputs

    def _output_mask(self, b: Emitter, made: Value, sequence: Value, mask: Value | None) -> Value | None:
        if not self.inner_masks:
            return mask
        if made in b.masks:
            return b.unfold_time(b.masks[made], sequence)
        return mask if mask is None else b.reduce_max(mask, axes=range(2, mask.rank))
