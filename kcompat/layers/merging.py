"""Layers that make one tensor of several: Add ... Minimum, Concatenate, Dot; and their functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from string import ascii_lowercase
from typing import Any

import numpy as np

from ..config import Bool, Field, Int, IntOrInts, Kind, registered
from ..errors import ArgumentError, ShapeError
from ..ir import Value
from ..ir.types import is_float, normalize_axis, shape_text
from .base import Layer
from .emitter import Emitter


class Merge(Layer):
    """Maps a list of tensors to one."""

    supports_masking = True

    def operands(self, b: Emitter, inputs: Any, count: int | None = None) -> list[Value]:
        """The inputs in one dtype. Raises ArgumentError unless they are a list of Values, of that length if given."""
        listed = isinstance(inputs, (list, tuple)) and all(isinstance(x, Value) for x in inputs)
        if not listed or not inputs or (count is not None and len(inputs) != count):
            raise ArgumentError(
                f"{self}: needs a list of {count or 'one or more'} tensors, received "
                + (f"{len(inputs)}" if listed else f"{inputs!r}")
            )
        dtypes = [x.dtype for x in inputs]
        if len(set(dtypes)) == 1:
            return list(inputs)
        common = b.compute_dtype if any(map(is_float, dtypes)) else np.result_type(*dtypes).name
        return [b.cast(x, dtype=common) if x.dtype != common else x for x in inputs]

    def shapes(self, inputs: Sequence[Value]) -> str:
        return ", ".join(shape_text(x.shape) for x in inputs)


class _Elementwise(Merge):
    """Merges element by element, with broadcasting.

    Inputs of lower rank get axes of size one behind the batch, not in front of it.
    """

    inputs: int | None = None

    def emit(self, b: Emitter, inputs: Any) -> Value:
        values = self.operands(b, inputs, self.inputs)
        batches = {x.shape[0] for x in values if x.rank and isinstance(x.shape[0], int)}
        if len(batches) > 1:
            raise ShapeError(f"{self}: batch sizes must be equal, received shapes {self.shapes(values)}")
        rank = max(x.rank for x in values)
        return self.merge(b, [self._expanded(b, x, rank) for x in values])

    def _expanded(self, b: Emitter, x: Value, rank: int) -> Value:
        missing = rank - x.rank
        return b.expand_dims(x, axes=range(1, 1 + missing)) if missing else x

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        raise NotImplementedError


@registered("keras.layers")
class Add(_Elementwise):
    """The sum of a list of tensors. Source: keras.layers.Add."""

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return reduce(b.add, values)


@registered("keras.layers")
class Subtract(_Elementwise):
    """The first of two tensors minus the second. Source: keras.layers.Subtract."""

    inputs = 2

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return b.sub(*values)


@registered("keras.layers")
class Multiply(_Elementwise):
    """The product of a list of tensors. Source: keras.layers.Multiply."""

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return reduce(b.mul, values)


@registered("keras.layers")
class Average(_Elementwise):
    """The mean of a list of tensors, in floating point. Source: keras.layers.Average."""

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return b.div(b.floating(reduce(b.add, values)), len(values))


@registered("keras.layers")
class Maximum(_Elementwise):
    """The greatest of a list of tensors, element by element. Source: keras.layers.Maximum."""

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return reduce(b.maximum, values)


@registered("keras.layers")
class Minimum(_Elementwise):
    """The least of a list of tensors, element by element. Source: keras.layers.Minimum."""

    def merge(self, b: Emitter, values: list[Value]) -> Value:
        return reduce(b.minimum, values)


@registered("keras.layers")
class Concatenate(Merge):
    """A list of tensors, equal but along `axis`, one behind the other. Source: keras.layers.Concatenate."""

    axis = Field(Int, -1)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        return b.concat(*self.operands(b, inputs), axis=self.axis)


def _parse_axes(value: Any, owner: Any) -> Any:
    axes = IntOrInts.parse(value, owner)
    if not isinstance(axes, int) and len(axes) != 2:
        raise ValueError
    return axes


@registered("keras.layers")
class Dot(Merge):
    """Scalar products, sample by sample, of two tensors along one axis of each.

    Inputs (batch, ...) of rank two or more; the output has the first's other axes, then the second's,
    or one of size one where none is left. normalize: along these axes to length one first, which
    gives cosines. Source: keras.layers.Dot.
    """

    axes = Field(Kind("an axis, or one of each input", _parse_axes))
    normalize = Field(Bool, False)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        x, y = self.operands(b, inputs, 2)
        axes = self._resolved(x, y)
        if self.normalize:
            x, y = (b.l2_normalize(v, axes=(axis,)) for v, axis in zip((x, y), axes, strict=True))
        product = b.einsum(x, y, equation=_dot_equation(x.rank, y.rank, *axes))
        return product if product.rank > 1 else b.expand_dims(product, axes=(1,))

    def _resolved(self, x: Value, y: Value) -> tuple[int, int]:
        given = (self.axes, self.axes) if isinstance(self.axes, int) else self.axes
        first, second = (normalize_axis(axis, v.rank, f"{self}: axis") for axis, v in zip(given, (x, y), strict=True))
        if not first or not second:
            raise ShapeError(f"{self}: axes={self.axes} of shapes {self.shapes((x, y))} name the batch axis")
        return first, second


def _dot_equation(rank_x: int, rank_y: int, axis_x: int, axis_y: int) -> str:
    """Of einsum: "a" is the batch, "b" the axis that is summed over."""
    free = iter(ascii_lowercase[2:])
    left = ["a"] + ["b" if axis == axis_x else next(free) for axis in range(1, rank_x)]
    right = ["a"] + ["b" if axis == axis_y else next(free) for axis in range(1, rank_y)]
    kept = [letter for letter in left + right[1:] if letter != "b"]
    return f"{''.join(left)},{''.join(right)}->{''.join(kept)}"


def _function(layer: type[Merge]) -> Callable[..., Any]:
    def merge(inputs: Any, **arguments: Any) -> Any:
        return layer(**arguments)(inputs)

    merge.__name__ = merge.__qualname__ = layer.__name__.lower()
    merge.__doc__ = f"`{layer.__name__}(**arguments)(inputs)`."
    return merge


add, subtract, multiply, average = map(_function, (Add, Subtract, Multiply, Average))
maximum, minimum = map(_function, (Maximum, Minimum))


def concatenate(inputs: Any, axis: int = -1, **arguments: Any) -> Any:
    """`Concatenate(axis)(inputs)`."""
    return Concatenate(axis=axis, **arguments)(inputs)


def dot(inputs: Any, axes: Any = -1, **arguments: Any) -> Any:
    """`Dot(axes)(inputs)`."""
    return Dot(axes=axes, **arguments)(inputs)
