"""Scaled dot-product attention, and the mask that hides what comes later."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import DtypeError, GradientError, ShapeError
from ..ir.builder import Builder
from ..ir.graph import Value
from ..ir.operator import Bool, Float, Int, not_differentiable, operator, same_dtype
from ..ir.types import Dim, TensorType, broadcast, fits, same_dim, shape_text
from .floating import require_float
from .gradients import Gradients, keep_where
from .shape import INFER, summed_groups


def _causal_type(scores: TensorType) -> TensorType:
    if scores.rank < 2:
        raise ShapeError(f"causal_mask: scores {shape_text(scores.shape)} must have axes of queries and keys")
    return TensorType("bool", scores.shape[-2:])


causal_mask = operator(
    "causal_mask",
    "scores",
    infer=_causal_type,
    meaning=lambda scores: np.tri(*scores.shape[-2:], dtype=bool),
    gradient=not_differentiable,
)
"""For scores (..., T, S), which keys a query may see: (T, S), true where s <= t."""


def _attention_type(
    query: TensorType,
    key: TensorType,
    value: TensorType,
    mask: TensorType | None,
    *,
    with_weights: bool,
    **_: Any,
) -> TensorType | tuple[TensorType, TensorType]:
    require_float("attention", query)
    same_dtype("attention", query, key, value)
    shapes = f"query {shape_text(query.shape)}, key {shape_text(key.shape)}, value {shape_text(value.shape)}"
    if not query.rank == key.rank == value.rank == 4:
        raise ShapeError(f"attention: {shapes} must have axes (batch, time, heads, size)")
    batch: Dim = None
    for operand in (query, key, value):
        batch = same_dim(batch, operand.shape[0], f"attention: batches of {shapes}")
    keys = same_dim(key.shape[1], value.shape[1], f"attention: times of keys and values of {shapes}")
    same_dim(query.shape[3], key.shape[3], f"attention: sizes of queries and keys of {shapes}")
    groups = same_dim(key.shape[2], value.shape[2], f"attention: heads of keys and values of {shapes}")
    heads = query.shape[2]
    if isinstance(heads, int) and isinstance(groups, int) and heads % groups:
        raise ShapeError(f"attention: the heads of queries must be a multiple of those of keys, received {shapes}")
    weights = query.with_shape((batch, heads, query.shape[1], keys))
    _check_mask(mask, weights)
    output = query.with_shape((batch, query.shape[1], heads, value.shape[3]))
    return (output, weights) if with_weights else output


def _check_mask(mask: TensorType | None, weights: TensorType) -> None:
    if mask is None:
        return
    if mask.dtype != "bool":
        raise DtypeError(f"attention: mask must be bool, received {mask.dtype}")
    if mask.rank != 4 or not fits(broadcast(mask.shape, weights.shape), weights.shape):
        raise ShapeError(
            f"attention: mask {shape_text(mask.shape)} must broadcast to (batch, heads, queries, keys) = "
            f"{shape_text(weights.shape)}"
        )


def _attention(
    query: np.ndarray,
    key: np.ndarray,
    value: np.ndarray,
    mask: np.ndarray | None,
    *,
    scale: float,
    causal: bool,
    window: int,
    zero_masked: bool,
    lowered: bool,
    with_weights: bool,
) -> Any:
    groups = query.shape[2] // key.shape[2]
    query, key, value = (
        np.moveaxis(x, 1, 2) for x in (query, np.repeat(key, groups, axis=2), np.repeat(value, groups, axis=2))
    )
    scores = (query @ np.swapaxes(key, -1, -2)) * np.asarray(scale, query.dtype)
    seen = _seen(scores.shape, mask, causal, window)
    scores = np.where(seen, scores, np.finfo(scores.dtype).min)
    powers = np.exp(scores - np.max(scores, axis=-1, keepdims=True))
    weights = powers / np.sum(powers, axis=-1, keepdims=True)
    if zero_masked:
        weights = np.where(seen, weights, 0).astype(weights.dtype)
    output = np.moveaxis(weights @ value, 2, 1)
    return (output, weights) if with_weights else output


def _seen(shape: tuple[int, ...], mask: np.ndarray | None, causal: bool, window: int) -> np.ndarray:
    """Which keys each query may see: broadcasts to `shape`."""
    distance = np.arange(shape[-2])[:, None] - np.arange(shape[-1])
    seen = np.ones(distance.shape, bool) if mask is None else mask
    if causal:
        seen = seen & (distance >= 0)
    return seen & (np.abs(distance) < window) if window else seen


def _seen_type(weights: TensorType, mask: TensorType | None, *, causal: bool, window: int) -> TensorType:
    _check_mask(mask, weights)
    return TensorType("bool", broadcast(weights.shape[-2:], () if mask is None else mask.shape))


seen_keys = operator(
    "seen_keys",
    "weights mask?",
    attrs={"causal": Bool(False), "window": Int(0)},
    infer=_seen_type,
    meaning=lambda weights, mask, *, causal, window: _seen(weights.shape, mask, causal, window),
    gradient=not_differentiable,
)
"""For weights (batch, heads, T, S), which keys `attention` lets each query see; broadcasts to them."""


def _attention_gradient(
    b: Builder,
    gradients: Any,
    inputs: Any,
    outputs: Any,
    *,
    scale: float,
    causal: bool,
    window: int,
    zero_masked: bool,
    lowered: bool,
    with_weights: bool,
) -> Gradients:
    query, key, value, mask = inputs
    options = {"scale": scale, "causal": causal, "window": window, "zero_masked": zero_masked}
    weights = outputs[1] if with_weights else b.attention(query, key, value, mask, with_weights=True, **options)[1]
    groups = _heads_per_group(query, key)
    queries, keys, values = (
        b.transpose(x, perm=_SWAPPED) for x in (query, _shared(b, key, groups), _shared(b, value, groups))
    )
    given = None if gradients[0] is None else b.transpose(gradients[0], perm=_SWAPPED)
    by_weights = None if given is None else b.matmul(given, values, transpose_b=True)
    if with_weights and gradients[1] is not None:
        by_weights = gradients[1] if by_weights is None else b.add(by_weights, gradients[1])
    mean = b.reduce_sum(b.mul(weights, by_weights), axes=(-1,), keepdims=True)
    scores = b.mul(weights, b.mul(b.sub(by_weights, mean), scale))
    if not zero_masked and not lowered and (mask is not None or window):
        scores = keep_where(b, b.seen_keys(weights, mask, causal=causal, window=window), scores)
    by_value = None if given is None else b.matmul(weights, given, transpose_a=True)
    return [
        b.transpose(b.matmul(scores, keys), perm=_SWAPPED),
        _summed(b, b.matmul(scores, queries, transpose_a=True), groups),
        None if by_value is None else _summed(b, by_value, groups),
        None,
    ]


_SWAPPED = (0, 2, 1, 3)
"""Times and heads change places."""


def _heads_per_group(query: Value, key: Value) -> int:
    heads, groups = query.shape[2], key.shape[2]
    if isinstance(heads, int) and isinstance(groups, int):
        return heads // groups
    raise GradientError(f"attention has no gradient while numbers of heads are open: {query.type}, {key.type}")


def _shared(b: Builder, x: Value, groups: int) -> Value:
    return x if groups == 1 else b.repeat(x, axis=2, count=groups)


def _summed(b: Builder, x: Value, groups: int) -> Value:
    """(batch, heads, S, size) -> (batch, S, groups, size), heads of a group added up."""
    x = b.transpose(x, perm=_SWAPPED)
    return x if groups == 1 else summed_groups(b, x, 2, (INFER, groups), -1)


attention = operator(
    "attention",
    "query key value mask?",
    attrs={
        "scale": Float,
        "causal": Bool(False),
        "window": Int(0),
        "zero_masked": Bool(False),
        "lowered": Bool(False),
        "with_weights": Bool(False),
    },
    infer=_attention_type,
    meaning=_attention,
    gradient=_attention_gradient,
)
"""softmax(scale * query . key) . value for every head: (batch, T, heads, size) with keys and values
(batch, S, groups, size) -> (batch, T, heads, size of values).

Heads share the keys of a group in order: with two heads per group, heads 0 and 1 read group 0.
mask: bool, broadcasts to (batch, heads, T, S); causal: s <= t; window: |t - s| < window, 0 for all.
A query that may see nothing takes the mean of all values, or zeros with zero_masked.
lowered: scores that may not be seen are lowered, not replaced, as in Keras 2, which shows in gradients
alone, of a query that may see nothing.
with_weights: the softmax (batch, heads, T, S) as a second output.
"""
