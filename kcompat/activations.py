"""Activation functions by name; see keras.activations.

Each is an object that emits IR for a layer and computes at once when called with an array.
`hard_sigmoid` is Keras 3's; the function that Keras 1 and 2 had under that name is
`hard_sigmoid_keras2`, to which the readers of those files map it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import operators as operators  # the cards that the functions below emit
from .config import Configurable, Kind, table_of
from .config import serialize as serialize_object
from .errors import ArgumentError, SaveError
from .ir import Builder, Value
from .ir.types import type_of
from .reference import evaluate
from .registration import get_registered_name, lookup_custom

ACTIVATIONS: dict[str, Activation] = {}
"""Every activation by name and alias."""


class Activation:
    """A named function of a tensor.

    name: Keras's name. emit: `(builder, x, **parameters) -> Value`.
    """

    def __init__(self, name: str, emit: Callable[..., Value]) -> None:
        self.name = self.__name__ = name
        self.emit = emit
        self.__doc__ = emit.__doc__

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self.emit)

    def __call__(self, x: Any, *args: Any, **parameters: Any) -> Any:
        """The function of an array; float64 stays, other dtypes become float32. Of a KerasTensor, a KerasTensor."""
        if hasattr(x, "activated"):
            return x.activated(self, args, parameters)
        array = np.asarray(x)
        array = array if array.dtype.kind == "f" else array.astype(np.float32)
        builder = Builder()
        value = builder.input(type_of(array))
        return evaluate(builder.build([self.emit(builder, value, *args, **parameters)]), [array])[0]

    def __repr__(self) -> str:
        return f"<activation {self.name}>"


class OwnActivation(Activation):
    """A Python function of a tensor, made of `kcompat.ops`, which is called with a symbol once for each graph."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(get_registered_name(function), self._emit)
        self.function = function

    def _emit(self, b: Any, x: Value) -> Value:
        value: Value = b.traced(self.name, self.function, x)
        return value

    def __call__(self, x: Any, *args: Any, **parameters: Any) -> Any:
        return self.function(x, *args, **parameters)


def _activation(*aliases: str) -> Callable[[Callable[..., Value]], Activation]:
    def register(emit: Callable[..., Value]) -> Activation:
        activation = Activation(emit.__name__, emit)
        ACTIVATIONS.update(dict.fromkeys((activation.name, *aliases), activation))
        return activation

    return register


@_activation()
def linear(b: Builder, x: Value) -> Value:
    """x."""
    return x


@_activation()
def relu(
    b: Builder,
    x: Value,
    negative_slope: float = 0.0,
    max_value: float | None = None,
    threshold: float = 0.0,
) -> Value:
    """min(x, max_value) where x >= threshold, else negative_slope * (x - threshold)."""
    limit = float("inf") if max_value is None else max_value
    return b.relu(x, negative_slope=negative_slope, max_value=limit, threshold=threshold)


@_activation()
def relu6(b: Builder, x: Value) -> Value:
    """min(max(x, 0), 6)."""
    return b.relu(x, max_value=6.0)


@_activation()
def leaky_relu(b: Builder, x: Value, negative_slope: float = 0.2) -> Value:
    """x where x > 0, else negative_slope * x."""
    return b.relu(x, negative_slope=negative_slope)


@_activation()
def elu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return b.elu(x, alpha=alpha)


@_activation()
def selu(b: Builder, x: Value) -> Value:
    """Scaled elu that keeps mean and variance (Klambauer et al. 2017)."""
    return b.selu(x)


@_activation()
def celu(b: Builder, x: Value, alpha: float = 1.0) -> Value:
    """max(x, 0) + min(0, alpha * (exp(x / alpha) - 1))."""
    return b.celu(x, alpha=alpha)


@_activation()
def gelu(b: Builder, x: Value, approximate: bool = False) -> Value:
    """x times the normal distribution function of x; with tanh instead of erf if approximate."""
    return b.gelu(x, approximate=approximate)


@_activation("swish")
def silu(b: Builder, x: Value) -> Value:
    """x * sigmoid(x)."""
    return b.silu(x)


@_activation("hard_swish")
def hard_silu(b: Builder, x: Value) -> Value:
    """x * relu6(x + 3) / 6."""
    return b.hard_silu(x)


