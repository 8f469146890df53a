"""Losses of overlaps. Source of all: keras.src.losses.losses 3.15."""

from __future__ import annotations

from ...config import Field, Float, IntOrInts, Str, optional, registered
from ...ir import Builder, Value
from ...settings import epsilon
from ..functions import loss_function
from ..numerics import all_axes, cast, floating
from .base import FunctionLoss

_MODULE = "keras.losses"
Axes = int | tuple[int, ...] | None


def _sum(b: Builder, x: Value, axis: Axes) -> Value:
    axes = all_axes(x) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    return b.reduce_sum(x, axes=axes)


@loss_function()
def dice(b: Builder, y_true: Value, y_pred: Value, axis: Axes = None) -> Value:
    """1 - 2 * overlap / (sum(y_true) + sum(y_pred)), with sums over `axis`, by default over everything."""
    y_pred = floating(b, y_pred)
    y_true = cast(b, y_true, y_pred.dtype)
    overlap = b.mul(_sum(b, b.mul(y_true, y_pred), axis), 2.0)
    size = b.add(b.add(_sum(b, y_true, axis), _sum(b, y_pred, axis)), epsilon())
    return b.sub(1.0, b.div(overlap, size))


@loss_function()
def tversky(
    b: Builder, y_true: Value, y_pred: Value, alpha: float = 0.5, beta: float = 0.5, axis: Axes = None
) -> Value:
    """1 - overlap / (overlap + alpha * missed + beta * wrongly found), as Keras 3.15 weighs them."""
    y_pred = floating(b, y_pred)
    y_true = cast(b, y_true, y_pred.dtype)
    overlap = _sum(b, b.mul(y_true, y_pred), axis)
    missed = _sum(b, b.mul(b.sub(1.0, y_pred), y_true), axis)
    wrong = _sum(b, b.mul(y_pred, b.sub(1.0, y_true)), axis)
    whole = b.add(b.add(overlap, b.mul(missed, alpha)), b.add(b.mul(wrong, beta), epsilon()))
    return b.sub(1.0, b.div(overlap, whole))


@registered(_MODULE)
class Dice(FunctionLoss):
    """One minus the Dice coefficient of targets and predictions of one shape."""

    positional = ("reduction", "name", "axis", "dtype")
    function = dice

    name = Field(Str, "dice")
    axis = Field(optional(IntOrInts), None)


@registered(_MODULE)
class Tversky(FunctionLoss):
    """One minus the Tversky index of targets and predictions of one shape."""

    positional = ("alpha", "beta", "reduction", "name", "axis", "dtype")
    function = tversky

    name = Field(Str, "tversky")
    alpha = Field(Float, 0.5)
    beta = Field(Float, 0.5)
    axis = Field(optional(IntOrInts), None)
