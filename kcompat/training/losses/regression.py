"""Distances between numbers. Source of all: keras.src.losses.losses 3.15."""

from __future__ import annotations

import math

from ...config import Field, Float, Int, Str, registered
from ...ir import Builder, Value
from ...settings import epsilon
from ..functions import Function, loss_function
from ..numerics import cast, floating, same_rank
from .base import FunctionLoss

_MODULE = "keras.losses"
_ORDER = ("reduction", "name", "dtype")


def paired(b: Builder, y_true: Value, y_pred: Value) -> tuple[Value, Value]:
    """Both floating, of one dtype and of one rank."""
    y_pred = floating(b, y_pred)
    return same_rank(b, cast(b, y_true, y_pred.dtype), y_pred)


def over_last_axis(b: Builder, x: Value) -> Value:
    return b.reduce_mean(x, axes=(-1,))


@loss_function("mse", "MSE")
def mean_squared_error(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean((y_true - y_pred) ** 2) over the last axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    return over_last_axis(b, b.square(b.sub(y_pred, y_true)))


@loss_function("mae", "MAE")
def mean_absolute_error(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean(|y_true - y_pred|) over the last axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    return over_last_axis(b, b.abs(b.sub(y_pred, y_true)))


@loss_function("mape", "MAPE")
def mean_absolute_percentage_error(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """100 * mean(|y_true - y_pred| / |y_true|) over the last axis, |y_true| being at least epsilon."""
    y_true, y_pred = paired(b, y_true, y_pred)
    size = b.maximum(b.abs(y_true), epsilon())
    return b.mul(over_last_axis(b, b.abs(b.div(b.sub(y_true, y_pred), size))), 100.0)


@loss_function("msle", "MSLE")
def mean_squared_logarithmic_error(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean((log(y_true + 1) - log(y_pred + 1)) ** 2) over the last axis, both being at least epsilon."""
    y_true, y_pred = paired(b, y_true, y_pred)
    logs = [b.log(b.add(b.maximum(y, epsilon()), 1.0)) for y in (y_pred, y_true)]
    return over_last_axis(b, b.square(b.sub(*logs)))


def normalized(b: Builder, x: Value, axis: int) -> Value:
    """x divided by its Euclidean norm along the axis. Source: keras.ops.normalize."""
    square = b.reduce_sum(b.square(x), axes=(axis,), keepdims=True)
    return b.mul(x, b.rsqrt(b.maximum(square, epsilon() ** 2)))


@loss_function()
def cosine_similarity(b: Builder, y_true: Value, y_pred: Value, axis: int = -1) -> Value:
    """The negative cosine of the angle between the vectors along the axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    product = b.mul(normalized(b, y_true, axis), normalized(b, y_pred, axis))
    return b.neg(b.reduce_sum(product, axes=(axis,)))


@loss_function()
def huber(b: Builder, y_true: Value, y_pred: Value, delta: float = 1.0) -> Value:
    """Half the squared error up to delta, linear beyond; the mean over the last axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    error = b.sub(y_pred, y_true)
    size = b.abs(error)
    inside, outside = b.mul(b.square(error), 0.5), b.sub(b.mul(size, delta), 0.5 * delta * delta)
    return over_last_axis(b, b.where(b.less_equal(size, delta), inside, outside))


@loss_function("logcosh")
def log_cosh(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean(log(cosh(y_pred - y_true))) over the last axis."""
    y_true, y_pred = paired(b, y_true, y_pred)
    error = b.sub(y_pred, y_true)
    return over_last_axis(b, b.sub(b.add(error, b.softplus(b.mul(error, -2.0))), math.log(2.0)))


@loss_function("kld", "KLD", "kullback_leibler_divergence")
def kl_divergence(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """sum(y_true * log(y_true / y_pred)) over the last axis, both clipped to [epsilon, 1]."""
    y_pred = floating(b, y_pred)
    y_true = b.clip(cast(b, y_true, y_pred.dtype), low=epsilon(), high=1.0)
    y_pred = b.clip(y_pred, low=epsilon(), high=1.0)
    return b.reduce_sum(b.mul(y_true, b.log(b.div(y_true, y_pred))), axes=(-1,))


@loss_function()
def poisson(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """mean(y_pred - y_true * log(y_pred)) over the last axis."""
    y_pred = floating(b, y_pred)
    y_true = cast(b, y_true, y_pred.dtype)
    return over_last_axis(b, b.sub(y_pred, b.mul(y_true, b.log(b.add(y_pred, epsilon())))))


def _plain(name: str, of: Function) -> type[FunctionLoss]:
    """A loss without parameters."""
    body = {
        "__doc__": f"{of.__doc__} See `{of.name}`.",
        "__module__": __name__,
        "positional": _ORDER,
        "function": of,
        "name": Field(Str, of.name),
    }
    return registered(_MODULE)(type(name, (FunctionLoss,), body))


MeanSquaredError = _plain("MeanSquaredError", mean_squared_error)
MeanAbsoluteError = _plain("MeanAbsoluteError", mean_absolute_error)
MeanAbsolutePercentageError = _plain("MeanAbsolutePercentageError", mean_absolute_percentage_error)
MeanSquaredLogarithmicError = _plain("MeanSquaredLogarithmicError", mean_squared_logarithmic_error)
LogCosh = _plain("LogCosh", log_cosh)
KLDivergence = _plain("KLDivergence", kl_divergence)
Poisson = _plain("Poisson", poisson)


@registered(_MODULE)
class CosineSimilarity(FunctionLoss):
    """The negative cosine of the angle between the vectors along `axis`."""

    positional = ("axis", *_ORDER)
    function = cosine_similarity

    name = Field(Str, "cosine_similarity")
    axis = Field(Int, -1, optional_key=True)


@registered(_MODULE)
class Huber(FunctionLoss):
    """Half the squared error up to `delta`, linear beyond."""

    positional = ("delta", *_ORDER)
    function = huber

    name = Field(Str, "huber_loss")
    delta = Field(Float, 1.0, optional_key=True)
