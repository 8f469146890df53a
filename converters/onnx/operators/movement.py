"""Shapes and places: nothing here computes on elements."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, InputError, ShapeError
from kcompat.ir import Constant, Value
from kcompat.operators.shape import INFER, KEEP

from ..call import Call, NeedsHost, NeedsShape, axis_of, handles


@handles("Shape")
def _shape(c: Call) -> Any:
    x = c.x()
    start, stop = int(c.get("start", 0)), c.get("end")
    part = x.shape[slice(start, stop if stop is None else int(stop))]
    if not all(isinstance(dim, int) for dim in part):
        raise NeedsShape
    return c.b.constant(np.asarray(part, np.int64))


@handles("Size")
def _size(c: Call) -> Any:
    return c.b.constant(np.asarray(math.prod(c.shape(c.x())), np.int64))


@handles("Reshape")
def _reshape(c: Call) -> Any:
    """A target of 0 keeps the size at its place, unless `allowzero`."""
    x, target = c.x(), c.setting("shape")
    if target is None:
        raise ArgumentError("Reshape lacks its shape")
    if c.get("allowzero", 0) or not x.type.is_static or 0 in x.shape:
        return _reshape_openly(c, x, target)
    sizes = [x.shape[axis] if size == 0 and axis < x.rank else size for axis, size in enumerate(target)]
    return c.b.reshape(x, shape=tuple(sizes))


def _reshape_openly(c: Call, x: Value, target: tuple[int, ...]) -> Value:
    zero = bool(c.get("allowzero", 0))
    if not x.type.is_static:
        return c.b.reshape(x, shape=tuple(KEEP if size == 0 and not zero else size for size in target))
    shape = [x.shape[a] if size == 0 and not zero and a < x.rank else size for a, size in enumerate(target)]
    if INFER in shape:
        rest = math.prod(size for size in shape if size != INFER)
        if not rest:
            raise ShapeError(f"Reshape: {target} leaves a size open that {x.type} does not decide")
        shape[shape.index(INFER)] = math.prod(x.shape) // rest
    if math.prod(shape) != math.prod(x.shape):
        raise ShapeError(f"Reshape: {x.type} does not have the elements of {target}")
    return c.reshaped(x, shape)


@handles("Flatten")
def _flatten(c: Call) -> Any:
    x = c.x()
    axis = int(c.get("axis", 1))
    axis = axis if axis == x.rank else axis_of(axis, x.rank)
    rest = x.shape[axis:]
    if axis == 1 and all(isinstance(dim, int) for dim in rest) and 0 not in rest:
        return c.b.reshape(x, shape=(KEEP, math.prod(rest)))
    shape = c.shape(x)
    return c.reshaped(x, (math.prod(shape[:axis]), math.prod(shape[axis:])))


@handles("Transpose")
def _transpose(c: Call) -> Any:
    x = c.x()
    return c.transposed(x, c.ints("perm", range(x.rank)[::-1]))


@handles("Squeeze")
def _squeeze(c: Call) -> Any:
    x = c.x()
    axes = c.setting("axes")
    if axes is None:
        axes = tuple(axis for axis, dim in enumerate(c.shape(x)) if dim == 1)
    return c.b.squeeze(x, axes=axes) if axes else x


@handles("Unsqueeze")
def _unsqueeze(c: Call) -> Any:
    axes = c.setting("axes")
    if axes is None:
        raise ArgumentError("Unsqueeze lacks its axes")
    return c.b.expand_dims(c.x(), axes=axes) if axes else c.x()


@handles("Concat")
def _concat(c: Call) -> Any:
    return c.b.concat(*(c.x(i) for i in range(len(c))), axis=int(c.get("axis", 1)))


@handles("Split")
def _split(c: Call) -> Any:
    x = c.x()
    axis = axis_of(int(c.get("axis", 0)), x.rank)
    sizes = c.setting("split")
    count = len(c.node.outputs)
    if sizes is None:
        size = c.shape(x)[axis]
        part = -(-size // int(c.get("num_outputs", count)))
        sizes = tuple(max(0, min(part, size - part * i)) for i in range(count))
    total = x.shape[axis]
    if len(sizes) != count or min(sizes) < 0 or (isinstance(total, int) and sum(sizes) != total):
        raise ShapeError(f"Split: axis {axis} of {x.type} does not divide into {sizes}")
    starts = np.cumsum([0, *sizes]).tolist()
    return tuple(c.sliced(x, axis, low, high) for low, high in pairwise(starts))


@handles("Slice")
def _slice(c: Call) -> Any:
    """Bounds are attributes until opset 9; they are clamped, and what is outside is nothing."""
    x = c.x()
    starts, stops = c.setting("starts"), c.setting("ends")
    if starts is None or stops is None:
        raise ArgumentError("Slice lacks its starts or ends")
    axes = c.setting("axes") or tuple(range(len(starts)))
    steps = c.static_ints(4) or (1,) * len(starts)
    if not len(starts) == len(stops) == len(axes) == len(steps) or 0 in steps:
        raise ArgumentError(f"Slice: starts {starts}, ends {stops}, axes {axes} and steps {steps} do not fit together")
    axes = tuple(axis_of(axis, x.rank) for axis in axes)
    bounds = [_bounds(*item) for item in zip(starts, stops, steps, strict=True)]
    lows, highs = [low for low, _ in bounds], [high for _, high in bounds]
    return c.b.slice(x, starts=lows, stops=highs, steps=steps, axes=axes) if axes else x


def _bounds(start: int, stop: int, step: int) -> tuple[int | None, int | None]:
    """Python's, which have no number for "before the first"."""
    far = 1 << 31
    if step > 0:
        return (None if start == 0 else start), (None if stop >= far else stop)
    return (None if start >= far else start), (None if stop < -far else stop)


