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
from ..tree import flatten
from .base import Layer
from .emitter import Emitter


class Merge(Layer):
    """Maps a list of tensors to one."""

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


class _Masked(Merge):
    """A merge whose output has a mask.

    Steps are real where the mask of any input says so. intersects_masks (Keras 2): where those of all
    inputs do that have one.
    """

    supports_masking = True

    intersects_masks = Field(Bool, False, keyword=True, extension=True)


Masks = list[Value | None]


class _Elementwise(_Masked):
    """Merges element by element, with broadcasting.

    Inputs of lower rank get axes of size one behind the batch, not in front of it. The output has a
    mask if all inputs have one; with intersects_masks, if any has.
    """

    inputs: int | None = None

    def emit(self, b: Emitter, inputs: Any, mask: Any = None) -> Value:
        values = self.operands(b, inputs, self.inputs)
        batches = {x.shape[0] for x in values if x.rank and isinstance(x.shape[0], int)}
        if len(batches) > 1:
            raise ShapeError(f"{self}: batch sizes must be equal, received shapes {self.shapes(values)}")
        rank = max(x.rank for x in values)
        masks: Masks = [None] * len(values)
        if mask is not None and not self.intersects_masks:
            masks = [m if x.rank == rank else None for x, m in zip(values, mask, strict=True)]
        return self.merge(
            b,
            [self._expanded(b, x, rank) for x in values],
            [None if m is None else b.expand_dims(m, axes=range(m.rank, rank)) for m in masks],
        )

    def _expanded(self, b: Emitter, x: Value, rank: int) -> Value:
        missing = rank - x.rank
        return b.expand_dims(x, axes=range(1, 1 + missing)) if missing else x

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        """The output. masks: of the values, with their rank, where they have one that counts."""
        raise NotImplementedError

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        masks = [m for m in flatten(mask) if m is not None]
        if not masks or (len(masks) < len(inputs) and not self.intersects_masks):
            return None
        return reduce(b.logical_and if self.intersects_masks else b.logical_or, dict.fromkeys(masks))


@registered("keras.layers")
class Add(_Elementwise):
    """The sum of a list of tensors. Source: keras.layers.Add."""

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        return reduce(b.add, values)


@registered("keras.layers")
class Subtract(_Elementwise):
    """The first of two tensors minus the second. Source: keras.layers.Subtract."""

    inputs = 2

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        return b.sub(*values)


@registered("keras.layers")
class Multiply(_Elementwise):
    """The product of a list of tensors. Source: keras.layers.Multiply.

    Masked steps count as ones; where all inputs are masked the product is zero.
    """

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        factors = [
            x if mask is None else b.where(mask, x, b.constant(1, x.dtype))
            for x, mask in zip(values, masks, strict=True)
        ]
        product, real = reduce(b.mul, factors), [mask for mask in masks if mask is not None]
        if len(real) < len(masks):
            return product
        return b.where(reduce(b.logical_or, real), product, b.constant(0, product.dtype))


class _Extremum(_Elementwise):
    """Of real elements, where there are any."""

    def pick(self, b: Emitter, x: Value, y: Value) -> Value:
        raise NotImplementedError

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        output, output_mask = values[0], masks[0]
        for x, mask in zip(values[1:], masks[1:], strict=True):
            x = x if mask is None else b.where(mask, x, output)
            output = output if output_mask is None else b.where(output_mask, output, x)
            output_mask = None if mask is None or output_mask is None else b.logical_or(output_mask, mask)
            output = self.pick(b, output, x)
        return output


@registered("keras.layers")
class Average(_Elementwise):
    """The mean of a list of tensors, in floating point. Source: keras.layers.Average."""

    def merge(self, b: Emitter, values: list[Value], masks: Masks) -> Value:
        return b.div(b.floating(reduce(b.add, values)), len(values))


@registered("keras.layers")
class Maximum(_Extremum):
    """The greatest of a list of tensors, element by element. Source: keras.layers.Maximum."""

    def pick(self, b: Emitter, x: Value, y: Value) -> Value:
        return b.maximum(x, y)


@registered("keras.layers")
class Minimum(_Extremum):
    """The least of a list of tensors, element by element. Source: keras.layers.Minimum."""

    def pick(self, b: Emitter, x: Value, y: Value) -> Value:
        return b.minimum(x, y)


@registered("keras.layers")
class Concatenate(_Masked):
    """A list of tensors, equal but along `axis`, one behind the other. Source: keras.layers.Concatenate.

    If an input has a mask, the output has one; inputs without are real everywhere.
    """

    axis = Field(Int, -1)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        return b.concat(*self.operands(b, inputs), axis=self.axis)

    def emit_mask(self, b: Emitter, inputs: Any, mask: Any) -> Any:
        masks = flatten(mask)
        if all(m is None for m in masks):
            return None
        parts = [self._elements(b, x, m) for x, m in zip(inputs, masks, strict=True)]
        together = b.reduce_min if self.intersects_masks else b.reduce_max
        return together(b.concat(*parts, axis=self.axis), axes=(-1,))

    def _elements(self, b: Emitter, x: Value, mask: Value | None) -> Value:
        """Which elements of x are real, in x's shape."""
        nonzero = b.not_equal(x, 0)
        everywhere = b.logical_or(nonzero, b.logical_not(nonzero))
        if mask is None:
            return everywhere
        return b.logical_and(b.expand_dims(mask, axes=range(mask.rank, x.rank)), everywhere)


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
    gives cosines. as_matrices (Keras until 2.2.4): tensors of rank four or more, which must
    have all axes but the last two in common, are products of matrices, over the last axis or the one
    before. Source: keras.layers.Dot.
    """

    axes = Field(Kind("an axis, or one of each input", _parse_axes))
    normalize = Field(Bool, False)
    as_matrices = Field(Bool, False, extension=True, keyword=True)

    def emit(self, b: Emitter, inputs: Any) -> Value:
        x, y = self.operands(b, inputs, 2)
        axes = self._resolved(x, y)
        if self.normalize:
            x, y = (b.l2_normalize(v, axes=(axis,)) for v, axis in zip((x, y), axes, strict=True))
        product = b.einsum(x, y, equation=self._equation(x, y, axes))
        return product if product.rank > 1 else b.expand_dims(product, axes=(1,))

    def _equation(self, x: Value, y: Value, axes: tuple[int, int]) -> str:
        if not self.as_matrices or max(x.rank, y.rank) < 4:
            return _dot_equation(x.rank, y.rank, *axes)
        if x.rank != y.rank or x.shape[1:-2] != y.shape[1:-2]:
            raise ShapeError(f"{self}: the shapes {self.shapes((x, y))} differ in more than the last two axes")
        common = ascii_lowercase[: x.rank - 2]
        left = "yz" if axes[0] == x.rank - 1 else "zy"
        right = "xz" if axes[1] == y.rank - 1 else "zx"
        return f"{common}{left},{common}{right}->{common}yx"

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
