"""Movement of elements: nothing here computes."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Attribute, Float, Int, Ints, Pads, one_of, operator, same_dtype
from ..ir.types import Dim, TensorType, normalize_axes, normalize_axis, product, same_dim, shape_text
from .gradients import Gradients, filled, reshaped, unary

INFER = -1
"""In a reshape target: the one size that follows from the others."""
KEEP = -2
"""In a reshape target: the size of the input's axis at the same place."""


def _reshape_type(x: TensorType, *, shape: tuple[int, ...]) -> TensorType:
    if shape.count(INFER) > 1 or min(shape, default=0) < KEEP:
        raise ShapeError(f"reshape: target {shape} must have sizes, at most one {INFER}, and {KEEP} to keep a size")
    if any(size == KEEP and axis >= x.rank for axis, size in enumerate(shape)):
        raise ShapeError(f"reshape: target {shape} keeps an axis that {shape_text(x.shape)} does not have")
    target: list[Dim] = [x.shape[axis] if size == KEEP else size for axis, size in enumerate(shape)]
    kept = {axis for axis, size in enumerate(shape) if size == KEEP}
    dims = [dim for axis, dim in enumerate(x.shape) if axis not in kept]
    source = product(dims)
    rest = product(size for axis, size in enumerate(shape) if size != INFER and axis not in kept)
    if INFER in shape:
        target[shape.index(INFER)] = _inferred(dims, rest, x, shape)
    elif isinstance(source, int) and source != rest:
        raise ShapeError(f"reshape: {shape_text(x.shape)} has {source} elements to place, {shape} takes {rest}")
    return x.with_shape(target)


def _inferred(dims: list[Dim], rest: Dim, x: TensorType, shape: tuple[int, ...]) -> Dim:
    source = product(dims)
    if rest == 1:
        return source
    if not isinstance(source, int):
        unknown = [dim for dim in dims if not isinstance(dim, int)]
        return (
            unknown[0] if len(unknown) == 1 and rest and rest == product(d for d in dims if d != unknown[0]) else None
        )
    if not isinstance(rest, int) or rest == 0 or source % rest:
        raise ShapeError(f"reshape: {shape_text(x.shape)} does not divide into {shape}")
    return source // rest


def _reshape(x: np.ndarray, *, shape: tuple[int, ...]) -> np.ndarray:
    return x.reshape([x.shape[axis] if size == KEEP else size for axis, size in enumerate(shape)])


reshape = operator(
    "reshape",
    "x",
    attrs={"shape": Ints},
    infer=_reshape_type,
    meaning=_reshape,
    gradient=unary(lambda b, dy, x, y, *, shape: reshaped(b, dy, x)),
)
"""The same elements in row-major order under another shape; sizes may be INFER (-1) and KEEP (-2)."""


def _reshape_like_type(x: TensorType, like: TensorType) -> TensorType:
    have, want = product(x.shape), product(like.shape)
    if isinstance(have, int) and isinstance(want, int) and have != want:
        raise ShapeError(f"reshape_like: {shape_text(x.shape)} has not the elements of {shape_text(like.shape)}")
    return x.with_shape(like.shape)


reshape_like = operator(
    "reshape_like",
    "x like",
    infer=_reshape_like_type,
    meaning=lambda x, like: x.reshape(like.shape),
    gradient=lambda b, gradients, inputs, _: [reshaped(b, gradients[0], inputs[0]), None],
)
"""The same elements in row-major order under the shape of `like`, whose elements do not matter."""


def _transpose_type(x: TensorType, *, perm: tuple[int, ...]) -> TensorType:
    if sorted(perm) != list(range(x.rank)):
        raise ShapeError(f"transpose: {perm} does not order the axes of {shape_text(x.shape)}")
    return x.with_shape(x.shape[axis] for axis in perm)


transpose = operator(
    "transpose",
    "x",
    attrs={"perm": Ints},
    infer=_transpose_type,
    meaning=lambda x, *, perm: np.transpose(x, perm),
    gradient=unary(lambda b, dy, x, y, *, perm: b.transpose(dy, perm=[perm.index(axis) for axis in range(x.rank)])),
    onnx="Transpose",
)
"""Axis i of the result is axis perm[i] of x."""


def _concat_type(*types: TensorType, axis: int) -> TensorType:
    if not types:
        raise ShapeError("concat needs at least one operand")
    first = types[0]
    axis = normalize_axis(axis, first.rank)
    shape = list(first.shape)
    for other in types[1:]:
        if other.rank != first.rank:
            raise ShapeError(f"concat: ranks differ: {', '.join(shape_text(t.shape) for t in types)}")
        shape = [
            shape[i] if i == axis else same_dim(shape[i], dim, f"concat along {axis}: sizes of axis {i}")
            for i, dim in enumerate(other.shape)
        ]
    lengths = [t.shape[axis] for t in types]
    shape[axis] = sum(lengths) if all(isinstance(n, int) for n in lengths) else None  # type: ignore[arg-type]
    return TensorType(same_dtype("concat", *types), tuple(shape))


