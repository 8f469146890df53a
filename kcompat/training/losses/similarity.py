"""Losses of embeddings. Source: keras.src.losses.losses 3.15."""

from __future__ import annotations

from ...config import Bool, Field, Float, Str, registered
from ...errors import ShapeError
from ...ir import Value
from ...ir.types import shape_text
from ...layers.emitter import Emitter
from ..functions import loss_function
from ..numerics import cast, floating
from .base import FunctionLoss

_NOWHERE = -1e30
"""What stands for minus infinity: its exponential is zero, and so is its gradient, where infinity's is none."""


def _log_sum_exp(b: Emitter, x: Value, where: Value) -> Value:
    """log(sum(exp(x))) over the last axis of what a mask leaves, far below zero if that is nothing."""
    kept = b.where(where, x, b.constant(_NOWHERE, x.dtype))
    largest = b.reduce_max(kept, axes=(-1,), keepdims=True)
    powers = b.reduce_sum(b.exp(b.sub(kept, largest)), axes=(-1,))
    value: Value = b.add(b.log(powers), b.squeeze(largest, axes=(-1,)))
    return value


def _pairs(b: Emitter, labels: Value, remove_diagonal: bool) -> tuple[Value, Value]:
    """Which pairs of samples share a label, and which do not."""
    column, row = b.expand_dims(labels, axes=(1,)), b.expand_dims(labels, axes=(0,))
    same = b.equal(column, row)
    other = b.logical_not(same)
    if remove_diagonal:
        ones = b.broadcast_like(b.constant(1, labels.dtype), labels)
        place = b.cumsum(ones, axis=0)
        apart = b.not_equal(b.expand_dims(place, axes=(1,)), b.expand_dims(place, axes=(0,)))
        same = b.logical_and(same, apart)
    return same, other


@loss_function()
def circle(
    b: Emitter,
    y_true: Value,
    y_pred: Value,
    remove_diagonal: bool = True,
    gamma: float = 80.0,
    margin: float = 0.4,
) -> Value:
    """Circle loss of a batch of normalized embeddings (samples, size) and class numbers (Sun et al. 2020).

    Samples without loss, and those alone in their class, are masked.
    """
    y_pred = floating(b, y_pred)
    y_true = b.squeeze(y_true, axes=(1,)) if y_true.rank == 2 and y_true.shape[1] == 1 else y_true
    if y_true.rank != 1 or y_pred.rank != 2:
        raise ShapeError(
            f"needs class numbers (samples,) and embeddings (samples, size), received {shape_text(y_true.shape)} "
            f"and {shape_text(y_pred.shape)}"
        )
    same, other = _pairs(b, cast(b, y_true, "int32"), remove_diagonal)
    distance = b.maximum(b.sub(1.0, b.matmul(y_pred, b.transpose(y_pred, perm=(1, 0)))), 0.0)
    pull = b.maximum(b.add(distance, margin), 0.0)
    push = b.maximum(b.sub(1.0 + margin, distance), 0.0)
    pulled = b.mul(b.mul(pull, b.sub(margin, distance)), -gamma)
    pushed = b.mul(b.mul(push, b.sub(1.0 - margin, distance)), gamma)
    values = b.softplus(b.add(_log_sum_exp(b, pulled, same), _log_sum_exp(b, pushed, other)))
    b.masks[values] = b.greater(values, 0.0)
    result: Value = values
    return result


@registered("keras.losses")
class Circle(FunctionLoss):
    """Pulls embeddings of one class together and pushes others apart, weighted by how far off they are."""

    positional = ("gamma", "margin", "remove_diagonal", "reduction", "name", "dtype")
    function = circle

    name = Field(Str, "circle")
    gamma = Field(Float, 80.0)
    margin = Field(Float, 0.4)
    remove_diagonal = Field(Bool, True)
