"""Elements in other shapes and places: nothing here computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...config import Field, Int, IntOrInts, Kind, int_list, one_of, optional
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import normalize_axes, normalize_axis, shape_text
from ..emitter import Emitter
from ..symbolic import KerasTensor
from .operands import as_value, tensors
from .operation import Axes, Number, Operation, OptionalInt, axes_of, function_of, operation


def _sizes(value: Any, owner: Any) -> tuple[int, ...]:
    return int_list([value] if isinstance(value, int) else value)


def _target_sizes(value: Any, owner: Any) -> tuple[int, ...]:
    """Sizes, of which a symbol is the one that is left."""
    given = value if isinstance(value, (list, tuple)) else [value]
    return int_list([-1 if isinstance(size, KerasTensor) else size for size in given])


Sizes = Kind("sizes", _sizes)


@operation("numpy")
class Reshape(Operation):
    """The same elements in another shape; one size may be -1, what is left. Source: keras.ops.reshape."""

    newshape = Field(Kind("sizes, one of which may be -1", _target_sizes))

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.reshape(as_value(b, x), shape=self._target())

    def _target(self) -> tuple[int, ...]:
        if any(size < -1 for size in self.newshape):
            raise ArgumentError(f"{self}: {self.newshape} must hold sizes and at most one -1")
        target: tuple[int, ...] = self.newshape
        return target


@function_of("numpy", "Ravel")
def ravel(b: Emitter, x: Any) -> Value:
    """All elements in one row."""
    return b.reshape(as_value(b, x), shape=(-1,))


@operation("numpy")
class BroadcastTo(Operation):
    """x repeated along axes of size one until it has a shape. Source: keras.ops.broadcast_to."""

    shape = Field(Sizes)

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.broadcast_to(as_value(b, x), shape=self.shape)


@operation("numpy")
class ExpandDims(Operation):
    """x with new axes of size one. Source: keras.ops.expand_dims."""

    axis = Field(IntOrInts)

    def emit(self, b: Emitter, x: Any) -> Value:
        return b.expand_dims(as_value(b, x), axes=(self.axis,) if isinstance(self.axis, int) else self.axis)


@operation("numpy")
class Squeeze(Operation):
    """x without some axes of size one, or without all that are known to be. Source: keras.ops.squeeze."""

    axis = Field(Axes, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        ones = tuple(axis for axis, size in enumerate(x.shape) if size == 1)
        return b.squeeze(x, axes=ones if self.axis is None else axes_of(self.axis, x))


@operation("numpy")
class Transpose(Operation):
    """x with its axes in another order, by default the reverse. Source: keras.ops.transpose."""

    axes = Field(optional(Sizes), None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        axes = tuple(reversed(range(x.rank))) if self.axes is None else normalize_axes(self.axes, x.rank)
        return b.transpose(x, perm=axes)


@operation("numpy")
class Swapaxes(Operation):
    """x with two axes exchanged. Source: keras.ops.swapaxes."""

    axis1 = Field(Int)
    axis2 = Field(Int)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        first, second = (normalize_axis(axis, x.rank) for axis in (self.axis1, self.axis2))
        order = list(range(x.rank))
        order[first], order[second] = second, first
        return b.transpose(x, perm=order)


@operation("numpy")
class Moveaxis(Operation):
    """x with axes moved to other places. Source: keras.ops.moveaxis."""

    source = Field(IntOrInts)
    destination = Field(IntOrInts)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        source = normalize_axes(axes_of(self.source, x), x.rank, "source")
        destination = normalize_axes(axes_of(self.destination, x), x.rank, "destination")
        if len(source) != len(destination):
            raise ArgumentError(f"{self}: source={self.source} and destination={self.destination} differ in length")
        order = [axis for axis in range(x.rank) if axis not in source]
        for place, axis in sorted(zip(destination, source, strict=True)):
            order.insert(place, axis)
        return b.transpose(x, perm=order)


@operation("numpy")
class Rot90(Operation):
    """x turned k times by 90 degrees, from the first of two axes towards the second. Source: keras.ops.rot90."""

    k = Field(Int, 1)
    axes = Field(Sizes, (0, 1))

    def emit(self, b: Emitter, array: Any) -> Value:
        x = as_value(b, array)
        first, second = normalize_axes(self.axes, x.rank)
        order = list(range(x.rank))
        order[first], order[second] = second, first
        turned: dict[int, Callable[[], Value]] = {
            0: lambda: x,
            1: lambda: b.transpose(reverse(b, x, [second]), perm=order),
            2: lambda: reverse(b, x, [first, second]),
            3: lambda: reverse(b, b.transpose(x, perm=order), [second]),
        }
        return turned[self.k % 4]()


def reverse(b: Emitter, x: Value, axes: Sequence[int]) -> Value:
    """x backwards along axes."""
    count = len(axes)
    return b.slice(x, starts=(None,) * count, stops=(None,) * count, steps=(-1,) * count, axes=axes)


@operation("numpy")
class Flip(Operation):
    """x backwards along one axis, several, or all. Source: keras.ops.flip."""

    axis = Field(Axes, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        return reverse(b, x, axes_of(self.axis, x))


@function_of("numpy", "Fliplr")
def fliplr(b: Emitter, x: Any) -> Value:
    """x backwards along its second axis."""
    return reverse(b, as_value(b, x), [1])


@function_of("numpy", "Flipud")
def flipud(b: Emitter, x: Any) -> Value:
    """x backwards along its first axis."""
    return reverse(b, as_value(b, x), [0])


@operation("numpy")
class Roll(Operation):
    """x shifted along axes of known size, the end coming back in front; flattened without axis.

    Source: keras.ops.roll.
    """

    shift = Field(IntOrInts)
    axis = Field(Axes, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        if self.axis is None:
            if not all(isinstance(size, int) for size in x.shape):
                raise ShapeError(f"{self}: without axis every size must be known, received {shape_text(x.shape)}")
            row = self._rolled(b, b.reshape(x, shape=(-1,)), 0, self.shift)
            return b.reshape(row, shape=x.shape)
        axes = axes_of(self.axis, x)
        shifts = (self.shift,) * len(axes) if isinstance(self.shift, int) else self.shift
        for axis, shift in zip(axes, shifts, strict=True):
            x = self._rolled(b, x, normalize_axis(axis, x.rank), shift)
        return x

    def _rolled(self, b: Emitter, x: Value, axis: int, shift: int) -> Value:
        size = x.shape[axis]
        if not isinstance(size, int):
            raise ShapeError(f"{self}: the size of axis {axis} must be known, received {shape_text(x.shape)}")
        cut = -shift % size if size else 0
        return b.concat(_part(b, x, axis, cut, None), _part(b, x, axis, None, cut), axis=axis) if cut else x


def _part(b: Emitter, x: Value, axis: int, start: int | None, stop: int | None) -> Value:
    return b.slice(x, starts=(start,), stops=(stop,), steps=(1,), axes=(axis,))


@operation("numpy")
class Tile(Operation):
    """So many copies of x along each axis; missing axes have size one, missing numbers are one.

    Source: keras.ops.tile.
    """

    repeats = Field(IntOrInts)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        counts = (self.repeats,) if isinstance(self.repeats, int) else self.repeats
        missing = len(counts) - x.rank
        x = b.expand_dims(x, axes=range(missing)) if missing > 0 else x
        return b.tile(x, repeats=(1,) * -missing + tuple(counts))


@operation("numpy")
class Repeat(Operation):
    """Every position of an axis several times in a row, as often or each as often; flattened without axis.

    Source: keras.ops.repeat.
    """

    repeats = Field(IntOrInts)
    axis = Field(OptionalInt, None)

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        x, axis = (b.reshape(x, shape=(-1,)), 0) if self.axis is None else (x, self.axis)
        counts = (self.repeats,) if isinstance(self.repeats, int) else self.repeats
        if len(counts) == 1:
            return b.repeat(x, axis=axis, count=counts[0])
        places = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        if x.shape[normalize_axis(axis, x.rank)] != len(counts):
            raise ShapeError(f"{self}: axis {axis} of {shape_text(x.shape)} needs {len(counts)} positions")
        return b.gather(x, places, axis=axis)


@operation("numpy")
class Concatenate(Operation):
    """Tensors, equal but along `axis`, one behind the other. Source: keras.ops.concatenate."""

    axis = Field(OptionalInt, 0)

    def emit(self, b: Emitter, xs: Any) -> Value:
        values = tensors(b, xs)
        if self.axis is None:
            return b.concat(*(b.reshape(x, shape=(-1,)) for x in values), axis=0)
        return b.concat(*values, axis=self.axis)


@operation("numpy")
class Append(Operation):
    """x2 behind x1 along an axis; both flattened without axis. Source: keras.ops.append."""

    axis = Field(OptionalInt, None)

    def emit(self, b: Emitter, x1: Any, x2: Any) -> Value:
        values = tensors(b, [x1, x2])
        if self.axis is None:
            return b.concat(*(b.reshape(x, shape=(-1,)) for x in values), axis=0)
        return b.concat(*values, axis=self.axis)


@operation("numpy")
class Stack(Operation):
    """Tensors of one shape beside each other along a new axis. Source: keras.ops.stack."""

    axis = Field(Int, 0)

    def emit(self, b: Emitter, x: Any) -> Value:
        values = tensors(b, x)
        axis = normalize_axis(self.axis, values[0].rank + 1)
        return b.concat(*(b.expand_dims(v, axes=(axis,)) for v in values), axis=axis)


@function_of("numpy", "Hstack")
def hstack(b: Emitter, xs: Any) -> Value:
    """Tensors behind each other along the second axis, vectors along their only one."""
    values = tensors(b, xs)
    return b.concat(*values, axis=min(1, values[0].rank - 1))


@function_of("numpy", "Vstack")
def vstack(b: Emitter, xs: Any) -> Value:
    """Tensors behind each other along the first axis, vectors as rows."""
    values = [b.expand_dims(x, axes=(0,)) if x.rank == 1 else x for x in tensors(b, xs)]
    return b.concat(*values, axis=0)


@operation("numpy")
class Split(Operation):
    """An axis in so many equal parts, or cut at positions. Source: keras.ops.split."""

    indices_or_sections = Field(IntOrInts)
    axis = Field(Int, 0)

    def emit(self, b: Emitter, x: Any) -> list[Value]:
        x = as_value(b, x)
        axis = normalize_axis(self.axis, x.rank)
        cuts = self.cuts(x, axis)
        return [_part(b, x, axis, start, stop) for start, stop in zip((0, *cuts), (*cuts, None), strict=True)]

    def cuts(self, x: Value, axis: int) -> tuple[int, ...]:
        if not isinstance(self.indices_or_sections, int):
            return tuple(self.indices_or_sections)
        size, count = x.shape[axis], self.indices_or_sections
        if not isinstance(size, int) or count < 1 or size % count:
            raise ShapeError(f"{self}: axis {axis} of {shape_text(x.shape)} does not divide into {count} parts")
        return tuple(range(size // count, size, size // count)) if size else (0,) * (count - 1)


@operation("numpy")
class ArraySplit(Split):
    """An axis in so many parts of nearly equal size, or cut at positions. Source: keras.ops.array_split."""

    def cuts(self, x: Value, axis: int) -> tuple[int, ...]:
        size, count = x.shape[axis], self.indices_or_sections
        if not isinstance(count, int):
            return super().cuts(x, axis)
        if not isinstance(size, int) or count < 1:
            raise ShapeError(f"{self}: the size of axis {axis} must be known, received {shape_text(x.shape)}")
        lengths = [size // count + (place < size % count) for place in range(count)]
        return tuple(np.cumsum(lengths[:-1]).tolist())


@operation("core")
class Unstack(Operation):
    """The slices of x along an axis of known size. Source: keras.ops.unstack."""

    num = Field(OptionalInt, None)
    axis = Field(Int, 0)

    def emit(self, b: Emitter, x: Any) -> list[Value]:
        x = as_value(b, x)
        axis = normalize_axis(self.axis, x.rank)
        size = x.shape[axis] if self.num is None else self.num
        if not isinstance(size, int) or (isinstance(x.shape[axis], int) and x.shape[axis] != size):
            raise ShapeError(f"{self}: axis {axis} of {shape_text(x.shape)} must have the known size {size}")
        return [b.squeeze(_part(b, x, axis, place, place + 1), axes=(axis,)) for place in range(size)]


def _pad_width(value: Any, owner: Any) -> Any:
    if isinstance(value, int):
        return value
    return tuple(_pad_width(item, owner) for item in value)


@operation("numpy")
class Pad(Operation):
    """More positions at the ends of every axis: constants, or those inside, mirrored. Source: keras.ops.pad."""

    pad_width = Field(Kind("an amount, a (low, high) pair, or one per axis", _pad_width))
    mode = Field(one_of("constant", "reflect", "symmetric"), "constant")
    named = ("constant_values",)

    def emit(self, b: Emitter, x: Any, constant_values: Any = None) -> Value:
        x = as_value(b, x)
        if constant_values is not None and self.mode != "constant":
            raise ArgumentError(f"{self}: constant_values={constant_values!r} goes with mode='constant' alone")
        value = Number.parse(0 if constant_values is None else constant_values, self)
        return b.pad(x, pads=self._pairs(x), mode=self.mode, value=value)

    def _pairs(self, x: Value) -> tuple[tuple[int, int], ...]:
        width = self.pad_width
        pair: Any = (width, width) if isinstance(width, int) else width
        pairs: Any = (pair,) if all(isinstance(item, int) for item in pair) else pair
        pairs = pairs * x.rank if len(pairs) == 1 else pairs
        if not all(isinstance(item, tuple) and len(item) == 2 and min(item) >= 0 for item in pairs):
            raise ArgumentError(f"{self}: pad_width={width} must give amounts of at least zero as (low, high) pairs")
        return tuple(pairs)
