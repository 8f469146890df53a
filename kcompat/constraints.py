"""Projections of weights after an optimizer's step; see keras.constraints."""

from __future__ import annotations

from typing import Any

import numpy as np

from .config import Configurable, Field, Float, IntOrInts, object_kind, registered
from .config import serialize as serialize

_MODULE = "keras.constraints"
_EPSILON = 1e-7


class Constraint(Configurable):
    """Maps a weight to the nearest one that is allowed."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        raise NotImplementedError


def _norm(w: np.ndarray, axis: Any) -> np.ndarray:
    return np.sqrt(np.sum(np.square(w), axis=axis, keepdims=True))


@registered(_MODULE, "max_norm")
class MaxNorm(Constraint):
    """Norms along `axis` of at most `max_value`."""

    max_value = Field(Float, 2.0, keras1="m")
    axis = Field(IntOrInts, 0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        norms = _norm(w, self.axis)
        return w * (np.clip(norms, 0, self.max_value) / (_EPSILON + norms))


@registered(_MODULE, "non_neg", "nonneg")
class NonNeg(Constraint):
    """Elements that are not negative."""

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return np.maximum(w, 0)


@registered(_MODULE, "unit_norm", "unitnorm")
class UnitNorm(Constraint):
    """Norms along `axis` of one."""

    axis = Field(IntOrInts, 0)

    def __call__(self, w: np.ndarray) -> np.ndarray:
        return w / (_EPSILON + _norm(w, self.axis))


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


max_norm, non_neg, unit_norm, min_max_norm = MaxNorm, NonNeg, UnitNorm, MinMaxNorm
ConstraintKind = object_kind(_MODULE, "a constraint, its name or its config")


def get(identifier: Any) -> Constraint | None:
    """A constraint from an object, name, config or None."""
    return Field(ConstraintKind).parse(identifier, "constraints.get")


def deserialize(config: Any) -> Constraint | None:
    """A constraint from what `serialize` returned, of any Keras release."""
    return get(config)
