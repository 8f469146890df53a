"""Emits layers into IR: builds them, casts their inputs, says where nodes come from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import operators as operators  # enters the cards that layers emit
from ..ir import Builder, Parameter, Value, Variable
from ..ir.types import is_float
from ..tree import map_structure

if TYPE_CHECKING:
    from .base import Layer


class Emitter(Builder):
    """A Builder that knows layers.

    Inside a layer's `emit`, its weights arrive in the layer's compute dtype, and so do its
    floating inputs; integer and boolean inputs arrive as they are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.compute_dtype = "float32"

    def call(self, layer: Layer, *args: Any, **kwargs: Any) -> Any:
        """The outputs of a layer for Values, in the nest that the layer returns."""
        outer = self.compute_dtype
        self.compute_dtype = layer.compute_dtype
        try:
            with self.origin(f"layer '{layer.name}' ({type(layer).__name__})"):
                layer.build_for(args)
                if layer.autocast:
                    args, kwargs = map_structure(self._autocast, (args, kwargs))
                return layer.emit(self, *args, **kwargs)
        finally:
            self.compute_dtype = outer

    def floating(self, x: Value) -> Value:
        """x in the layer's compute dtype, whatever it was."""
        return x if x.dtype == self.compute_dtype else self.cast(x, dtype=self.compute_dtype)

    def _autocast(self, leaf: Any) -> Any:
        return self.floating(leaf) if isinstance(leaf, Value) and is_float(leaf.dtype) else leaf

    def _value(self, operand: Any) -> Value:
        value = super()._value(operand)
        if isinstance(operand, Variable) and isinstance(value, Parameter) and is_float(value.dtype):
            return self.floating(value)
        return value
