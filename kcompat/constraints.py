"""Projections of weights after an optimizer's step; see keras.constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from .config import Configurable, Field, Float, IntOrInts, object_kind, registered
from .config import serialize as serialize
from .ir import Builder, Value

_MODULE = "keras.constraints"
_EPSILON = 1e-7


class Constraint(Configurable):
    """Maps a weight to the nearest one that is allowed."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError

    def emit(self, b: Builder, w: Value) -> Value:
        """The nearest allowed value of one in a graph, of its type."""
        raise NotImplementedError(f"{type(self).__name__} does not define emit(b, w), which training needs")


def _norm(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))


def _emit_norm(b: Builder, w: Value, axis: Any) -> Value:
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    return b.sqrt(b.reduce_sum(b.square(w), axes=axes, keepdims=True))


def _emit_scaled(b: Builder, w: Value, wanted: Value, norms: Value) -> Value:
    return b.mul(w, b.div(wanted, b.add(norms, _EPSILON)))


@registered(_MODULE, "max_norm")
class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`."""

    max_value = Field(Float, 2.0, keras1="m")
    axis = Field(IntOrInts, 0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norm(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (_EPSILON + norms))

    def emit(self, b: Builder, w: Value) -> Value:
        norms = _emit_norm(b, w, self.axis)
        return _emit_scaled(b, w, b.clip(norms, low=0.0, high=self.max_value), norms)


@registered(_MODULE, "non_neg", "nonneg")
class NonNeg(Constraint):
    """Elements that are not negative."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)

    def emit(self, b: Builder, w: Value) -> Value:
        return b.maximum(w, 0.0)


@registered(_MODULE, "unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """Norms along `axis` of one."""

    axis = Field(IntOrInts, 0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return w / (_EPSILON + _norm(w, self.axis))

    def emit(self, b: Builder, w: Value) -> Value:
        return b.div(w, b.add(_emit_norm(b, w, self.axis), _EPSILON))


@registered(_MODULE, "min_max_norm")
class MinMaxNorm(Constraint):
    """Norms along `axis` moved by `rate` into [min_value, max_value]."""

    min_value = Field(Float, 0.0, keras1="low")
    max_value = Field(Float, 1.0, keras1="high")
    rate = Field(Float, 1.0)
    axis = Field(IntOrInts, 0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norm(w, self.axis)
        wanted = self.rate * np.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (_EPSILON + norms))

    def emit(self, b: Builder, w: Value) -> Value:
        norms = _emit_norm(b, w, self.axis)
        clipped = b.clip(norms, low=self.min_value, high=self.max_value)
        wanted = b.add(b.mul(clipped, self.rate), b.mul(norms, 1 - self.rate))
        return _emit_scaled(b, w, wanted, norms)


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
ConstraintKind = object_kind(_MODULE, "a constraint, its name or its config")


def get(identifier: Any) -> Constraint | None:
    """A constraint from an object, name, config or None."""
    return Field(ConstraintKind).parse(identifier, "constraints.get")


def deserialize(config: Any) -> Constraint | None:
    """A constraint from what `serialize` returned, of any Keras release."""
    return get(config)