def _concat_gradient(b: Builder, gradients: list[Value], inputs: list[Value], outputs: Any, *, axis: int) -> Gradients:
    axis = normalize_axis(axis, inputs[0].rank)
    sizes = [x.shape[axis] for x in inputs]
    if not all(isinstance(size, int) for size in sizes):
        return list(b.concat_gradient(gradients[0], *inputs, axis=axis))
    stops = list(accumulate(sizes))
    return [
        b.slice(gradients[0], starts=(stop - size,), stops=(stop,), steps=(1,), axes=(axis,))
        for size, stop in zip(sizes, stops, strict=True)
    ]


concat = operator(
    "concat",
    "x*",
    attrs={"axis": Int(-1)},
    infer=_concat_type,
    meaning=lambda *arrays, axis: np.concatenate(arrays, axis=axis),
    gradient=_concat_gradient,
    onnx="Concat",
)


concat_gradient = operator(
    "concat_gradient",
    "x parts*",
    attrs={"axis": Int},
    infer=lambda x, *parts, axis: parts,
    meaning=lambda x, *parts, axis: tuple(
        np.split(x, list(accumulate(part.shape[axis] for part in parts))[:-1], axis=axis)
    ),
    gradient=lambda b, gradients, inputs, outputs, *, axis: [
        b.concat(*(filled(b, dy, y) for dy, y in zip(gradients, outputs, strict=True)), axis=axis),
        *[None] * len(outputs),
    ],
)
"""x cut along an axis into pieces as long as `parts`, whose elements do not matter; their sizes may be open."""


def summed_groups(b: Builder, x: Value, axis: int, groups: tuple[int, int], across: int) -> Value:
    """x with one axis, split into a matrix of `groups`, summed over rows (-2) or columns (-1) of that."""
    last = x.rank - 1
    perm = (*(place for place in range(x.rank) if place != axis), axis)
    moved = x if axis == last else b.transpose(x, perm=perm)
    total = b.reduce_sum(b.reshape(moved, shape=(*[KEEP] * last, *groups)), axes=(across,))
    return total if axis == last else b.transpose(total, perm=[perm.index(place) for place in range(x.rank)])


def _repeat_type(x: TensorType, *, axis: int, count: int) -> TensorType:
    axis = normalize_axis(axis, x.rank)
    size = x.shape[axis]
    grown: Dim = size * count if isinstance(size, int) else size if count == 1 else None
    return x.with_shape((*x.shape[:axis], grown, *x.shape[axis + 1 :]))


repeat = operator(
    "repeat",
    "x",
    attrs={"axis": Int, "count": Int},
    infer=_repeat_type,
    meaning=lambda x, *, axis, count: np.repeat(x, count, axis=axis),
    gradient=unary(
        lambda b, dy, x, y, *, axis, count: summed_groups(b, dy, normalize_axis(axis, x.rank), (INFER, count), -1)
    ),
)
"""Each position along an axis, `count` times in a row."""


def _expand_dims_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    shape = list(x.shape)
    for axis in sorted(normalize_axes(axes, x.rank + len(axes))):
        shape.insert(axis, 1)
    return x.with_shape(shape)


expand_dims = operator(
    "expand_dims",
    "x",
    attrs={"axes": Ints},
    infer=_expand_dims_type,
    meaning=lambda x, *, axes: np.expand_dims(x, axes),
    gradient=unary(lambda b, dy, x, y, *, axes: b.squeeze(dy, axes=axes)),
)
"""New axes of size one at these places of the result."""


def _squeeze_type(x: TensorType, *, axes: tuple[int, ...]) -> TensorType:
    drop = normalize_axes(axes, x.rank)
    for axis in drop:
        same_dim(x.shape[axis], 1, f"squeeze: axis {axis} of {shape_text(x.shape)} and 1")
    return x.with_shape(dim for axis, dim in enumerate(x.shape) if axis not in drop)


squeeze = operator(
    "squeeze",
    "x",
    attrs={"axes": Ints},
    infer=_squeeze_type,
    meaning=lambda x, *, axes: np.squeeze(x, axes),
    gradient=unary(lambda b, dy, x, y, *, axes: b.expand_dims(dy, axes=axes)),
)
"""Without these axes, which have size one."""


def _pad_type(x: TensorType, *, pads: Any, mode: str, value: float) -> TensorType:
    if isinstance(pads, str) or len(pads) != x.rank:
        raise ShapeError(f"pad: {pads} must give a (low, high) pair per axis of {shape_text(x.shape)}")
    if mode != "constant" and any(n < 0 for pair in pads for n in pair):
        raise ShapeError(f"pad: mode {mode!r} cannot take away elements, received {pads}")
    shape = [
        dim + sum(pair) if isinstance(dim, int) else dim if not any(pair) else None
        for dim, pair in zip(x.shape, pads, strict=True)
    ]
    if any(isinstance(dim, int) and dim < 0 for dim in shape):
        raise ShapeError(f"pad: {pads} takes more than {shape_text(x.shape)} has")
    return x.with_shape(shape)


