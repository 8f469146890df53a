"""Penalties on weights; see keras.regularizers."""

from __future__ import annotations

import math
from functools import reduce
from typing import Any

import numpy as np

from .config import Configurable, Field, Kind, object_kind, one_of, registered, within
from .config import serialize as serialize
from .emitting import applied
from .errors import ShapeError
from .ir import Builder, Value

_MODULE = "keras.regularizers"
_EPSILON = 1e-12
"""Under which Keras takes squared norms for this much."""


class Regularizer(Configurable):
    """Maps a weight to a scalar penalty that is added to the loss."""

    def __call__(self, x: Any) -> Any:
        """The penalty of an array; of a symbol, in a function that is traced, as a symbol."""
        return applied(self.emit, x)

    def emit(self, b: Builder, x: Value) -> Value:
        """The penalty of a value in a graph, as a scalar."""
        raise NotImplementedError(f"{type(self).__name__} does not define emit(b, x), which training needs")


def _l1_penalty(b: Builder, x: Value, factor: float) -> Value:
    return b.mul(b.reduce_sum(b.abs(x), axes=range(x.rank)), factor)


def _l2_penalty(b: Builder, x: Value, factor: float) -> Value:
    return b.mul(b.reduce_sum(b.square(x), axes=range(x.rank)), factor)


_Factor = Kind("a number that is finite and not negative", lambda value, owner: _parse_factor(value, owner))


def _parse_factor(value: Any, owner: Any) -> float:
    number = within(0).parse(value, owner)
    if math.isinf(number):
        raise ValueError
    return number


def _or(default: float) -> Kind:
    """A factor, None standing for the default."""
    return Kind(_Factor.name, lambda value, owner: _parse_factor(default if value is None else value, owner))


@registered(_MODULE, "l1")
class L1(Regularizer):
    """`l1 * sum(|x|)`."""

    l1 = Field(_or(0.01), 0.01, aliases=("l",))

    def emit(self, b: Builder, x: Value) -> Value:
        return _l1_penalty(b, x, self.l1)


@registered(_MODULE, "l2")
class L2(Regularizer):
    """`l2 * sum(x ** 2)`."""

    l2 = Field(_or(0.01), 0.01, aliases=("l",))

    def emit(self, b: Builder, x: Value) -> Value:
        return _l2_penalty(b, x, self.l2)


@registered(_MODULE, "l1l2")
class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x ** 2)`."""

    l1 = Field(_or(0.0), 0.0)
    l2 = Field(_or(0.0), 0.0)

    def emit(self, b: Builder, x: Value) -> Value:
        parts = [_l1_penalty(b, x, self.l1)] if self.l1 else []
        parts += [_l2_penalty(b, x, self.l2)] if self.l2 else []
        return reduce(b.add, parts) if parts else b.constant(0, x.dtype)


@registered(_MODULE, "orthogonal_regularizer")
class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean |cosine| between different rows, or columns, of a matrix."""

    factor = Field(_Factor, 0.01)
    mode = Field(one_of("rows", "columns"), "rows")

    def emit(self, b: Builder, x: Value) -> Value:
        if x.rank != 2:
            raise ShapeError(f"OrthogonalRegularizer: needs a matrix, received shape {x.shape}")
        matrix = x if self.mode == "rows" else b.transpose(x, perm=(1, 0))
        unit = b.l2_normalize(matrix, axes=(1,), epsilon=_EPSILON)
        size = int(unit.shape[0])
        cosines = b.abs(b.matmul(unit, b.transpose(unit, perm=(1, 0))))
        off_diagonal = b.mul(cosines, b.constant(1 - np.eye(size), x.dtype))
        return b.mul(b.reduce_sum(off_diagonal, axes=(0, 1)), self.factor / (size * (size - 1)))


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer
RegularizerKind = object_kind(_MODULE, "a regularizer, its name or its config")


def get(identifier: Any) -> Regularizer | None:
    """A regularizer from an object, name, config or None."""
    return Field(RegularizerKind).parse(identifier, "regularizers.get")


def deserialize(config: Any) -> Regularizer | None:
    """A regularizer from what `serialize` returned, of any Keras release."""
    return get(config)
