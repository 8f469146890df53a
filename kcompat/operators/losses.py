"""Cross-entropies from logits, in forms that do not overflow."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, GradientError, InputError, ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Int, elementwise, operator, same_dtype
from ..ir.types import TensorType, normalize_axis, same_dim, shape_text
from .floating import require_float
from .gradients import Gradients, kept, unbroadcast


def _log_softmax(logits: np.ndarray, axis: int) -> np.ndarray:
    shifted = logits - np.max(logits, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _softmax_type(labels: TensorType, logits: TensorType, *, axis: int) -> TensorType:
    same_dtype("softmax_cross_entropy", labels, require_float("softmax_cross_entropy", logits))
    axis = normalize_axis(axis, logits.rank)
    if labels.rank != logits.rank:
        raise ShapeError(
            f"softmax_cross_entropy: labels {shape_text(labels.shape)} and logits {shape_text(logits.shape)}"
        )
    pairs = zip(labels.shape, logits.shape, strict=True)
    shape = [same_dim(a, b, "softmax_cross_entropy: sizes of labels and logits") for a, b in pairs]
    return logits.with_shape((*shape[:axis], *shape[axis + 1 :]))


def _softmax_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any, *, axis: int) -> Gradients:
    """As TensorFlow's, whose labels sum to one: the logits' gradient does not look at their sum."""
    labels, logits = inputs
    dy = kept(b, gradients[0], (axis,), False, logits.rank)
    by_labels = b.neg(b.mul(dy, b.log_softmax(logits, axes=(axis,))))
    return [by_labels, b.mul(dy, b.sub(b.softmax(logits, axes=(axis,)), labels))]


softmax_cross_entropy = operator(
    "softmax_cross_entropy",
    "labels logits",
    attrs={"axis": Int(-1)},
    infer=_softmax_type,
    meaning=lambda labels, logits, *, axis: -np.sum(labels * _log_softmax(logits, axis), axis=axis),
    gradient=_softmax_gradient,
)
"""-sum(labels * log(softmax(logits))) over an axis, labels and logits of one shape.

As tf.nn.softmax_cross_entropy_with_logits: labels are taken to sum to one in the gradient.
"""


def _sparse_type(labels: TensorType, logits: TensorType) -> TensorType:
    if not labels.dtype.startswith(("int", "uint")):
        raise DtypeError(f"sparse_softmax_cross_entropy: labels must be integers, received {labels.dtype}")
    if logits.rank != labels.rank + 1:
        raise ShapeError(
            f"sparse_softmax_cross_entropy: logits {shape_text(logits.shape)} have one axis more than labels, "
            f"received {shape_text(labels.shape)}"
        )
    pairs = zip(labels.shape, logits.shape[:-1], strict=True)
    shape = [same_dim(a, b, "sparse_softmax_cross_entropy: sizes of labels and logits") for a, b in pairs]
    return require_float("sparse_softmax_cross_entropy", logits).with_shape(shape)


def _sparse(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    outside = (labels < 0) | (labels >= logits.shape[-1])
    if outside.any():
        place = tuple(np.argwhere(outside)[0].tolist())
        raise InputError(f"label {labels[place]} at {place} is not one of the {logits.shape[-1]} classes")
    return -np.take_along_axis(_log_softmax(logits, -1), labels[..., None].astype(np.int64), axis=-1)[..., 0]


def _sparse_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any) -> Gradients:
    labels, logits = inputs
    dy = kept(b, gradients[0], (-1,), False, logits.rank)
    classes = logits.shape[-1]
    if not isinstance(classes, int):
        raise GradientError(f"sparse_softmax_cross_entropy: the number of classes of logits {logits.type} is open")
    softmax = b.softmax(logits, axes=(-1,))
    return [None, b.mul(dy, b.sub(softmax, b.one_hot(labels, depth=classes, dtype=logits.dtype)))]


sparse_softmax_cross_entropy = operator(
    "sparse_softmax_cross_entropy", "labels logits", infer=_sparse_type, meaning=_sparse, gradient=_sparse_gradient
)
"""-log(softmax(logits)[label]): integer labels (...) and logits (..., classes) -> (...).

Labels outside [0, classes) raise InputError when the graph runs. As
tf.nn.sparse_softmax_cross_entropy_with_logits.
"""


def _sigmoid(labels: np.ndarray, logits: np.ndarray) -> np.ndarray:
    tail = np.log1p(np.exp(-np.abs(logits)))
    return (np.maximum(logits, 0) - logits * labels + tail).astype(logits.dtype)


def _sigmoid_gradient(b: Builder, gradients: Any, inputs: Any, outputs: Any) -> Gradients:
    labels, logits = inputs
    dy: Value = gradients[0]
    by_labels = b.neg(b.mul(dy, logits))
    by_logits = b.mul(dy, b.sub(b.sigmoid(logits), labels))
    return [unbroadcast(b, by_labels, labels, logits), unbroadcast(b, by_logits, logits, labels)]


sigmoid_cross_entropy = elementwise(
    "sigmoid_cross_entropy", _sigmoid, operands="labels logits", gradient=_sigmoid_gradient
)
"""-(labels * log(sigmoid(logits)) + (1 - labels) * log(1 - sigmoid(logits))) of each element.

As tf.nn.sigmoid_cross_entropy_with_logits.
"""
