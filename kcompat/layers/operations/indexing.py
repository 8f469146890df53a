"""Elements by position: slices, gathered elements, parts of matrices, one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...config import Bool, Field, Int, Kind
from ...errors import ArgumentError, ShapeError
from ...ir import Value
from ...ir.types import Dim, normalize_axis, shape_text
from ...settings import floatx
from ..emitter import Emitter
from .operands import as_value, cast
from .operation import DType, Operation, OptionalDType, OptionalInt, function_of, operation
from .shapes import Sizes

# --- x[key] --------------------------------------------------------------------------


@function_of("numpy", "GetItem")
def get_item(b: Emitter, x: Any, key: Any) -> Value:
    """x[key]; a key is integers, slices, None for a new axis, ... for the axes between, a scalar tensor."""
    x = as_value(b, x)
    x, new = _taken(b, x, _full_key(key, x))
    return b.expand_dims(x, axes=new) if new else x


def _full_key(key: Any, x: Value) -> list[Any]:
    """One item per axis of x, and None for new ones. Raises ArgumentError."""
    items = list(key) if isinstance(key, (tuple, list)) else [key]
    used = sum(item is not None and item is not Ellipsis for item in items)
    if used > x.rank or sum(item is Ellipsis for item in items) > 1:
        raise ArgumentError(f"key {key!r:.100} does not fit a tensor of shape {shape_text(x.shape)}")
    rest = [slice(None)] * (x.rank - used)
    place = next((place for place, item in enumerate(items) if item is Ellipsis), None)
    return [*items, *rest] if place is None else [*items[:place], *rest, *items[place + 1 :]]


def _taken(b: Emitter, x: Value, items: list[Any]) -> tuple[Value, list[int]]:
    """x sliced and indexed, and the places of new axes in the result."""
    axis = 0
    new: list[int] = []
    slices: list[tuple[int, slice]] = []
    for item in items:
        if item is None:
            new.append(axis + len(new))
        elif isinstance(item, slice):
            slices.append((axis, item))
            axis += 1
        else:
            x = _indexed(b, x, axis, item)
    wanted = [(axis, item) for axis, item in slices if item != slice(None)]
    if wanted:
        axes, parts = zip(*wanted, strict=True)
        bounds = {name: [_bound(getattr(part, name)) for part in parts] for name in ("start", "stop", "step")}
        x = b.slice(x, starts=bounds["start"], stops=bounds["stop"], steps=bounds["step"], axes=axes)
    return x, new


def _bound(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise ArgumentError(f"the bounds of a slice are integers, received {value!r}")
    return int(value)


def _indexed(b: Emitter, x: Value, axis: int, item: Any) -> Value:
    """x without an axis, at one position of it."""
    if isinstance(item, Value) and not item.rank:
        return b.gather(x, from_end(b, x, item, axis), axis=axis)
    if isinstance(item, bool) or not isinstance(item, (int, np.integer)):
        raise ArgumentError(f"an index is an integer, a slice, None, ... or a scalar tensor, received {item!r:.100}")
    index, size = int(item), x.shape[axis]
    if isinstance(size, int) and not -size <= index < size:
        raise ShapeError(f"index {index} is out of range for axis {axis} of {shape_text(x.shape)}")
    part = b.slice(x, starts=(index,), stops=(index + 1 or None,), steps=(1,), axes=(axis,))
    return b.squeeze(part, axes=(axis,))


# --- elements by index ---------------------------------------------------------------


def from_end(b: Emitter, x: Value, indices: Value, axis: int) -> Value:
    """Indices with the size of an axis of x added to negative ones."""
    size = x.shape[normalize_axis(axis, x.rank)]
    length = as_value(b, size, indices.dtype) if isinstance(size, int) else cast(b, b.size(x, axis=axis), indices.dtype)
    return b.where(b.less(indices, 0), b.add(indices, length), indices)


def _indices(b: Emitter, x: Value, indices: Any, axis: int) -> Value:
    """Indices without negative ones; those known beforehand are changed at once."""
    size = x.shape[normalize_axis(axis, x.rank)]
    if isinstance(indices, Value) or not isinstance(size, int):
        return from_end(b, x, as_value(b, indices), axis)
    known = np.asarray(indices)
    if known.dtype.kind not in "iu":
        raise ArgumentError(f"indices are integers, received {indices!r:.100}")
    return b.constant(np.where(known < 0, known + size, known), "int32")


@operation("numpy")
class Take(Operation):
    """The positions of an axis that `indices` name, negative ones from the end; of the flattened x without axis.

    Source: keras.ops.take.
    """

    axis = Field(OptionalInt, None)

    def emit(self, b: Emitter, x: Any, indices: Any) -> Value:
        x = as_value(b, x)
        x, axis = (b.reshape(x, shape=(-1,)), 0) if self.axis is None else (x, self.axis)
        return b.gather(x, _indices(b, x, indices, axis), axis=axis)


@operation("numpy")
class TakeAlongAxis(Operation):
    """Along an axis, the elements of each line of x that the same line of `indices` names.

    The other axes broadcast. Source: keras.ops.take_along_axis.
    """

    axis = Field(OptionalInt, None)

    def emit(self, b: Emitter, x: Any, indices: Any) -> Value:
        x = as_value(b, x)
        x, axis = (b.reshape(x, shape=(-1,)), 0) if self.axis is None else (x, normalize_axis(self.axis, x.rank))
        places = _indices(b, x, indices, axis)
        if places.rank != x.rank:
            raise ShapeError(f"{self}: {shape_text(x.shape)} and {shape_text(places.shape)} differ in rank")
        x, places = (_beside(b, v, w, axis) for v, w in ((x, places), (places, x)))
        return b.gather_elements(x, places, axis=axis)


def _beside(b: Emitter, x: Value, other: Value, axis: int) -> Value:
    """x, repeated where it has size one and `other` has not, but along `axis`."""
    sizes: list[Dim] = [1 if place == axis else size for place, size in enumerate(other.shape)]
    for place, size in enumerate(sizes):
        if x.shape[place] == 1 and size != 1:
            if not isinstance(size, int):
                raise ShapeError(f"take_along_axis: the size of axis {place} must be known to broadcast to it")
            x = b.repeat(x, axis=place, count=size)
    return x


@operation("core")
class Slice(Operation):
    """A block of x of known shape that begins at known positions. Source: keras.ops.slice."""

    shape = Field(Sizes)

    def emit(self, b: Emitter, inputs: Any, start_indices: Any) -> Value:
        x = as_value(b, inputs)
        if isinstance(start_indices, Value) or any(isinstance(start, Value) for start in start_indices):
            raise ArgumentError(f"{self}: start_indices must be numbers; positions that are computed are not supported")
        starts = [int(start) for start in start_indices]
        if len(starts) != x.rank or len(self.shape) != x.rank or min([*starts, *self.shape], default=0) < 0:
            raise ShapeError(f"{self}: starts {starts} and shape {self.shape} do not fit {shape_text(x.shape)}")
        stops = [start + size for start, size in zip(starts, self.shape, strict=True)]
        if any(isinstance(size, int) and stop > size for size, stop in zip(x.shape, stops, strict=True)):
            raise ShapeError(f"{self}: {starts} with shape {self.shape} reaches beyond {shape_text(x.shape)}")
        return b.slice(x, starts=starts, stops=stops, steps=(1,) * x.rank, axes=range(x.rank))


@operation("numpy")
class Diff(Operation):
    """The difference of neighbours along an axis, n times. Source: keras.ops.diff."""

    n = Field(Int, 1)
    axis = Field(Int, -1)

    def emit(self, b: Emitter, a: Any) -> Value:
        x = as_value(b, a)
        for _ in range(self.n):
            after = b.slice(x, starts=(1,), stops=(None,), steps=(1,), axes=(self.axis,))
            before = b.slice(x, starts=(None,), stops=(-1,), steps=(1,), axes=(self.axis,))
            x = b.not_equal(after, before) if x.dtype == "bool" else b.sub(after, before)
        return x


# --- parts of matrices ---------------------------------------------------------------


def filled(b: Emitter, like: Value, number: Any, dtype: str) -> Value:
    """A tensor of the shape of `like` with one number everywhere."""
    return b.broadcast_like(as_value(b, number, dtype), like)


def _band(b: Emitter, x: Value, comparison: str, offset: int) -> Value:
    """Whether column - row compares so to an offset, for the matrices in the last two axes."""
    sizes = x.shape[-2:]
    if all(isinstance(size, int) for size in sizes):
        rows, columns = np.indices(sizes, np.int32)
        distance: Value = b.constant(columns - rows)
    else:
        ones = filled(b, x, 1, "int32")
        distance = b.sub(*(b.cumsum(ones, axis=axis) for axis in (-1, -2)))
    result: Value = getattr(b, comparison)(distance, as_value(b, offset, "int32"))
    return result


def lower_triangle(b: Emitter, x: Value) -> Value:
    """Whether column <= row, for the matrices in the last two axes."""
    return _band(b, x, "less_equal", 0)


class _Triangle(Operation):
    k = Field(Int, 0)
    comparison: str

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        if x.rank < 2:
            raise ShapeError(f"{self}: needs matrices in the last two axes, received {shape_text(x.shape)}")
        return b.where(_band(b, x, self.comparison, self.k), x, as_value(b, False, x.dtype))


@operation("numpy")
class Tril(_Triangle):
    """Matrices with zeros above the k-th diagonal. Source: keras.ops.tril."""

    comparison = "less_equal"


@operation("numpy")
class Triu(_Triangle):
    """Matrices with zeros below the k-th diagonal. Source: keras.ops.triu."""

    comparison = "greater_equal"


# --- tensors that take their shape from another --------------------------------------


class _Like(Operation):
    result_dtype = Field(OptionalDType, None)
    number: int

    def emit(self, b: Emitter, x: Any) -> Value:
        x = as_value(b, x)
        return filled(b, x, np.asarray(self.number), self.result_dtype or x.dtype)


@operation("numpy")
class ZerosLike(_Like):
    """Zeros in the shape of x, and its dtype if none is given. Source: keras.ops.zeros_like."""

    number = 0


@operation("numpy")
class OnesLike(_Like):
    """Ones in the shape of x, and its dtype if none is given. Source: keras.ops.ones_like."""

    number = 1


@operation("numpy")
class FullLike(Operation):
    """A number in the shape of x, and its dtype if none is given. Source: keras.ops.full_like."""

    result_dtype = Field(OptionalDType, None)

    def emit(self, b: Emitter, x: Any, fill_value: Any) -> Value:
        x = as_value(b, x)
        return filled(b, x, fill_value, self.result_dtype or x.dtype)


# --- rows with a one -----------------------------------------------------------------


def one_hot(b: Emitter, x: Any, classes: int, axis: int, dtype: str) -> Value:
    """A new axis with a one at the position that x names; zeros where x is out of range."""
    places = as_value(b, x)
    axis = normalize_axis(axis, places.rank + 1)
    places = b.expand_dims(cast(b, places, "int64"), axes=(axis,))
    shape = [1] * places.rank
    shape[axis] = classes
    return cast(b, b.equal(places, np.arange(classes).reshape(shape)), dtype)


_FloatByDefault = Kind(DType.name, lambda value, owner: DType.parse(value or floatx(), owner))


class _Hot(Operation):
    num_classes = Field(Int)
    axis = Field(Int, -1)
    result_dtype = Field(_FloatByDefault, None)
    sparse = Field(Bool, False)

    def hot(self, b: Emitter, x: Any) -> Value:
        if self.sparse:
            raise ArgumentError(f"{self}: sparse tensors are not supported")
        return one_hot(b, x, self.num_classes, self.axis, self.result_dtype)


@operation("nn")
class OneHot(_Hot):
    """Rows of zeros with a one where x says, by default as float32. Source: keras.ops.one_hot."""

    def emit(self, b: Emitter, x: Any) -> Value:
        return self.hot(b, x)


@operation("nn")
class MultiHot(_Hot):
    """Rows of zeros with ones where the sample's x say: over its second axis, or its only one.

    Source: keras.ops.multi_hot.
    """

    def emit(self, b: Emitter, inputs: Any) -> Value:
        x = as_value(b, inputs)
        return b.reduce_max(self.hot(b, x), axes=(min(1, x.rank - 1),))
