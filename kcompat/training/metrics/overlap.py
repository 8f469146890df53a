"""Overlap of classes: intersection over union. Source: keras.src.metrics.iou_metrics 3.15."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...config import Bool, Field, Float, Int, Kind, PositiveInt, int_list, optional, registered
from ...errors import ArgumentError
from ...ir import Value
from ...ir.types import DTYPES
from ...layers.emitter import Emitter
from ...settings import epsilon
from ..numerics import cast
from .base import Metric
from .reduction import add_to

_MODULE = "keras.metrics"


def _parse_dtype(value: Any, owner: Any) -> str:
    name = {None: "int64", "int": "int64"}.get(value, value)
    if name not in DTYPES:
        raise ValueError
    return str(name)


_AnyNumber = Kind("a dtype or None", _parse_dtype)
_Classes = Kind("a list of class numbers", lambda value, owner: list(int_list(value)))


class _Overlap(Metric):
    """Base of all. The state is a confusion matrix: rows are targets, columns predictions."""

    dtype = Field(_AnyNumber, None)
    num_classes: Any
    target_class_ids: Any
    ignore_class: Any = None
    sparse_y_true: Any = True
    sparse_y_pred: Any = True
    axis: Any = -1

    def build(self) -> None:
        if max(self.target_class_ids) >= self.num_classes:
            raise ArgumentError(
                f"{self}: target_class_ids {self.target_class_ids} must be below num_classes={self.num_classes}"
            )
        size = self.num_classes
        self.total_cm = self.add_variable((size, size), name="total_confusion_matrix")

    def emit_update(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        with b.origin(f"metric '{self.name}' ({type(self).__name__})"):
            y_true = y_true if self.sparse_y_true else b.argmax(y_true, axis=self.axis)
            y_pred = y_pred if self.sparse_y_pred else b.argmax(y_pred, axis=self.axis)
            y_true, y_pred = (self._flat(b, y) for y in (y_true, y_pred))
            self._count(b, y_true, y_pred, sample_weight)

    def _flat(self, b: Emitter, y: Value) -> Value:
        value: Value = b.reshape(cast(b, y, self.dtype), shape=(-1,))
        return value

    def _count(self, b: Emitter, y_true: Value, y_pred: Value, sample_weight: Value | None) -> None:
        """Add up the weights of each pair of classes; what is none of the classes is left out."""
        size, zero = self.num_classes, b.constant(0, self.dtype)
        known = b.logical_and(self._within(b, y_true), self._within(b, y_pred))
        if self.ignore_class is not None:
            known = b.logical_and(known, b.not_equal(y_true, self.ignore_class))
        weight = b.constant(1, self.dtype) if sample_weight is None else self._weight(b, sample_weight)
        weight = b.where(known, weight, zero)
        pairs = [cast(b, b.where(known, y, zero), "int64") for y in (y_true, y_pred)]
        places = b.concat(*[b.expand_dims(pair, axes=(-1,)) for pair in pairs], axis=-1)
        empty = b.constant(np.zeros((size, size), self.dtype))
        add_to(b, self.total_cm, b.scatter_nd(empty, places, weight, reduction="add"))

    def _within(self, b: Emitter, y: Value) -> Value:
        value: Value = b.logical_and(b.greater_equal(y, 0), b.less(y, self.num_classes))
        return value

    def _weight(self, b: Emitter, sample_weight: Value) -> Value:
        weight = cast(b, sample_weight, self.dtype)
        return b.reshape(weight, shape=(-1,)) if weight.rank > 1 else weight

    def result(self) -> Any:
        """The mean over the target classes that occur."""
        matrix = self.total_cm.value
        right = np.diag(matrix)
        union = matrix.sum(0) + matrix.sum(1) - right
        right, union = (x[self.target_class_ids].astype(np.float32) for x in (right, union))
        valid = (union > 1e-9).astype(np.float32)
        shares = np.where(valid, right / (union + np.float32(epsilon())), 0)
        return (shares.sum() / (valid.sum() + np.float32(epsilon()))).astype(np.float32)


class _Options(_Overlap):
    num_classes = Field(PositiveInt)
    ignore_class = Field(optional(Int), None)
    sparse_y_pred = Field(Bool, True)
    axis = Field(Int, -1)


@registered(_MODULE, "iou", "io_u")
class IoU(_Options):
    """The mean over some classes of intersection over union, of class numbers or, if not sparse, of scores."""

    positional = (
        "num_classes",
        "target_class_ids",
        "name",
        "dtype",
        "ignore_class",
        "sparse_y_true",
        "sparse_y_pred",
        "axis",
    )

    target_class_ids = Field(_Classes)
    sparse_y_true = Field(Bool, True)


class _AllClasses(_Options):
    @property
    def target_class_ids(self) -> list[int]:
        return list(range(self.num_classes))


@registered(_MODULE, "mean_iou", "mean_io_u")
class MeanIoU(_AllClasses):
    """The mean over all classes of intersection over union."""

    positional = ("num_classes", "name", "dtype", "ignore_class", "sparse_y_true", "sparse_y_pred", "axis")

    sparse_y_true = Field(Bool, True)


@registered(_MODULE, "one_hot_iou", "one_hot_io_u")
class OneHotIoU(_Options):
    """The mean over some classes of intersection over union, of one-hot targets."""

    positional = ("num_classes", "target_class_ids", "name", "dtype", "ignore_class", "sparse_y_pred", "axis")
    sparse_y_true = False

    target_class_ids = Field(_Classes)
    sparse_y_pred = Field(Bool, False)


@registered(_MODULE, "one_hot_mean_iou", "one_hot_mean_io_u")
class OneHotMeanIoU(_AllClasses):
    """The mean over all classes of intersection over union, of one-hot targets."""

    positional = ("num_classes", "name", "dtype", "ignore_class", "sparse_y_pred", "axis")
    sparse_y_true = False

    sparse_y_pred = Field(Bool, False)


@registered(_MODULE, "binary_iou", "binary_io_u")
class BinaryIoU(_Overlap):
    """The mean of intersection over union of yes and of no; predictions of at least the threshold are yes."""

    positional = ("target_class_ids", "threshold", "name", "dtype")
    num_classes = 2

    target_class_ids = Field(_Classes, [0, 1])
    threshold = Field(Float, 0.5)

    def emit_update(
        self,
        b: Emitter,
        y_true: Value,
        y_pred: Value,
        sample_weight: Value | None = None,
        mask: Value | None = None,
    ) -> None:
        yes = b.cast(b.greater_equal(cast(b, y_pred, "float32"), self.threshold), dtype=self.dtype)
        super().emit_update(b, y_true, yes, sample_weight)