@_activation()
def sigmoid(b: Builder, x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return b.sigmoid(x)


@_activation()
def hard_sigmoid(b: Builder, x: Value) -> Value:
    """clip(x / 6 + 0.5, 0, 1): Keras 3's definition."""
    return b.hard_sigmoid(x)


@_activation()
def hard_sigmoid_keras2(b: Builder, x: Value) -> Value:
    """clip(0.2 * x + 0.5, 0, 1): the definition of Keras 1 and 2."""
    return b.hard_sigmoid(x, alpha=0.2, beta=0.5)


@_activation()
def tanh(b: Builder, x: Value) -> Value:
    """Hyperbolic tangent."""
    return b.tanh(x)


@_activation()
def hard_tanh(b: Builder, x: Value) -> Value:
    """clip(x, -1, 1)."""
    return b.clip(x, low=-1.0, high=1.0)


@_activation()
def tanh_shrink(b: Builder, x: Value) -> Value:
    """x - tanh(x)."""
    return b.tanh_shrink(x)


@_activation()
def soft_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """x moved by threshold towards zero, and zero within it."""
    return b.soft_shrink(x, threshold=threshold)


@_activation()
def hard_shrink(b: Builder, x: Value, threshold: float = 0.5) -> Value:
    """x, and zero within the threshold."""
    return b.hard_shrink(x, threshold=threshold)


@_activation()
def threshold(b: Builder, x: Value, threshold: float, default_value: float) -> Value:
    """x above the threshold, else default_value."""
    return b.threshold(x, threshold=threshold, value=default_value)


@_activation()
def softplus(b: Builder, x: Value) -> Value:
    """log(1 + exp(x))."""
    return b.softplus(x)


@_activation()
def softsign(b: Builder, x: Value) -> Value:
    """x / (1 + |x|)."""
    return b.softsign(x)


@_activation()
def squareplus(builder: Builder, x: Value, b: float = 4.0) -> Value:
    """(x + sqrt(x^2 + b)) / 2."""
    return builder.squareplus(x, b=b)


@_activation()
def sparse_plus(b: Builder, x: Value) -> Value:
    """0 below -1, x above 1, ((x + 1) / 2)^2 between."""
    return b.sparse_plus(x)


@_activation()
def sparse_sigmoid(b: Builder, x: Value) -> Value:
    """clip((x + 1) / 2, 0, 1)."""
    return b.hard_sigmoid(x, alpha=0.5, beta=0.5)


@_activation()
def log_sigmoid(b: Builder, x: Value) -> Value:
    """log(sigmoid(x))."""
    return b.log_sigmoid(x)


@_activation()
def mish(b: Builder, x: Value) -> Value:
    """x * tanh(softplus(x))."""
    return b.mish(x)


@_activation()
def exponential(b: Builder, x: Value) -> Value:
    """exp(x)."""
    return b.exp(x)


@_activation()
def softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """exp(x), divided by its sum over the axis."""
    return b.softmax(x, axes=(axis,))


@_activation()
def log_softmax(b: Builder, x: Value, axis: int = -1) -> Value:
    """Logarithm of softmax."""
    return b.log_softmax(x, axes=(axis,))


@_activation()
def sparsemax(b: Builder, x: Value, axis: int = -1) -> Value:
    """The nearest point of the simplex (Martins & Astudillo 2016)."""
    return b.sparsemax(x, axis=axis)


@_activation()
def glu(b: Builder, x: Value, axis: int = -1) -> Value:
    """The first half along the axis, times the sigmoid of the second."""
    return b.glu(x, axis=axis)


swish, hard_swish = silu, hard_silu


def get(identifier: Any) -> Any:
    """An activation from an object, a name, a config, a function of a tensor or None (linear).

    A layer serves as an activation too, and so does a Python function made of `kcompat.ops`. Names of the caller's own
    are looked up in `custom_objects` and must stand for one of these. Raises ArgumentError for anything else.
    """
    if identifier is None:
        return linear
    if isinstance(identifier, str):
        return _from_name(identifier)
    if isinstance(identifier, Mapping):
        return _from_mapping(identifier)
    if isinstance(identifier, Activation) or (hasattr(identifier, "emit") and not isinstance(identifier, type)):
        return identifier
    if callable(identifier) and not isinstance(identifier, type):
        return OwnActivation(identifier)
    raise ArgumentError(f"an activation is a name, a layer or a function of a tensor, received {identifier!r}")


def _from_name(name: str) -> Any:
    custom = lookup_custom(name)
    if custom is not None:
        return get(custom() if isinstance(custom, type) else custom)
    if name in ACTIVATIONS:
        return ACTIVATIONS[name]
    raise ArgumentError(
        f"unknown activation {name!r}; known: {', '.join(sorted(ACTIVATIONS))}; "
        f"if it is your own, pass custom_objects={{{name!r}: kcompat.activations.Activation({name!r}, emit)}}"
    )


def _from_mapping(spec: Mapping[str, Any]) -> Any:
    config, class_name = spec.get("config"), str(spec.get("class_name"))
    if class_name == "function" or isinstance(config, str):
        return get(config)
    layer = lookup_custom(spec.get("registered_name") or class_name) or table_of("keras.layers").get(class_name)
    if layer is not None:
        return layer.from_config(config or {})
    return _from_name(class_name)


def serialize(activation: Any) -> Any:
    """An activation as Keras 3 writes it: its name, or a layer's config."""
    known = get(activation)
    if known.name == "<lambda>":
        raise SaveError(f"activation {known.function!r} has no name that a file could hold; use a function with one")
    return serialize_object(known) if isinstance(known, Configurable) else known.name


def deserialize(config: Any) -> Any:
    """An activation from what `serialize` returned, of any Keras release."""
    return get(config)


ActivationKind = Kind("an activation or its name", lambda value, owner: get(value), serialize)