@handles("Expand")
def _expand(c: Call) -> Any:
    x, target = c.x(), c.static_ints(1)
    if target is None:
        raise ArgumentError("Expand lacks its shape")
    shape = np.broadcast_shapes(c.shape(x), target)
    return x if shape == x.shape else c.b.broadcast_to(x, shape=shape)


@handles("Tile")
def _tile(c: Call) -> Any:
    x, repeats = c.x(), c.static_ints(1)
    if repeats is None:
        raise ArgumentError("Tile lacks its repeats")
    if c.opset < 6:
        axis = int(c.elements(c.x(2)).reshape(()))
        repeats = tuple(repeats[0] if a == axis else 1 for a in range(x.rank))
    return c.b.tile(x, repeats=repeats)


@handles("ConstantOfShape")
def _constant_of_shape(c: Call) -> Any:
    shape = c.static_ints(0)
    value = np.asarray(c.get("value", np.zeros(1, np.float32)))
    if shape is None or value.size != 1 or min(shape, default=0) < 0:
        raise ArgumentError(f"ConstantOfShape: shape {shape} and {value.size} values")
    return c.b.broadcast_to(c.b.constant(value.reshape(())), shape=shape)


@handles("Range")
def _range(c: Call) -> Any:
    values = [c.static(i) for i in range(3)]
    start, stop, step = (np.asarray(v).reshape(())[()] for v in values)
    if not step:
        raise InputError("Range: its step is zero")
    count = max(0, math.ceil((stop - start) / step))
    if count > 1 << 28:
        raise ShapeError(f"Range: {count} elements")
    data = start + np.arange(count) * step
    return c.b.constant(data, c.x(0).dtype)


@handles("EyeLike")
def _eye_like(c: Call) -> Any:
    from ..tensors import ir_dtype_of

    x = c.x()
    shape = c.shape(x)
    dtype = ir_dtype_of(int(c.attrs["dtype"])) if "dtype" in c.attrs else x.dtype
    if len(shape) != 2:
        raise ShapeError(f"EyeLike takes a matrix, received {x.type}")
    if dtype is None:
        raise NeedsHost
    return c.b.constant(np.eye(*shape, k=int(c.get("k", 0))), dtype)


@handles("Trilu")
def _trilu(c: Call) -> Any:
    x = c.x()
    offset = c.static_ints(1)
    k = offset[0] if offset else 0
    rows, columns = c.shape(x)[-2:]
    keep = np.tri(rows, columns, k=k - 1, dtype=bool)
    keep = ~keep if c.get("upper", 1) else np.tri(rows, columns, k=k, dtype=bool)
    return c.b.where(c.b.constant(keep), x, c.constant(0, x))


@handles("OneHot")
def _one_hot(c: Call) -> Any:
    """Indices from -depth to depth - 1; others give no 'on'."""
    indices, values = c.x(0), c.x(2)
    depth = int(np.asarray(c.static(1)).reshape(-1)[0])
    axis = int(c.get("axis", -1))
    axis = axis % (indices.rank + 1)
    kept = c.cast(indices, "int64")
    wrapped = c.b.where(c.b.less(kept, 0), c.b.add(kept, depth), kept)
    column = c.b.expand_dims(wrapped, axes=(axis,))
    classes = np.arange(depth).reshape([-1 if a == axis else 1 for a in range(indices.rank + 1)])
    off, on = (c.b.squeeze(c.sliced(values, 0, i, i + 1), axes=(0,)) for i in (0, 1))
    return c.b.where(c.b.equal(column, c.b.constant(classes)), on, off)


