"""TimeDistributed."""

from __future__ import annotations

from collections.abc import Sequence
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
    In training, a layer with statistics of batches takes and moves them step by step, and the layer's own
    activity regularizer does not count; with joins_steps (Keras 2) statistics are of all steps together.
    Source: keras.layers.TimeDistributed.
    """

    layer = Field(LayerKind)
    inner_masks = Field(Bool, False, keyword=True, extension=True)
    joins_steps = Field(Bool, False, keyword=True, extension=True)

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
        if self._goes_by_steps(b):
            return self._emit_steps(b, inputs, masks)
        made = self._apply(b, inputs, [b.fold_time(value) for value in values], [m and b.fold_time(m) for m in masks])
        outputs = map_structure(lambda value: b.unfold_time(value, values[0]), made)
        for output, inner in zip(flatten(outputs), flatten(made), strict=True):
            output_mask = self._output_mask(b, inner, values[0], masks[0] if masks else None)
            if output_mask is not None:
                b.masks[output] = output_mask
        return outputs

    def _goes_by_steps(self, b: Emitter) -> bool:
        """Whether it matters that Keras 3 calls the layer once for each step."""
        if self.joins_steps:
            return False
        inner = list(walk(self.layer))
        is_penalized = b.collects_losses and any(layer.activity_regularizer is not None for layer in inner[1:])
        return is_penalized or (b.training and any(_has_statistics(layer) for layer in inner))

    def _apply(self, b: Emitter, inputs: Any, values: list[Value], masks: Sequence[Value | None]) -> Any:
        for value, mask in zip(values, masks, strict=False):
            if mask is not None:
                b.masks[value] = mask
        made = b.call(self.layer, pack_like(inputs, values))
        if b.collects_losses and self.layer.activity_regularizer is not None and not self.joins_steps:
            del b.losses[-len(flatten(made)) :]
        return made

    def _emit_steps(self, b: Emitter, inputs: Any, masks: Sequence[Value | None]) -> Any:
        """The layer on each step by itself."""
        values = flatten(inputs)
        count = values[0].shape[1]
        if not isinstance(count, int):
            raise ArgumentError(f"{self}: training it needs a known number of steps, received {values[0].type}")
        made = [
            self._apply(b, inputs, [_step(b, value, i) for value in values], [m and _step(b, m, i) for m in masks])
            for i in range(count)
        ]
        columns = zip(*map(flatten, made), strict=True)
        joined = [b.concat(*(b.expand_dims(part, axes=(1,)) for part in parts), axis=1) for parts in columns]
        if masks and masks[0] is not None:
            b.masks.update(dict.fromkeys(joined, masks[0]))
        return pack_like(made[0], joined)

    def _output_mask(self, b: Emitter, made: Value, sequence: Value, mask: Value | None) -> Value | None:
        if not self.inner_masks:
            return mask
        if made in b.masks:
            return b.unfold_time(b.masks[made], sequence)
        return mask if mask is None else b.reduce_max(mask, axes=range(2, mask.rank))


def _has_statistics(layer: Layer) -> bool:
    """Whether training changes weights of a layer beside its gradients."""
    return layer.trainable and any(not weight.trainable for weight in layer.own_weights)


def _step(b: Emitter, x: Value, index: int) -> Value:
    value: Value = b.squeeze(b.slice(x, starts=(index,), stops=(index + 1,), steps=(1,), axes=(1,)), axes=(1,))
    return value
