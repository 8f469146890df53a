"""Images cut or widened to the proportions of a size."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..errors import ShapeError
from ..ir.operator import Bool, Float, Int, Ints, operator
from ..ir.types import Dim, TensorType, normalize_axes, shape_text
from .gradients import unary


def _scaled(size: int, factor: int, divisor: int) -> int:
    """size * factor / divisor, cut off, in TensorFlow's float32 arithmetic."""
    return int(np.float32(size * factor) / np.float32(divisor))


def _cropped(height: int, width: int, target: tuple[int, int], central: bool) -> tuple[int, int]:
    """The size of the largest part with the target's proportions; with `central` the target, if it fits."""
    if central and height >= target[0] and width >= target[1]:
        return target
    return (
        max(min(height, _scaled(width, *target)), 1),
        max(min(width, _scaled(height, target[1], target[0])), 1),
    )


def _check(name: str, x: TensorType, axes: tuple[int, ...], height: int, width: int) -> tuple[int, int]:
    if len(axes) != 2 or min(height, width) < 1:
        raise ShapeError(
            f"{name} of {shape_text(x.shape)}: needs two axes and a size, received {axes}, {height, width}"
        )
    first, second = normalize_axes(axes, x.rank)
    return first, second


def _with_sizes(x: TensorType, axes: tuple[int, int], sizes: tuple[Dim, Dim]) -> TensorType:
    replaced = dict(zip(axes, sizes, strict=True))
    return x.with_shape(replaced.get(axis, dim) for axis, dim in enumerate(x.shape))


def _crop_type(x: TensorType, *, axes: tuple[int, ...], height: int, width: int, central: bool) -> TensorType:
    pair = _check("crop_to_ratio", x, axes, height, width)
    rows, columns = (x.shape[axis] for axis in pair)
    if not isinstance(rows, int) or not isinstance(columns, int):
        return _with_sizes(x, pair, (None, None))
    return _with_sizes(x, pair, _cropped(rows, columns, (height, width), central))


def _crop(x: np.ndarray, *, axes: tuple[int, ...], height: int, width: int, central: bool) -> np.ndarray:
    sizes = [x.shape[axis] for axis in axes]
    return x[_middle(x.ndim, axes, sizes, _cropped(sizes[0], sizes[1], (height, width), central))]


def _middle(rank: int, axes: tuple[int, ...], sizes: Sequence[int], kept: Sequence[int]) -> tuple[slice, ...]:
    """The index of the middle of so many positions along axes."""
    index = [slice(None)] * rank
    for axis, size, count in zip(axes, sizes, kept, strict=True):
        start = (size - count) // 2
        index[axis] = slice(start, start + count)
    return tuple(index)


crop_to_ratio = operator(
    "crop_to_ratio",
    "x",
    attrs={"axes": Ints, "height": Int, "width": Int, "central": Bool(False)},
    infer=_crop_type,
    meaning=_crop,
    gradient=unary(lambda b, dy, x, y, *, axes, **_: b.surround(dy, x, axes=axes)),
)
"""The largest central part, along two axes, with the proportions of height x width.

central: the central height x width itself, where x is at least so large. As keras.utils.image_utils.smart_resize.
"""


def _margins(height: int, width: int, target: tuple[int, int]) -> tuple[int, int]:
    """What is added at each side of both axes."""
    taller = max(height, _scaled(width, *target))
    wider = max(width, _scaled(height, target[1], target[0]))
    return (taller - height) // 2, (wider - width) // 2


def _pad_type(x: TensorType, *, axes: tuple[int, ...], height: int, width: int, value: float) -> TensorType:
    pair = _check("pad_to_ratio", x, axes, height, width)
    rows, columns = (x.shape[axis] for axis in pair)
    if not isinstance(rows, int) or not isinstance(columns, int):
        return _with_sizes(x, pair, (None, None))
    above, beside = _margins(rows, columns, (height, width))
    return _with_sizes(x, pair, (rows + 2 * above, columns + 2 * beside))


def _pad(x: np.ndarray, *, axes: tuple[int, ...], height: int, width: int, value: float) -> np.ndarray:
    pads = [(0, 0)] * x.ndim
    for axis, margin in zip(axes, _margins(x.shape[axes[0]], x.shape[axes[1]], (height, width)), strict=True):
        pads[axis] = (margin, margin)
    return np.pad(x, pads, constant_values=value)


pad_to_ratio = operator(
    "pad_to_ratio",
    "x",
    attrs={"axes": Ints, "height": Int, "width": Int, "value": Float(0.0)},
    infer=_pad_type,
    meaning=_pad,
    gradient=unary(lambda b, dy, x, y, *, axes, **_: b.middle(dy, x, axes=axes)),
)
"""x with equal margins of `value` along one of two axes, so that it has the proportions of height x width."""


def _middle_of(x: np.ndarray, like: np.ndarray, axes: tuple[int, ...]) -> tuple[slice, ...]:
    return _middle(x.ndim, axes, [x.shape[axis] for axis in axes], [like.shape[axis] for axis in axes])


def _surround(x: np.ndarray, like: np.ndarray, *, axes: tuple[int, ...]) -> np.ndarray:
    result = np.zeros(like.shape, x.dtype)
    result[_middle_of(result, x, axes)] = x
    return result


middle = operator(
    "middle",
    "x like",
    attrs={"axes": Ints},
    infer=lambda x, like, *, axes: x.with_shape(like.shape),
    meaning=lambda x, like, *, axes: x[_middle_of(x, like, axes)],
    gradient=lambda b, gradients, inputs, _, *, axes: [b.surround(gradients[0], inputs[0], axes=axes), None],
)
"""The middle of x along axes, in the shape of `like`; of an odd rest, the larger part goes at the high end."""

surround = operator(
    "surround",
    "x like",
    attrs={"axes": Ints},
    infer=lambda x, like, *, axes: x.with_shape(like.shape),
    meaning=_surround,
    gradient=lambda b, gradients, inputs, _, *, axes: [b.middle(gradients[0], inputs[0], axes=axes), None],
)
"""x in the middle of zeros in the shape of `like`: the transpose of `middle`."""
