"""Functions that move elements: reshape ... pad, slices, gathered elements, images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError
from kcompat.layers import KerasTensor
from kcompat.layers.operations.operation import standard_dtype

from .symbols import Function, Maker, Size, Vector, alike, dtype_of, first, symbol


@symbol("shape")
def _shape(op: Maker, input: Any, out_type: Any = None, optimize: bool = True) -> Vector:
    sizes = input.shape
    return Vector(tuple(Size(input, axis) if size is None else size for axis, size in enumerate(sizes)))


@symbol("rank")
def _rank(op: Maker, input: Any) -> int:
    return len(input.shape)


def _sizes(shape: Any) -> list[Any]:
    """The entries of a shape, each a number or a Size."""
    entries = shape.sizes if isinstance(shape, Vector) else [shape] if isinstance(shape, (int, Size)) else list(shape)
    for entry in entries:
        if not isinstance(entry, (int, np.integer, Size)):
            raise ArgumentError("a shape that the model computes is not supported, but for sizes of tensors")
    return [entry if isinstance(entry, Size) else int(entry) for entry in entries]


@symbol("reshape")
def _reshape(op: Maker, tensor: Any, shape: Any) -> Any:
    """If the batch stays in front, a layer keeps it; of the other sizes, one may be open: it is what is left."""
    target = _sizes(shape)
    keeps_batch = bool(target) and _same_size(target[0], tensor, 0)
    rest = [-1 if isinstance(entry, Size) else entry for entry in target[keeps_batch:]]
    if rest.count(-1) > 1:
        raise ArgumentError("reshape: the target has several sizes that are not known before the model runs")
    if keeps_batch:
        return op("layers.Reshape", tensor, target_shape=rest)
    return op("Reshape", tensor, newshape=rest)


def _same_size(size: Any, tensor: Any, axis: int) -> bool:
    """Whether an open size is that of an axis of a tensor, as far as names of sizes tell."""
    if not isinstance(size, Size) or not isinstance(tensor, KerasTensor):
        return False
    name = size.tensor.type.shape[size.axis]
    return (size.tensor is tensor and size.axis == axis) or (name is not None and name == tensor.type.shape[axis])


@symbol("expand_dims")
def _expand_dims(op: Maker, input: Any, axis: int | None = None, dim: int | None = None) -> Any:
    return op("ExpandDims", input, axis=first(axis, dim))


@symbol("squeeze")
def _squeeze(op: Maker, input: Any, axis: Any = None, squeeze_dims: Any = None) -> Any:
    axis = axis if axis is not None else squeeze_dims
    if axis in (None, []) and None in input.shape:
        raise ArgumentError("squeeze: without axis every size must be known")
    return op("Squeeze", input, axis=axis or None if isinstance(axis, list) else axis)


@symbol("transpose")
def _transpose(op: Maker, a: Any, perm: Any = None, conjugate: bool = False) -> Any:
    return op("Transpose", a, axes=perm)


@symbol("concat")
def _concat(op: Maker, values: Any, axis: int) -> Any:
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    if any(isinstance(value, Vector) for value in values):
        return Vector(tuple(size for value in values for size in _sizes(value)))
    return op("Concatenate", alike(*values), axis=axis)


@symbol("stack")
def _stack(op: Maker, values: Any, axis: int = 0) -> Any:
    values = list(values) if isinstance(values, (list, tuple)) else [values]
    if not any(isinstance(value, KerasTensor) for value in values):
        return Vector(tuple(_sizes(values)))
    return op("Stack", alike(*values), axis=axis)


@symbol("unstack")
def _unstack(op: Maker, value: Any, num: int | None = None, axis: int = 0) -> Any:
    if isinstance(value, Vector):
        return list(value.sizes)
    return list(op("Unstack", value, num=num, axis=axis))


@symbol("split")
def _split(op: Maker, value: Any, num_or_size_splits: Any, axis: int = 0, num: Any = None) -> Any:
    if isinstance(num_or_size_splits, int):
        return list(op("Split", value, indices_or_sections=num_or_size_splits, axis=axis))
    sizes = [int(size) for size in num_or_size_splits]
    if -1 in sizes:
        total = value.shape[axis]
        if total is None:
            raise ArgumentError(f"split: a size of -1 needs axis {axis} to be known")
        sizes[sizes.index(-1)] = total - sum(sizes) - 1
    cuts = [int(cut) for cut in np.cumsum(sizes[:-1])]
    return list(op("Split", value, indices_or_sections=cuts, axis=axis))


@symbol("tile")
def _tile(op: Maker, input: Any, multiples: Any) -> Any:
    counts = _sizes(multiples)
    if not _open(counts):
        return op("Tile", input, repeats=counts)
    if [np.shape(input)[place] for place in _open(counts)] != [1]:
        raise ArgumentError("tile: only an axis of size one can be repeated as often as a size that is open")
    beside = op("Tile", input, repeats=[1 if isinstance(count, Size) else count for count in counts])
    spread = _spread(op, [count if isinstance(count, Size) else 1 for count in counts], 0, input)
    return op("Add", *alike(spread, beside))


@symbol("repeat")
def _repeat(op: Maker, input: Any, repeats: Any, axis: int | None = None) -> Any:
    return op("Repeat", input, repeats=repeats if isinstance(repeats, int) else _known(repeats), axis=axis)


@symbol("broadcast_to")
def _broadcast_to(op: Maker, input: Any, shape: Any) -> Any:
    sizes = _sizes(shape)
    if not _open(sizes):
        return op("BroadcastTo", input, shape=sizes)
    return op("Add", *alike(_spread(op, sizes, 0, input), input))


@symbol("zeros")
def _zeros(op: Maker, shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    return _spread(op, _sizes(shape), 0, np.zeros((), standard_dtype(dtype)))


@symbol("ones")
def _ones(op: Maker, shape: Any, dtype: Any = "float32", layout: Any = None) -> Any:
    return _spread(op, _sizes(shape), 1, np.zeros((), standard_dtype(dtype)))


@symbol("fill")
def _fill(op: Maker, dims: Any, value: Any, layout: Any = None) -> Any:
    if isinstance(value, KerasTensor):
        raise ArgumentError("fill: a value that the model computes is not supported")
    return _spread(op, _sizes(dims), value, value)


def _open(sizes: Sequence[Any]) -> list[int]:
    """The places of open sizes."""
    return [place for place, size in enumerate(sizes) if isinstance(size, Size)]


def _spread(op: Maker, sizes: Sequence[Any], number: Any, like: Any) -> Any:
    """One number in a shape of which one size is open, in the dtype of `like`."""
    places = _open(sizes)
    if len(places) != 1:
        raise ArgumentError(f"a new tensor needs one open size, received a shape with {len(places)}")
    size = sizes[places[0]]
    along = tuple(slice(None) if axis == size.axis else 0 for axis in range(len(size.tensor.shape)))
    row = op("FullLike", op("GetItem", size.tensor, along), number, dtype=dtype_of(like))
    others = [place for place in range(len(sizes)) if place not in places]
    row = op("ExpandDims", row, axis=others) if others else row
    return op("Tile", row, repeats=[1 if isinstance(entry, Size) else entry for entry in sizes])


def _known(shape: Any) -> list[int]:
    sizes = _sizes(shape)
    if _open(sizes):
        raise ArgumentError("a size that is not known before the model runs is not supported here")
    return sizes


@symbol("pad")
def _pad(op: Maker, tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0) -> Any:
    width = [[int(low), int(high)] for low, high in paddings]
    value = constant_values if mode.lower() == "constant" else None
    return op("Pad", tensor, value, pad_width=width, mode=mode.lower())


@symbol("reverse")
def _reverse(op: Maker, tensor: Any, axis: Any) -> Any:
    return op("Flip", tensor, axis=axis)


@symbol("roll")
def _roll(op: Maker, input: Any, shift: Any, axis: Any) -> Any:
    return op("Roll", input, shift=shift, axis=axis)


@symbol("zeros_like")
def _zeros_like(op: Maker, input: Any, dtype: Any = None, optimize: bool = True) -> Any:
    return op("ZerosLike", input, dtype=dtype and standard_dtype(dtype))


@symbol("ones_like")
def _ones_like(op: Maker, input: Any, dtype: Any = None, optimize: bool = True) -> Any:
    return op("OnesLike", input, dtype=dtype and standard_dtype(dtype))


# --- elements by position ------------------------------------------------------------


@symbol("__operators__.getitem")
def _getitem(op: Maker, tensor: Any, slice_spec: Any) -> Any:
    items = list(slice_spec) if isinstance(slice_spec, (list, tuple)) else [slice_spec]
    key = tuple(map(_key, items))
    if isinstance(tensor, Vector):
        return _part(tensor, key)
    return op("GetItem", tensor, key)


def _key(item: Any) -> Any:
    if isinstance(item, dict):
        return slice(*(item.get(bound) for bound in ("start", "stop", "step")))
    return item


def _part(shape: Vector, key: Sequence[Any]) -> Any:
    if len(key) != 1 or not isinstance(key[0], (int, slice)):
        raise ArgumentError(f"index {key} into a shape is not supported")
    part = shape.sizes[key[0]]
    return Vector(part) if isinstance(part, tuple) else part


@symbol("slice")
def _slice(op: Maker, input_: Any, begin: Any, size: Any) -> Any:
    pairs = zip(_known(begin), _known(size), strict=True)
    key = tuple(slice(start, None if count == -1 else start + count) for start, count in pairs)
    return op("GetItem", input_, key)


@symbol("strided_slice")
def _strided_slice(
    op: Maker,
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Any:
    """Bit i of a mask speaks of entry i."""
    starts, stops = _known(begin), _known(end)
    key: list[Any] = []
    for place, (start, stop, step) in enumerate(zip(starts, stops, strides or [1] * len(starts), strict=True)):
        bit = 1 << place
        if ellipsis_mask & bit:
            key.append(Ellipsis)
        elif new_axis_mask & bit:
            key.append(None)
        elif shrink_axis_mask & bit:
            key.append(start)
        else:
            key.append(slice(None if begin_mask & bit else start, None if end_mask & bit else stop, int(step)))
    return _getitem(op, input_, key)


@symbol("gather")
def _gather(
    op: Maker, params: Any, indices: Any, validate_indices: Any = None, axis: Any = None, batch_dims: int = 0
) -> Any:
    if batch_dims:
        raise ArgumentError(f"gather(batch_dims={batch_dims}) is not supported")
    return op("Take", params, indices, axis=axis or 0)


@symbol("one_hot")
def _one_hot(
    op: Maker,
    indices: Any,
    depth: int,
    on_value: Any = None,
    off_value: Any = None,
    axis: Any = None,
    dtype: Any = None,
) -> Any:
    if on_value not in (None, 1, 1.0) or off_value not in (None, 0, 0.0):
        raise ArgumentError(f"one_hot(on_value={on_value}, off_value={off_value}) is not supported")
    whole = any(isinstance(value, int) for value in (on_value, off_value))
    name = standard_dtype(dtype) if dtype is not None else "int32" if whole else "float32"
    return op("OneHot", indices, num_classes=depth, axis=-1 if axis is None else axis, dtype=name)


@symbol("linalg.band_part")
def _band_part(op: Maker, input: Any, num_lower: int, num_upper: int) -> Any:
    x = op("Tril", input, k=num_upper) if num_upper >= 0 else input
    return op("Triu", x, k=-num_lower) if num_lower >= 0 else x


# --- images --------------------------------------------------------------------------

_METHODS = ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5")


@symbol("image.resize")
def _resize(
    op: Maker,
    images: Any,
    size: Any,
    method: Any = "bilinear",
    preserve_aspect_ratio: bool = False,
    antialias: bool = False,
) -> Any:
    if method not in _METHODS or preserve_aspect_ratio:
        raise ArgumentError(
            f"image.resize(method={method!r}, preserve_aspect_ratio={preserve_aspect_ratio}) is not supported; "
            f"known methods: {', '.join(_METHODS)}"
        )
    return op(
        "Resize",
        images,
        size=_known(size),
        interpolation=method,
        antialias=bool(antialias),
        data_format="channels_last",
    )


def _pool(class_name: str) -> Function:
    def pool(
        op: Maker,
        input: Any,
        ksize: Any,
        strides: Any = None,
        padding: str = "VALID",
        data_format: str | None = None,
        pooling: Any = None,
    ) -> Any:
        if data_format not in (None, "NHWC", "NWC") or padding not in ("VALID", "SAME"):
            raise ArgumentError(f"pooling with data_format={data_format!r} and padding={padding!r} is not supported")
        window, steps = (_inner(value) for value in (ksize, ksize if strides is None else strides))
        return op(
            class_name, input, pool_size=window, strides=steps, padding=padding.lower(), data_format="channels_last"
        )

    return pool


def _inner(value: Any) -> Any:
    """Window or strides without batch and channels, which TensorFlow allows to be there."""
    if isinstance(value, int) or len(value) < 3:
        return value
    if value[0] != 1 or value[-1] != 1:
        raise ArgumentError(f"a window {value} over batch or channels is not supported")
    return list(value[1:-1])


symbol("nn.max_pool2d", "nn.max_pool", "nn.max_pool1d")(_pool("MaxPool"))
symbol("nn.avg_pool2d", "nn.avg_pool", "nn.avg_pool1d")(_pool("AveragePool"))


@symbol("nn.depth_to_space")
def _depth_to_space(op: Maker, input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    return op("DepthToSpace", input, block_size=block_size, data_format=_format(data_format))


@symbol("nn.space_to_depth")
def _space_to_depth(op: Maker, input: Any, block_size: int, data_format: str = "NHWC") -> Any:
    return op("SpaceToDepth", input, block_size=block_size, data_format=_format(data_format))


def _format(data_format: str) -> str:
    return {"NHWC": "channels_last", "NCHW": "channels_first"}[data_format]