@handles("Pad")
def _pad(c: Call) -> Any:
    """Pads are attributes until opset 10 (`paddings` in 1); `axes` exist from 18, mode wrap from 19."""
    x = c.x()
    pads = c.setting("pads") or c.ints("paddings", ()) or None
    if pads is None:
        raise ArgumentError("Pad lacks its pads")
    axes = c.static_ints(3) or tuple(range(x.rank))
    half = len(pads) // 2
    if len(pads) != 2 * len(axes):
        raise ArgumentError(f"Pad: {len(pads)} pads for {len(axes)} axes")
    pairs = [(0, 0)] * x.rank
    for place, axis in enumerate(axes):
        pairs[axis_of(axis, x.rank)] = (pads[place], pads[half + place])
    if not any(map(any, pairs)):
        return x
    mode, value = c.get("mode", "constant"), _fill(c)
    if mode == "wrap" or 0 in x.shape:
        raise NeedsHost
    if mode == "reflect":
        return _reflected(c, x, pairs)
    if x.dtype == "bool":
        return c.cast(c.b.pad(c.cast(x, "uint8"), pads=tuple(pairs), mode=mode, value=value), "bool")
    return c.b.pad(x, pads=tuple(pairs), mode=mode, value=value)


def _reflected(c: Call, x: Value, pairs: list[tuple[int, int]]) -> Value:
    crop = [(min(low, 0), min(high, 0)) for low, high in pairs]
    if any(map(any, crop)):
        x = c.b.pad(x, pads=tuple(crop), mode="constant")
    return c.b.pad(x, pads=tuple((max(low, 0), max(high, 0)) for low, high in pairs), mode="reflect")


def _fill(c: Call) -> float:
    if c.opset < 11:
        return float(c.get("value", 0.0))
    value = c.static(2)
    if value is None or not value.size:
        return 0.0
    if value.dtype == object or value.size != 1:
        raise NeedsHost
    number = value.reshape(())[()]
    if value.dtype.kind in "iu" and int(float(number)) != int(number):
        raise NeedsHost
    return float(number)


# --- gather and scatter ------------------------------------------------------------


def _wrapped(c: Call, indices: Value, size: Any) -> Value:
    """Indices counted from the start: ONNX allows negative ones."""
    if isinstance(indices, Constant):
        data = indices.data
        if not data.size or data.min() >= 0:
            return indices
        if isinstance(size, int):
            return c.b.constant(np.where(data < 0, data + size, data), indices.dtype)
    if not isinstance(size, int):
        raise NeedsShape
    return c.b.where(c.b.less(indices, 0), c.b.add(indices, size), indices)


@handles("Gather")
def _gather(c: Call) -> Any:
    x, indices = c.x(0), c.x(1)
    axis = axis_of(int(c.get("axis", 0)), x.rank)
    return c.b.gather(x, _wrapped(c, indices, x.shape[axis]), axis=axis)


@handles("GatherElements")
def _gather_elements(c: Call) -> Any:
    x, indices = c.x(0), c.x(1)
    axis = axis_of(int(c.get("axis", 0)), x.rank)
    if any(a != axis and x.shape[a] != indices.shape[a] for a in range(x.rank)):
        x = c.b.slice(
            x,
            starts=(None,) * x.rank,
            stops=[None if a == axis else size for a, size in enumerate(c.shape(indices))],
            steps=(None,) * x.rank,
            axes=tuple(range(x.rank)),
        )
    return c.b.gather_elements(x, _wrapped(c, indices, x.shape[axis]), axis=axis)


@handles("GatherND")
def _gather_nd(c: Call) -> Any:
    return c.b.gather_nd(c.x(0), c.x(1), batch_dims=int(c.get("batch_dims", 0)))


@handles("ScatterND")
def _scatter_nd(c: Call) -> Any:
    return c.b.scatter_nd(c.x(0), c.x(1), c.x(2), reduction=c.get("reduction", "none"))


@handles("ScatterElements", "Scatter")
def _scatter_elements(c: Call) -> Any:
    x = c.x(0)
    axis = axis_of(int(c.get("axis", 0)), x.rank)
    return c.b.scatter_elements(x, c.x(1), c.x(2), axis=axis, reduction=c.get("reduction", "none"))


@handles("DepthToSpace")
def _depth_to_space(c: Call) -> Any:
    n, channels, height, width = c.shape(c.x())
    k = int(c.attrs["blocksize"])
    inner = channels // (k * k)
    if c.get("mode", "DCR") == "CRD":
        split = c.reshaped(c.x(), (n, inner, k, k, height, width))
        moved = c.transposed(split, (0, 1, 4, 2, 5, 3))
    else:
        split = c.reshaped(c.x(), (n, k, k, inner, height, width))
        moved = c.transposed(split, (0, 3, 4, 1, 5, 2))
    return c.reshaped(moved, (n, inner, height * k, width * k))


@handles("SpaceToDepth")
def _space_to_depth(c: Call) -> Any:
    n, channels, height, width = c.shape(c.x())
    k = int(c.attrs["blocksize"])
    split = c.reshaped(c.x(), (n, channels, height // k, k, width // k, k))
    perm = (0, 1, 3, 5, 2, 4) if c.get("mode", "DCR") == "CRD" else (0, 3, 5, 1, 2, 4)
    return c.reshaped(c.transposed(split, perm), (n, channels * k * k, height // k, width // k))
