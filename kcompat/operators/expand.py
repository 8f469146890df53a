"""Elements repeated to fill a larger shape, and the sizes of shapes as numbers."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Int, Ints, not_differentiable, operator
from ..ir.types import TensorType, broadcast, fits, normalize_axis, shape_text
from .gradients import unary, unbroadcast
from .shape import INFER, summed_groups


def _broadcast_type(x: TensorType, *, shape: tuple[int, ...]) -> TensorType:
    if min(shape, default=0) < 0 or not fits(broadcast(x.shape, shape), shape):
        raise ShapeError(f"broadcast_to: {shape_text(x.shape)} does not broadcast to {shape}")
    return x.with_shape(shape)


broadcast_to = operator(
    "broadcast_to",
    "x",
    attrs={"shape": Ints},
    infer=_broadcast_type,
    meaning=lambda x, *, shape: np.broadcast_to(x, shape),
    gradient=lambda b, gradients, inputs, outputs, *, shape: [unbroadcast(b, gradients[0], inputs[0], outputs[0])],
)
"""x repeated along new axes and axes of size one until it has this shape."""


def _broadcast_like_type(x: TensorType, like: TensorType) -> TensorType:
    if not fits(broadcast(x.shape, like.shape), like.shape):
        raise ShapeError(f"broadcast_like: {shape_text(x.shape)} does not broadcast to {shape_text(like.shape)}")
    return x.with_shape(like.shape)


broadcast_like = operator(
    "broadcast_like",
    "x like",
    infer=_broadcast_like_type,
    meaning=lambda x, like: np.broadcast_to(x, like.shape),
    gradient=lambda b, gradients, inputs, _: [unbroadcast(b, gradients[0], inputs[0], inputs[1]), None],
)
"""x repeated until it has the shape of `like`, whose elements do not matter."""


def _tile_type(x: TensorType, *, repeats: tuple[int, ...]) -> TensorType:
    if len(repeats) != x.rank or min(repeats, default=0) < 0:
        raise ShapeError(f"tile: {repeats} must give a number of copies per axis of {shape_text(x.shape)}")
    return x.with_shape(
        dim * count if isinstance(dim, int) else dim if count == 1 else None
        for dim, count in zip(x.shape, repeats, strict=True)
    )


def _tile_gradient(b: Builder, dy: Value, x: Value, y: Value, *, repeats: tuple[int, ...]) -> Value:
    for axis, count in enumerate(repeats):
        if count != 1:
            dy = summed_groups(b, dy, axis, (count, INFER), -2)
    return dy


tile = operator(
    "tile",
    "x",
    attrs={"repeats": Ints},
    infer=_tile_type,
    meaning=lambda x, *, repeats: np.tile(x, repeats),
    gradient=unary(_tile_gradient),
)
"""So many copies of x beside each other along each axis."""


def _size_type(x: TensorType, *, axis: int) -> TensorType:
    normalize_axis(axis, x.rank)
    return TensorType("int32", ())


size = operator(
    "size",
    "x",
    attrs={"axis": Int},
    infer=_size_type,
    meaning=lambda x, *, axis: np.asarray(x.shape[axis], np.int32),
    gradient=not_differentiable,
)
"""How long an axis of x is, as an int32 scalar."""
