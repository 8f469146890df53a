"""Losses of margins. Source of all: keras.src.losses.losses 3.15."""

from __future__ import annotations

from ...config import Field, Str, registered
from ...ir import Builder, Value
from ..functions import Function, loss_function
from ..numerics import all_axes, cast, floating
from .base import FunctionLoss


def _signs(b: Builder, y_true: Value) -> Value:
    """Labels that are all 0 or 1 as -1 and 1; others as they are."""
    binary = b.logical_or(b.equal(y_true, 0.0), b.equal(y_true, 1.0))
    all_binary = b.reduce_min(b.cast(binary, dtype="int32"), axes=all_axes(y_true))
    return b.where(b.equal(all_binary, 1), b.sub(b.mul(y_true, 2.0), 1.0), y_true)


def _margins(b: Builder, y_true: Value, y_pred: Value) -> Value:
    y_pred = floating(b, y_pred)
    y_true = _signs(b, cast(b, y_true, y_pred.dtype))
    return b.maximum(b.sub(1.0, b.mul(y_true, y_pred)), 0.0)


@loss_function()
def hinge(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean(max(1 - y_true * y_pred, 0)) over the last axis; labels are -1 and 1, or 0 and 1."""
    return b.reduce_mean(_margins(b, y_true, y_pred), axes=(-1,))


@loss_function()
def squared_hinge(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean(max(1 - y_true * y_pred, 0) ** 2) over the last axis; labels are -1 and 1, or 0 and 1."""
    return b.reduce_mean(b.square(_margins(b, y_true, y_pred)), axes=(-1,))


@loss_function()
def categorical_hinge(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """max(1 + largest of the wrong classes - that of the right class, 0); labels are one-hot."""
    y_pred = floating(b, y_pred)
    y_true = cast(b, y_true, y_pred.dtype)
    right = b.reduce_sum(b.mul(y_true, y_pred), axes=(-1,))
    wrong = b.reduce_max(b.mul(b.sub(1.0, y_true), y_pred), axes=(-1,))
    return b.maximum(b.add(b.sub(wrong, right), 1.0), 0.0)


def _loss(name: str, of: Function) -> type[FunctionLoss]:
    body = {
        "__doc__": f"{of.__doc__} See `{of.name}`.",
        "__module__": __name__,
        "positional": ("reduction", "name", "dtype"),
        "function": of,
        "name": Field(Str, of.name),
    }
    return registered("keras.losses")(type(name, (FunctionLoss,), body))


Hinge = _loss("Hinge", hinge)
SquaredHinge = _loss("SquaredHinge", squared_hinge)
CategoricalHinge = _loss("CategoricalHinge", categorical_hinge)
