"""Small expressions that losses, metrics and optimizers share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..ir import Builder, Value
from ..ir.graph import Result
from ..ir.types import is_float, type_of
from ..layers.emitter import Emitter
from ..reference import evaluate
from ..settings import floatx
from ..tree import flatten, map_structure


def cast(b: Builder, x: Value, dtype: str) -> Value:
    """x in a dtype; floats become integers toward zero."""
    if x.dtype == dtype:
        return x
    if is_float(x.dtype) and dtype.startswith(("int", "uint")):
        return b.float_to_int(x, dtype=dtype)
    return b.cast(x, dtype=dtype)


def floating(b: Builder, x: Value) -> Value:
    """x itself if it is floating, else as floatx."""
    return x if is_float(x.dtype) else b.cast(x, dtype=floatx())


def all_axes(x: Value) -> tuple[int, ...]:
    return tuple(range(x.rank))


def total(b: Builder, x: Value) -> Value:
    """The sum of all elements."""
    return b.reduce_sum(x, axes=all_axes(x)) if x.rank else x


def mean(b: Builder, x: Value) -> Value:
    """The mean of all elements."""
    return b.reduce_mean(x, axes=all_axes(x)) if x.rank else x


def divide_no_nan(b: Builder, x: Any, y: Value) -> Value:
    """x / y, and 0 where y is 0."""
    zero = b.equal(y, 0.0)
    quotient = b.div(b.constant(x, y.dtype) if isinstance(x, float) else x, b.where(zero, b.constant(1.0, y.dtype), y))
    return b.where(zero, b.constant(0.0, y.dtype), quotient)


def same_rank(b: Builder, x: Value, y: Value, expand: bool = True) -> tuple[Value, Value]:
    """Both with one rank, where they differ by a last axis of size one.

    A last axis of one is added to the other if that has one axis, else it is taken away.
    Source: keras.src.losses.loss.squeeze_or_expand_to_same_rank.
    """
    if x.rank == y.rank + 1 and x.shape[-1] == 1:
        if y.rank == 1 and expand:
            return x, b.expand_dims(y, axes=(-1,))
        return b.squeeze(x, axes=(-1,)), y
    if y.rank == x.rank + 1 and y.shape[-1] == 1:
        if x.rank == 1 and expand:
            return b.expand_dims(x, axes=(-1,)), y
        return x, b.squeeze(y, axes=(-1,))
    return x, y


def logits_of(y_pred: Value) -> Value | None:
    """What a softmax or sigmoid made predictions of, if one made them.

    Keras on TensorFlow computes crossentropies from it, whichever of the two it was. Source:
    keras.src.backend.tensorflow.nn._get_logits.
    """
    if isinstance(y_pred, Result) and y_pred.producer.op.name in ("softmax", "sigmoid"):
        return y_pred.producer.inputs[0]
    return None


def as_array(x: Any) -> np.ndarray:
    """Data as an array; Python's floats as float32, as TensorFlow takes them."""
    array = np.asarray(x)
    lists = not isinstance(x, (np.ndarray, np.generic)) and not hasattr(x, "__array__")
    return array.astype(np.float32) if lists and array.dtype == np.float64 else array


def compute(emit: Callable[..., Any], arrays: Sequence[np.ndarray | None]) -> Any:
    """What `emit(b, *values)` makes of arrays, in its nest, by the operators' NumPy meanings; updates are made."""
    b = Emitter()
    given = [array for array in arrays if array is not None]
    values = [None if array is None else b.input(type_of(array)) for array in arrays]
    outputs = emit(b, *values)
    results = iter(evaluate(b.build(flatten(outputs)), given))
    return map_structure(lambda _: next(results), outputs)
