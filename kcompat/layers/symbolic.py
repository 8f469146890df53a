"""Symbolic tensors and the record of layer calls that connects them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from ..ir import TensorType, Value
from ..tree import flatten, map_structure
from .emitter import Emitter
from .tensor_operators import TensorOperators

if TYPE_CHECKING:
    from .base import Layer


class KerasTensor(TensorOperators):
    """A tensor that does not exist yet: what a layer returns when called on an Input.

    Python's operators on it, and indexing, make operations: see TensorOperators and `kcompat.ops`.

    shape: with None for open sizes, batch first. dtype: a dtype name.
    call: the layer call that makes it, and `index`, its place among that call's outputs. mask: the type of the mask
    that comes with it, None for none.
    """

    def __init__(self, type: TensorType, call: Call, index: int, mask: TensorType | None = None) -> None:
        self.type = type
        self.call = call
        self.index = index
        self.mask = mask
        self.name = call.layer.name

    @property
    def shape(self) -> tuple[int | None, ...]:
        return public_shape(self.type)

    @property
    def dtype(self) -> str:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return self.type.rank

    def activated(self, activation: Any, args: tuple[Any, ...], parameters: dict[str, Any]) -> Any:
        """What a function of `kcompat.activations` gives for this tensor."""
        from .operations.applied import applied

        return applied(activation, self, args, parameters)

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"


def is_keras_tensor(x: Any) -> bool:
    """Whether x is symbolic."""
    return isinstance(x, KerasTensor)


@dataclass(eq=False)
class Call:
    """One call of a layer in a functional model (Keras: a node).

    args, kwargs: as given, with KerasTensors in them. outputs: the same nest the layer returned.
    flags: arguments that a model's own call overrides and that are written back: training=False.
    """

    layer: Layer
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any = None
    input_tensors: list[KerasTensor] = field(default_factory=list)
    flags: dict[str, Any] = field(default_factory=dict)

    @property
    def output_tensors(self) -> list[KerasTensor]:
        return flatten(self.outputs)

    @property
    def is_input(self) -> bool:
        return not self.input_tensors

    @property
    def index(self) -> int:
        """Which call of its layer this is."""
        return self.layer.calls.index(self)


def public_shape(type: TensorType) -> tuple[int | None, ...]:
    """A shape as Keras shows it: None for every open size."""
    return tuple(dim if isinstance(dim, int) else None for dim in type.shape)


def call_symbolically(layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record a call of a layer on KerasTensors and return its outputs as KerasTensors.

    Types come from emitting the layer into a graph that is thrown away, so shape rules are written
    once, in the operators.
    """
    emitter = Emitter()

    def enter(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        value = emitter.input(leaf.type)
        if leaf.mask is not None:
            emitter.masks[value] = emitter.input(leaf.mask)
        return value

    values = emitter.call(layer, *map_structure(enter, args), **map_structure(enter, kwargs))
    call = Call(layer, args, kwargs)
    call.input_tensors = [leaf for leaf in flatten((args, kwargs)) if isinstance(leaf, KerasTensor)]
    return record(call, values, emitter.masks)


def record(call: Call, values: Any, masks: Mapping[Any, Value] = MappingProxyType({})) -> Any:
    """Complete a call with its outputs, one KerasTensor per Value, and enter it at its layer."""
    indices = iter(range(len(flatten(values))))

    def tensor(value: Value | TensorType) -> KerasTensor:
        mask = masks.get(value)
        return KerasTensor(_type(value), call, next(indices), None if mask is None else mask.type)

    call.outputs = map_structure(tensor, values)
    call.layer.calls.append(call)
    return call.outputs


def _type(value: Value | TensorType) -> TensorType:
    return value.type if isinstance(value, Value) else value
