"""Time put into the batch axis and taken out again, whatever sizes are open."""

from __future__ import annotations

import numpy as np

from ..errors import ShapeError
from ..ir.operator import operator
from ..ir.types import TensorType, product, same_dim, shape_text
from .gradients import unary


def _fold_type(x: TensorType) -> TensorType:
    if x.rank < 2:
        raise ShapeError(f"fold_time: x {shape_text(x.shape)} must be (batch, time, ...)")
    return x.with_shape((product(x.shape[:2]), *x.shape[2:]))


fold_time = operator(
    "fold_time",
    "x",
    infer=_fold_type,
    meaning=lambda x: x.reshape(x.shape[0] * x.shape[1], *x.shape[2:]),
    gradient=unary(lambda b, dy, x, y: b.unfold_time(dy, x)),
)
"""(batch, time, ...) -> (batch * time, ...)."""


def _unfold_type(x: TensorType, like: TensorType) -> TensorType:
    if x.rank < 1 or like.rank < 2:
        raise ShapeError(f"unfold_time: x {shape_text(x.shape)} must have axes, like {shape_text(like.shape)} two")
    same_dim(x.shape[0], product(like.shape[:2]), "unfold_time: first axis of x and batch * time")
    return x.with_shape((*like.shape[:2], *x.shape[1:]))


def _unfold(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    return x.reshape(*like.shape[:2], *x.shape[1:])


unfold_time = operator(
    "unfold_time",
    "x like",
    infer=_unfold_type,
    meaning=_unfold,
    gradient=lambda b, gradients, inputs, _: [b.fold_time(gradients[0]), None],
)
"""(batch * time, ...) -> (batch, time, ...), with the batch and time of `like`."""
