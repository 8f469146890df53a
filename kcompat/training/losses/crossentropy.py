"""Crossentropies, with the numbers of Keras on TensorFlow.

Predictions that a softmax or sigmoid made are not read: the crossentropy is computed from what entered it,
which is exact near saturation. Other predictions are clipped to [epsilon, 1 - epsilon]. Source:
keras.src.losses.losses and keras.src.backend.tensorflow.nn 3.15.
"""

from __future__ import annotations

import warnings

from ...config import Bool, Field, Float, Int, Str, optional, registered, within
from ...errors import ArgumentError, ShapeError
from ...ir import Builder, Value
from ...ir.types import fits, is_float, normalize_axis, shape_text
from ...layers.emitter import Emitter
from ...settings import epsilon
from ..functions import loss_function
from ..numerics import cast, floating, logits_of
from .base import FunctionLoss, require_fraction

_MODULE = "keras.losses"
_ORDER = ("reduction", "name", "dtype")


def _clipped(b: Builder, probabilities: Value) -> Value:
    return b.clip(probabilities, low=epsilon(), high=1 - epsilon())


def _logits(y_pred: Value, from_logits: bool) -> Value | None:
    """Logits, where predictions are such or were made of such."""
    found = logits_of(y_pred)
    if found is not None and from_logits:
        warnings.warn(
            "a crossentropy with from_logits=True received the result of a softmax or sigmoid, whose input it uses",
            stacklevel=2,
        )
    return y_pred if found is None and from_logits else found


def _require_one_shape(y_true: Value, y_pred: Value) -> None:
    if not fits(y_true.shape, y_pred.shape):
        raise ShapeError(
            f"targets {shape_text(y_true.shape)} and predictions {shape_text(y_pred.shape)} differ in shape; "
            "for class numbers as targets use sparse_categorical_crossentropy"
        )


def _smooth(b: Builder, y_true: Value, smoothing: float, other: float) -> Value:
    return b.add(b.mul(y_true, 1.0 - smoothing), other) if smoothing else y_true


def _smooth_classes(b: Builder, y_true: Value, smoothing: float) -> Value:
    if not smoothing:
        return y_true
    classes = y_true.shape[-1]
    if not isinstance(classes, int):
        raise ShapeError(f"label_smoothing needs a known number of classes, received {shape_text(y_true.shape)}")
    return _smooth(b, y_true, smoothing, smoothing / classes)


def _warn_of_one_class(name: str, y_pred: Value) -> None:
    if y_pred.shape[-1] == 1:
        warnings.warn(
            f"{name}: predictions {shape_text(y_pred.shape)} have one class; for two classes use binary_crossentropy",
            SyntaxWarning,
            stacklevel=2,
        )


def _floats(b: Builder, y_true: Value, y_pred: Value) -> tuple[Value, Value]:
    y_pred = floating(b, y_pred)
    return cast(b, y_true, y_pred.dtype), y_pred


