"""Batch normalisation inside the product before it."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..ir import Constant, Graph, Node, Scaled, Value
from ..ir.types import normalize_axis
from .rewrite import Rewrite, rewrite

_PRODUCTS = ("dense", "conv", "conv_transpose")


def fold_batch_norm(graph: Graph, keep_others: bool = False) -> Graph:
    """Given batch_norm by constants of what a product alone gives it, along its output channels, or a convolution's
    channels times constants, as other exporters write it. Result: that product with scaled weights and another bias.
    Elsewhere: one multiplication and one addition, or with keep_others batch_norm as it was."""
    return rewrite(graph, partial(_fold, keep_others=keep_others))


def _fold(work: Rewrite, node: Node, operands: list[Value | None], *, keep_others: bool) -> Value | None:
    if node.op.name == "mul":
        return _fold_factors(work, *operands) or _fold_factors(work, *operands[::-1])
    if node.op.name != "batch_norm" or not all(v is None or isinstance(v, Constant) for v in operands[1:]):
        return None
    x = operands[0]
    assert x is not None
    scale, offset = _affine(*(None if v is None else v.data for v in operands[1:]), epsilon=node.attrs["epsilon"])  # type: ignore[attr-defined]
    axis = normalize_axis(node.attrs["axis"], x.rank)
    source = work.producer(x, *_PRODUCTS)
    if source is not None and work.single_use(x) and axis == _channels(source) and _has_constants(source):
        return _scaled(work, source, scale, offset)
    if x.dtype != "float32" or keep_others:
        return None
    along = [1] * x.rank
    along[axis] = -1
    dtype = x.dtype
    return work.b.add(work.b.mul(x, scale.astype(dtype).reshape(along)), offset.astype(dtype).reshape(along))


def _fold_factors(work: Rewrite, x: Value | None, factors: Value | None) -> Value | None:
    """A convolution with scaled weights, where there is one factor for each of its channels."""
    source = work.producer(x, "conv")
    if source is None or x is None or not work.single_use(x) or not _has_constants(source):
        return None
    along = [1] * x.rank
    along[_channels(source)] = -1
    if not isinstance(factors, Constant) or factors.rank > x.rank or factors.data.size != x.shape[_channels(source)]:
        return None
    if factors.data.shape != factors.data.reshape(along).shape[x.rank - factors.rank :]:
        return None
    scale = factors.data.reshape(-1).astype(np.float64)
    return _scaled(work, source, scale, np.zeros_like(scale))


def _affine(mean: Any, variance: Any, gamma: Any, beta: Any, *, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Scale and offset of the normalisation, in float64."""
    scale = 1 / np.sqrt(variance.astype(np.float64) + epsilon)
    scale = scale if gamma is None else scale * gamma
    offset = -mean * scale
    return scale, offset if beta is None else offset + beta


def _channels(source: Node) -> int:
    rank = source.outputs[0].rank
    return 1 if source.attrs.get("layout") == "channels_first" else rank - 1


def _has_constants(source: Node) -> bool:
    w, bias = source.inputs[1:3]
    whole = source.op.name != "conv_transpose" or source.attrs["groups"] == 1
    return whole and isinstance(w, Constant) and (bias is None or isinstance(bias, Constant))


def _scaled(work: Rewrite, source: Node, scale: np.ndarray, offset: np.ndarray) -> Value:
    x, w, bias = source.inputs[:3]
    assert isinstance(w, Constant)
    data = offset if bias is None else bias.data * scale + offset  # type: ignore[attr-defined]
    factor = scale[:, None] if source.op.name == "conv_transpose" else scale
    weights = Scaled(w, Constant(factor))
    offsets = Constant(data.astype(w.data.dtype), "" if bias is None else bias.name)
    return work.b.apply(source.op, x, weights, offsets, **source.attrs)