def _pad(x: np.ndarray, *, pads: tuple[tuple[int, int], ...], mode: str, value: float) -> np.ndarray:
    crop = tuple(slice(max(-low, 0), size - max(-high, 0)) for (low, high), size in zip(pads, x.shape, strict=True))
    grow = [(max(low, 0), max(high, 0)) for low, high in pads]
    if mode == "constant":
        return np.pad(x[crop], grow, constant_values=value)
    return np.pad(x, grow, mode=mode)  # type: ignore[call-overload]


def _pad_gradient(
    b: Builder, dy: Value, x: Value, y: Value, *, pads: tuple[tuple[int, int], ...], mode: str, value: float
) -> Value:
    if mode == "constant":
        return b.pad(dy, pads=[(-low, -high) for low, high in pads])
    return b.pad_gradient(dy, pads=pads, mode=mode)


pad = operator(
    "pad",
    "x",
    attrs={"pads": Pads, "mode": one_of("constant", "reflect", "symmetric", "edge"), "value": Float(0.0)},
    infer=_pad_type,
    meaning=_pad,
    gradient=unary(_pad_gradient),
)
"""More (negative: fewer) positions at the low and high end of every axis."""


def _pad_gradient_type(x: TensorType, *, pads: Any, mode: str) -> TensorType:
    return _pad_type(x, pads=tuple((-low, -high) for low, high in pads), mode="constant", value=0.0)


def _summed_pads(x: np.ndarray, *, pads: tuple[tuple[int, int], ...], mode: str) -> np.ndarray:
    for axis, (low, high) in enumerate(pads):
        size = x.shape[axis] - low - high
        sources = np.pad(np.arange(size), (low, high), mode=mode)  # type: ignore[call-overload]
        total = np.zeros((size, *np.delete(x.shape, axis)), x.dtype)
        np.add.at(total, sources, np.moveaxis(x, axis, 0))
        x = np.moveaxis(total, 0, axis)
    return x


pad_gradient = operator(
    "pad_gradient",
    "x",
    attrs={"pads": Pads, "mode": one_of("reflect", "symmetric", "edge")},
    infer=_pad_gradient_type,
    meaning=_summed_pads,
    gradient=unary(lambda b, dy, x, y, *, pads, mode: b.pad(dy, pads=pads, mode=mode)),
)
"""The transpose of `pad` in a mode that repeats elements: each becomes the sum of its copies."""

_Bounds = Attribute("ints or None", lambda value: tuple(None if v is None else int(v) for v in value))


def _slice_type(
    x: TensorType,
    *,
    starts: tuple[Any, ...],
    stops: tuple[Any, ...],
    steps: tuple[Any, ...],
    axes: tuple[int, ...],
) -> TensorType:
    shape = list(x.shape)
    for axis, *bounds in zip(normalize_axes(axes, x.rank), starts, stops, steps, strict=True):
        size = shape[axis]
        whole = bounds[:2] == [None, None] and bounds[2] in (None, 1)
        shape[axis] = len(range(*slice(*bounds).indices(size))) if isinstance(size, int) else size if whole else None
    return x.with_shape(shape)


def _slice(
    x: np.ndarray,
    *,
    starts: tuple[Any, ...],
    stops: tuple[Any, ...],
    steps: tuple[Any, ...],
    axes: tuple[int, ...],
) -> np.ndarray:
    index = [slice(None)] * x.ndim
    for axis, *bounds in zip(normalize_axes(axes, x.ndim), starts, stops, steps, strict=True):
        index[axis] = slice(*bounds)
    return x[tuple(index)]


def _slice_gradient(b: Builder, dy: Value, x: Value, y: Value, **bounds: Any) -> Value:
    pads = _crops(x, **bounds)
    return b.slice_gradient(dy, x, **bounds) if pads is None else b.pad(dy, pads=pads)


def _crops(x: Value, starts: Any, stops: Any, steps: Any, axes: Any) -> list[tuple[int, int]] | None:
    """How much a slice takes away at both ends of each axis, if that is all it does and known."""
    crops = [(0, 0)] * x.rank
    for axis, start, stop, step in zip(normalize_axes(axes, x.rank), starts, stops, steps, strict=True):
        size = x.shape[axis]
        if step not in (None, 1) or not isinstance(size, int):
            return None
        low, high, _ = slice(start, stop).indices(size)
        crops[axis] = (low, size - max(high, low))
    return crops


slice_ = operator(
    "slice",
    "x",
    attrs={"starts": _Bounds, "stops": _Bounds, "steps": _Bounds, "axes": Ints},
    infer=_slice_type,
    meaning=_slice,
    gradient=unary(_slice_gradient),
)
"""Python's slice(start, stop, step) along each of `axes`."""


def _placed(x: np.ndarray, like: np.ndarray, **bounds: Any) -> np.ndarray:
    result = np.zeros(like.shape, x.dtype)
    _slice(result, **bounds)[...] = x
    return result


slice_gradient = operator(
    "slice_gradient",
    "x like",
    attrs=slice_.attributes,
    infer=lambda x, like, **_: x.with_shape(like.shape),
    meaning=_placed,
    gradient=lambda b, gradients, inputs, _, **bounds: [b.slice(gradients[0], **bounds), None],
)
"""x at the places that a slice takes from a tensor of the shape of `like`, zeros elsewhere."""