@loss_function()
def categorical_crossentropy(
    b: Builder,
    y_true: Value,
    y_pred: Value,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """-sum(y_true * log(y_pred)) over the classes along `axis`; predictions are scaled to the sum one."""
    y_true, y_pred = _floats(b, y_true, y_pred)
    _require_one_shape(y_true, y_pred)
    _warn_of_one_class("categorical_crossentropy", y_pred)
    y_true = _smooth_classes(b, y_true, label_smoothing)
    logits = _logits(y_pred, from_logits)
    if logits is not None:
        return b.softmax_cross_entropy(y_true, logits, axis=axis)
    share = b.div(y_pred, b.reduce_sum(y_pred, axes=(axis,), keepdims=True))
    return b.neg(b.reduce_sum(b.mul(y_true, b.log(_clipped(b, share))), axes=(axis,)))


@loss_function()
def sparse_categorical_crossentropy(
    b: Emitter,
    y_true: Value,
    y_pred: Value,
    from_logits: bool = False,
    ignore_class: int | None = None,
    axis: int = -1,
) -> Value:
    """-log of the prediction for the class that y_true numbers; zero, and masked, where that is `ignore_class`.

    Raises InputError when the graph runs for a number that is no class.
    """
    y_pred = floating(b, y_pred)
    if normalize_axis(axis, y_pred.rank) != y_pred.rank - 1:
        raise ArgumentError(f"sparse_categorical_crossentropy: classes are on the last axis, received axis={axis}")
    if y_true.rank == y_pred.rank and y_true.shape[-1] == 1:
        y_true = b.squeeze(y_true, axes=(-1,))
    if y_true.rank != y_pred.rank - 1:
        raise ShapeError(
            f"class numbers {shape_text(y_true.shape)} do not fit predictions {shape_text(y_pred.shape)}; "
            "for one-hot targets use categorical_crossentropy"
        )
    labels = cast(b, y_true, "int64") if is_float(y_true.dtype) else y_true
    if ignore_class is None:
        return _sparse(b, labels, y_pred, from_logits)
    valid = b.not_equal(labels, ignore_class)
    labels = b.where(valid, labels, b.constant(0, labels.dtype))
    known = b.where(b.expand_dims(valid, axes=(-1,)), y_pred, b.constant(0.0, y_pred.dtype))
    values = _sparse(b, labels, known, from_logits)
    values = b.where(valid, values, b.constant(0.0, values.dtype))
    b.masks[values] = valid
    return values


def _sparse(b: Builder, labels: Value, y_pred: Value, from_logits: bool) -> Value:
    logits = _logits(y_pred, from_logits)
    return b.sparse_softmax_cross_entropy(labels, b.log(_clipped(b, y_pred)) if logits is None else logits)


def binary_values(b: Builder, y_true: Value, y_pred: Value, from_logits: bool) -> Value:
    """The binary crossentropy of each element."""
    _require_one_shape(y_true, y_pred)
    logits = _logits(y_pred, from_logits)
    if logits is not None:
        return b.sigmoid_cross_entropy(y_true, logits)
    p = _clipped(b, y_pred)
    right, wrong = b.mul(y_true, b.log(p)), b.mul(b.sub(1.0, y_true), b.log(b.sub(1.0, p)))
    return b.neg(b.add(right, wrong))


@loss_function("bce", "BCE")
def binary_crossentropy(
    b: Builder,
    y_true: Value,
    y_pred: Value,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """mean(-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)) over `axis`."""
    y_true, y_pred = _floats(b, y_true, y_pred)
    y_true = _smooth(b, y_true, label_smoothing, 0.5 * label_smoothing)
    return b.reduce_mean(binary_values(b, y_true, y_pred, from_logits), axes=(axis,))


@loss_function()
def binary_focal_crossentropy(
    b: Builder,
    y_true: Value,
    y_pred: Value,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """Binary crossentropy times (1 - prediction of the right class) ** gamma (Lin et al. 2017)."""
    y_true, y_pred = _floats(b, y_true, y_pred)
    y_true = _smooth(b, y_true, label_smoothing, 0.5 * label_smoothing)
    y_pred = b.sigmoid(y_pred) if from_logits else y_pred
    values = binary_values(b, y_true, y_pred, False)
    other = b.sub(1.0, y_true)
    right = b.add(b.mul(y_true, y_pred), b.mul(other, b.sub(1.0, y_pred)))
    values = b.mul(b.pow(b.sub(1.0, right), gamma), values)
    if apply_class_balancing:
        values = b.mul(b.add(b.mul(y_true, alpha), b.mul(other, 1.0 - alpha)), values)
    return b.reduce_mean(values, axes=(axis,))


@loss_function()
def categorical_focal_crossentropy(
    b: Builder,
    y_true: Value,
    y_pred: Value,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Value:
    """Categorical crossentropy, each class times alpha * (1 - its prediction) ** gamma."""
    y_true, y_pred = _floats(b, y_true, y_pred)
    _warn_of_one_class("categorical_focal_crossentropy", y_pred)
    y_true = _smooth_classes(b, y_true, label_smoothing)
    y_pred = b.softmax(y_pred, axes=(axis,)) if from_logits else y_pred
    p = _clipped(b, b.div(y_pred, b.reduce_sum(y_pred, axes=(axis,), keepdims=True)))
    weight = b.mul(b.pow(b.sub(1.0, p), gamma), alpha)
    return b.neg(b.reduce_sum(b.mul(weight, b.mul(y_true, b.log(p))), axes=(axis,)))


@loss_function()
def categorical_generalized_cross_entropy(b: Builder, y_true: Value, y_pred: Value, q: float) -> Value:
    """(1 - p ** q) / q, p the prediction for the class that y_true numbers (Zhang & Sabuncu 2018)."""
    y_pred = floating(b, y_pred)
    classes = y_pred.shape[-1]
    if not isinstance(classes, int):
        raise ShapeError(f"needs a known number of classes, received {shape_text(y_pred.shape)}")
    chosen = b.one_hot(cast(b, y_true, "int32"), depth=classes, dtype=y_pred.dtype)
    p = b.reduce_sum(b.mul(y_pred, chosen), axes=(-1,))
    return b.div(b.sub(1.0, b.pow(p, q)), q)


class _Smoothed(FunctionLoss):
    from_logits = Field(Bool, False)
    label_smoothing = Field(within(0, 1), 0.0)
    axis = Field(Int, -1)


@registered(_MODULE)
class BinaryCrossentropy(_Smoothed):
    """Crossentropy of independent yes-or-no labels (..., n) and their probabilities (..., n)."""

    positional = ("from_logits", "label_smoothing", "axis", *_ORDER)
    function = binary_crossentropy

    name = Field(Str, "binary_crossentropy")


@registered(_MODULE)
class CategoricalCrossentropy(_Smoothed):
    """Crossentropy of one-hot labels (..., classes) and probabilities (..., classes)."""

    positional = ("from_logits", "label_smoothing", "axis", *_ORDER)
    function = categorical_crossentropy

    name = Field(Str, "categorical_crossentropy")


@registered(_MODULE)
class SparseCategoricalCrossentropy(FunctionLoss):
    """Crossentropy of class numbers (...) or (..., 1) and probabilities (..., classes)."""

    positional = ("from_logits", "ignore_class", "reduction", "axis", "name", "dtype")
    function = sparse_categorical_crossentropy

    name = Field(Str, "sparse_categorical_crossentropy")
    from_logits = Field(Bool, False)
    ignore_class = Field(optional(Int), None)
    axis = Field(Int, -1, optional_key=True)


@registered(_MODULE)
class BinaryFocalCrossentropy(_Smoothed):
    """Binary crossentropy that easy samples count less in; `alpha` balances the classes if asked."""

    positional = ("apply_class_balancing", "alpha", "gamma", "from_logits", "label_smoothing", "axis", *_ORDER)
    function = binary_focal_crossentropy

    name = Field(Str, "binary_focal_crossentropy")
    apply_class_balancing = Field(Bool, False)
    alpha = Field(Float, 0.25)
    gamma = Field(Float, 2.0)


@registered(_MODULE)
class CategoricalFocalCrossentropy(_Smoothed):
    """Categorical crossentropy that easy samples count less in."""

    positional = ("alpha", "gamma", "from_logits", "label_smoothing", "axis", *_ORDER)
    function = categorical_focal_crossentropy

    name = Field(Str, "categorical_focal_crossentropy")
    alpha = Field(Float, 0.25)
    gamma = Field(Float, 2.0)


@registered(_MODULE)
class CategoricalGeneralizedCrossEntropy(FunctionLoss):
    """A crossentropy that bears wrong labels: between it (q near 0) and the absolute error (q near 1)."""

    positional = ("q", *_ORDER)
    function = categorical_generalized_cross_entropy

    name = Field(Str, "categorical_generalized_cross_entropy")
    q = Field(Float, 0.5)

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        require_fraction(self, "q", self.q)
