"""Projections of weights after an optimizer's step; see keras.constraints."""

from __future__ import annotations

from typing import Any

from . import operators as operators  # the cards that the constraints below emit
from .config import Configurable, Field, Float, IntOrInts, object_kind, registered
from .config import serialize as serialize
from .emitting import applied
from .ir import Builder, Value

_MODULE = "keras.constraints"
_EPSILON = 1e-7


class Constraint(Configurable):
    """Maps a weight to the nearest one that is allowed."""

    def emit(self, b: Builder, w: Value) -> Value:
        """The nearest allowed weight, as IR."""
        raise NotImplementedError(f"{type(self).__name__} does not define emit(b, w)")

    def __call__(self, w: Any) -> Any:
        """The nearest allowed weight, as an array, or as a symbol of a function that is traced."""
        return applied(self.emit, w)


def _norm(b: Builder, w: Value, axis: Any) -> Value:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    norm: Value = b.sqrt(b.reduce_sum(b.square(w), axes=axes, keepdims=True))
    return norm


@registered(_MODULE, "max_norm")
class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`."""

    max_value = Field(Float, 2.0, keras1="m")
    axis = Field(IntOrInts, 0)

    def emit(self, b: Builder, w: Value) -> Value:
        norms = _norm(b, w, self.axis)
        return b.mul(w, b.div(b.clip(norms, low=0.0, high=self.max_value), b.add(norms, _EPSILON)))


@registered(_MODULE, "non_neg", "nonneg")
class NonNeg(Constraint):
    """Elements that are not negative."""

    def emit(self, b: Builder, w: Value) -> Value:
        return b.maximum(w, 0.0)


@registered(_MODULE, "unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """Norms along `axis` of one."""

    axis = Field(IntOrInts, 0)

    def emit(self, b: Builder, w: Value) -> Value:
        return b.div(w, b.add(_norm(b, w, self.axis), _EPSILON))


@registered(_MODULE, "min_max_norm")
class MinMaxNorm(Constraint):
    """Norms along `axis` moved by `rate` into [min_value, max_value]."""

    min_value = Field(Float, 0.0, keras1="low")
    max_value = Field(Float, 1.0, keras1="high")
    rate = Field(Float, 1.0)
    axis = Field(IntOrInts, 0)

    def emit(self, b: Builder, w: Value) -> Value:
        norms = _norm(b, w, self.axis)
        inside = b.mul(b.clip(norms, low=self.min_value, high=self.max_value), self.rate)
        wanted = b.add(inside, b.mul(norms, 1 - self.rate))
        return b.mul(w, b.div(wanted, b.add(norms, _EPSILON)))


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
ConstraintKind = object_kind(_MODULE, "a constraint, its name or its config")


def get(identifier: Any) -> Constraint | None:
    """A constraint from an object, name, config or None."""
    return Field(ConstraintKind).parse(identifier, "constraints.get")


def deserialize(config: Any) -> Constraint | None:
    """A constraint from what `serialize` returned, of any Keras release."""
    return get(config)
