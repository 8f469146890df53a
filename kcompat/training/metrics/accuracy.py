"""How often predictions are right. Source of all: keras.src.metrics.accuracy_metrics 3.15."""

from __future__ import annotations

from ...config import Bool, Field, Float, Int, Str, registered
from ...errors import ShapeError
from ...ir import Builder, Value
from ...ir.types import is_float, shape_text
from ...settings import floatx
from ..functions import metric_function
from ..numerics import cast, floating, same_rank
from .reduction import FunctionMetric

_MODULE = "keras.metrics"


def _hits(b: Builder, hit: Value) -> Value:
    return b.cast(hit, dtype=floatx())


@metric_function
def accuracy(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """1 where a prediction equals its target, else 0."""
    y_true, y_pred = same_rank(b, cast(b, y_true, y_pred.dtype), y_pred)
    return _hits(b, b.equal(y_true, y_pred))


@metric_function
def binary_accuracy(b: Builder, y_true: Value, y_pred: Value, threshold: float = 0.5) -> Value:
    """1 where the prediction, taken as 1 above the threshold and as 0 else, equals the target."""
    y_true, y_pred = same_rank(b, y_true, floating(b, y_pred))
    return _hits(b, b.equal(y_true, b.cast(b.greater(y_pred, threshold), dtype=y_true.dtype)))


@metric_function
def categorical_accuracy(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """1 where the largest prediction is that of the class with the largest target."""
    if y_true.rank != y_pred.rank:
        raise ShapeError(
            f"one-hot targets {shape_text(y_true.shape)} and predictions {shape_text(y_pred.shape)} differ in rank; "
            "for class numbers as targets use sparse_categorical_accuracy"
        )
    return _hits(b, b.equal(b.argmax(y_true, axis=-1), b.argmax(y_pred, axis=-1)))


@metric_function
def sparse_categorical_accuracy(b: Builder, y_true: Value, y_pred: Value) -> Value:
    """1 where the largest prediction is that of the class that the target numbers."""
    if y_true.rank == y_pred.rank and y_true.shape[-1] == 1:
        y_true = b.squeeze(y_true, axes=(-1,))
    if y_true.rank != y_pred.rank - 1:
        raise ShapeError(
            f"class numbers {shape_text(y_true.shape)} do not fit predictions {shape_text(y_pred.shape)}; "
            "for one-hot targets use categorical_accuracy"
        )
    chosen = b.argmax(y_pred, axis=-1)
    return _hits(b, b.equal(cast(b, chosen, y_true.dtype), y_true))


def _in_top_k(b: Builder, labels: Value, y_pred: Value, k: int) -> Value:
    """Where fewer than k classes have more than the class of the label."""
    own = b.gather_elements(y_pred, b.expand_dims(labels, axes=(-1,)), axis=-1)
    above = b.reduce_sum(b.cast(b.greater(y_pred, own), dtype="int32"), axes=(-1,))
    return _hits(b, b.less(above, k))


@metric_function
def top_k_categorical_accuracy(b: Builder, y_true: Value, y_pred: Value, k: int = 5) -> Value:
    """1 where the class with the largest target is among the k largest predictions."""
    return _in_top_k(b, b.argmax(y_true, axis=-1), floating(b, y_pred), k)


@metric_function
def sparse_top_k_categorical_accuracy(
    b: Builder, y_true: Value, y_pred: Value, k: int = 5, from_sorted_ids: bool = False
) -> Value:
    """1 where the class that the target numbers is among the k largest predictions.

    from_sorted_ids: predictions are class numbers, best first.
    """
    column = y_true.rank == y_pred.rank and y_true.shape[-1] == 1
    y_true = b.squeeze(y_true, axes=(-1,)) if column else y_true
    if from_sorted_ids:
        best = b.slice(y_pred, starts=(0,), stops=(k,), steps=(1,), axes=(-1,))
        same = b.equal(b.expand_dims(cast(b, y_true, y_pred.dtype), axes=(-1,)), best)
        hits = b.reduce_max(_hits(b, same), axes=(-1,))
    else:
        labels = cast(b, y_true, "int32") if is_float(y_true.dtype) else y_true
        hits = _in_top_k(b, labels, floating(b, y_pred), k)
    return b.expand_dims(hits, axes=(-1,)) if column else hits


@registered(_MODULE)
class Accuracy(FunctionMetric):
    """The share of predictions that equal their targets."""

    function = accuracy

    name = Field(Str, "accuracy")


@registered(_MODULE, "binary_accuracy")
class BinaryAccuracy(FunctionMetric):
    """The share of predictions on the right side of the threshold."""

    positional = ("name", "dtype", "threshold")
    function = binary_accuracy

    name = Field(Str, "binary_accuracy")
    threshold = Field(Float, 0.5)


@registered(_MODULE, "categorical_accuracy")
class CategoricalAccuracy(FunctionMetric):
    """The share of samples whose largest prediction is that of the right class; targets are one-hot."""

    function = categorical_accuracy

    name = Field(Str, "categorical_accuracy")


@registered(_MODULE, "sparse_categorical_accuracy")
class SparseCategoricalAccuracy(FunctionMetric):
    """The share of samples whose largest prediction is that of the right class; targets are class numbers."""

    function = sparse_categorical_accuracy

    name = Field(Str, "sparse_categorical_accuracy")


@registered(_MODULE, "top_k_categorical_accuracy")
class TopKCategoricalAccuracy(FunctionMetric):
    """The share of samples whose class is among the k largest predictions; targets are one-hot."""

    positional = ("k", "name", "dtype")
    function = top_k_categorical_accuracy

    name = Field(Str, "top_k_categorical_accuracy")
    k = Field(Int, 5)


@registered(_MODULE, "sparse_top_k_categorical_accuracy")
class SparseTopKCategoricalAccuracy(FunctionMetric):
    """The share of samples whose class is among the k largest predictions; targets are class numbers."""

    positional = ("k", "name", "dtype", "from_sorted_ids")
    function = sparse_top_k_categorical_accuracy

    name = Field(Str, "sparse_top_k_categorical_accuracy")
    k = Field(Int, 5)
    from_sorted_ids = Field(Bool, False, optional_key=True)
