"""Batch normalisation inside the product before it."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ir import Constant, Graph, Node, Value
from ..ir.types import normalize_axis
from .rewrite import Rewrite, rewrite

_PRODUCTS = ("dense", "conv")


def fold_batch_norm(graph: Graph) -> Graph:
    """Given batch_norm by constants of what a dense or conv alone gives it, along its output channels.
    Result: that product with scaled weights and another bias. Elsewhere: one multiplication and one addition."""
    return rewrite(graph, _fold)


def _fold(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    if node.op.name != "batch_norm" or not all(v is None or isinstance(v, Constant) for v in operands[1:]):
        return None
    x = operands[0]
    assert x is not None
    scale, offset = _affine(*(None if v is None else v.data for v in operands[1:]), epsilon=node.attrs["epsilon"])  # type: ignore[attr-defined]
    axis = normalize_axis(node.attrs["axis"], x.rank)
    source = work.producer(x, *_PRODUCTS)
    if source is not None and work.single_use(x) and axis == _channels(source) and _has_constants(source):
        return _scaled(work, source, scale, offset)
    if x.dtype != "float32":
        return None
    along = [1] * x.rank
    along[axis] = -1
    dtype = x.dtype
    return work.b.add(work.b.mul(x, scale.astype(dtype).reshape(along)), offset.astype(dtype).reshape(along))


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
    return isinstance(w, Constant) and (bias is None or isinstance(bias, Constant))


def _scaled(work: Rewrite, source: Node, scale: np.ndarray, offset: np.ndarray) -> Value:
    x, w, bias = source.inputs[:3]
    assert isinstance(w, Constant)
    data = offset if bias is None else bias.data * scale + offset  # type: ignore[attr-defined]
    weights = (w.data * scale).astype(w.data.dtype)
    return work.b.apply(source.op, x, weights, data.astype(w.data.dtype), **source.attrs)
