"""Emits layers into IR: builds them, casts their inputs, says where nodes come from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import operators as operators  # enters the cards that layers emit
from ..errors import ArgumentError
from ..ir import Builder, Value, Variable
from ..ir.types import is_float
from ..tree import flatten, map_structure

if TYPE_CHECKING:
    from ..regularizers import Regularizer
    from .base import Layer


class Emitter(Builder):
    """A Builder that knows layers.

    Inside a layer's `emit`, its weights arrive in the layer's compute dtype, and so do its
    floating inputs; integer and boolean inputs arrive as they are.

    masks: for values of sequences, a boolean value (batch, time): which steps are real. They follow
    the values through layers that support masking, as `_keras_mask` does in Keras, and reach layers
    whose `emit` has a parameter `mask`. A mask that is passed to a layer takes their place.

    training: whether layers are to do what they do in training alone: drop, disturb, use the batch's
    statistics and update their own.
    losses: scalars that layers add to the loss (`add_loss`), collected if `collects_losses`.
    """

    def __init__(self, training: bool = False, collects_losses: bool = False) -> None:
        super().__init__()
        self.compute_dtype = "float32"
        self.masks: dict[Value, Value] = {}
        self.training = training
        self.collects_losses = collects_losses
        self.losses: list[Value] = []

    def call(self, layer: Layer, *args: Any, **kwargs: Any) -> Any:
        """The outputs of a layer for Values, in the nest that the layer returns."""
        outer = self.compute_dtype
        self.compute_dtype = layer.compute_dtype
        try:
            with self.origin(f"layer '{layer.name}' ({type(layer).__name__})"):
                layer.build_for(args)
                if layer.autocast:
                    args, kwargs = map_structure(self._autocast, (args, kwargs))
                return self._emit(layer, args, kwargs)
        finally:
            self.compute_dtype = outer

    def add_loss(self, loss: Value) -> None:
        """Add the sum of a value's elements to what training minimizes."""
        if self.collects_losses:
            self.losses.append(loss if not loss.rank else self.reduce_sum(loss, axes=range(loss.rank)))

    def floating(self, x: Value) -> Value:
        """x in the layer's compute dtype, whatever it was."""
        if not isinstance(x, Value):
            raise self._located(ArgumentError(f"takes one tensor, received {type(x).__name__}"))
        return x if x.dtype == self.compute_dtype else self.cast(x, dtype=self.compute_dtype)

    def traced(self, name: str, function: Callable[..., Any], *operands: Value) -> Value:
        """What a Python function of tensors, made of `kcompat.ops` and layers, gives; it is called with symbols.

        Raises ArgumentError if it does not give a tensor.
        """
        from .base import Layer
        from .tracing import emit_call

        value = emit_call(Layer(name=name), self, function, operands, {})
        if not isinstance(value, Value):
            raise ArgumentError(f"{function!r} must give one tensor made with kcompat.ops, received {value!r}")
        return value

    def _emit(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        inputs = args[0] if args else None
        mask = kwargs.get("mask")
        if mask is None:
            mask = map_structure(lambda leaf: self.masks.get(leaf) if isinstance(leaf, Value) else None, inputs)
        masked = any(leaf is not None for leaf in flatten(mask))
        if masked and layer.takes_mask:
            kwargs = {**kwargs, "mask": mask}
        try:
            layer.call_signature().bind(*args, **kwargs)
        except TypeError as error:
            raise self._located(ArgumentError(f"cannot be called so: {error}")) from None
        outputs = layer.emit_as_called(self, *args, **kwargs)
        if self.collects_losses and layer.activity_regularizer is not None:
            self._penalize(layer.activity_regularizer, outputs)
        if layer.supports_masking and (masked or layer.makes_mask):
            masks = flatten(layer.emit_mask(self, inputs, mask if masked else None))
            for value, value_mask in zip(flatten(outputs), masks, strict=False):
                self._set_mask(value, value_mask)
        return outputs

    def _penalize(self, regularizer: Regularizer, outputs: Any) -> None:
        """Add the penalty of a layer's outputs, per sample of the batch, as Keras does."""
        for output in flatten(outputs):
            penalty = regularizer.emit(self, output)
            self.add_loss(self.div(penalty, self.cast(self.size(output, axis=0), dtype=penalty.dtype)))

    def _set_mask(self, value: Value, mask: Value | None) -> None:
        if mask is None:
            self.masks.pop(value, None)
        else:
            self.masks[value] = mask

    def _autocast(self, leaf: Any) -> Any:
        if not isinstance(leaf, Value) or not is_float(leaf.dtype):
            return leaf
        value = self.floating(leaf)
        self._set_mask(value, self.masks.get(leaf))
        return value

    def _value(self, operand: Any) -> Value:
        value = super()._value(operand)
        return self.floating(value) if isinstance(operand, Variable) and is_float(value.dtype) else value
