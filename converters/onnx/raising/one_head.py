"""Attention and AdditiveAttention: the mean of values, weighted by the softmax of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result

from .raiser import Raiser, first


@dataclass(frozen=True)
class _Scores:
    """How well queries fit keys, and the layer that says so. path: the values made on the way."""

    kind: str
    query: Value
    key: Value
    scale: np.ndarray | None
    path: tuple[Value, ...]


def attention_of_one_head(r: Raiser, node: Node) -> bool:
    """softmax(scores) @ values. Returns whether it is that."""
    weights, value = node.inputs
    softmax = _made(weights, "softmax")
    if softmax is None or weights is None or value is None or weights.rank != 3 or value.rank != 3:
        return False
    if softmax.attrs["axes"] not in ((2,), (-1,)) or r.known(value) is not None or not r.is_read_once(weights):
        return False
    scores = _products(r, first(softmax)) or _sums(r, first(softmax))
    operands = [] if scores is None else [scores.query, value, scores.key]
    if scores is None or any(r.known(x) is not None or x.rank != 3 or r.held(x).order[0] != 0 for x in operands):
        return False
    for made in (*scores.path, weights):
        _release(r, made)
    tensors = [r.tensor(x) for x in (operands[:2] if scores.key is value else operands)]
    y = r.layer(scores.kind, tensors, weights=(scores.scale,), use_scale=scores.scale is not None)
    r.bind(node.outputs[0], y)
    return True


def _made(value: Value | None, op: str) -> Node | None:
    return value.producer if isinstance(value, Result) and value.producer.op.name == op else None


def _release(r: Raiser, value: Value) -> None:
    """Let the name of a layer be given again that nothing reads any more."""
    layer: Any = r.raised[value].tensor.call.layer
    if r.is_read_once(value) and not r.is_shared(layer):
        r.names.release(layer.name)


def _scaled(r: Raiser, value: Value) -> tuple[Value, np.ndarray | None]:
    """A value before a learned number was multiplied in."""
    product = _made(value, "mul")
    for x, factor in [] if product is None else [product.inputs, product.inputs[::-1]]:
        array = r.known(factor)
        if x is not None and array is not None and array.size == 1 and factor in r.learned:
            return x, array.reshape(())
    return value, None


def _products(r: Raiser, value: Value) -> _Scores | None:
    """Scalar products of queries and keys, times a number."""
    scores, scale = _scaled(r, value)
    product = _made(scores, "matmul")
    turned = _made(product.inputs[1], "transpose") if product is not None else None
    if product is None or turned is None or turned.attrs["perm"] != (0, 2, 1) or turned.outputs[0].rank != 3:
        return None
    return _Scores(
        "Attention", first(product), first(turned), scale, (scores, value) if scale is not None else (scores,)
    )


def _sums(r: Raiser, value: Value) -> _Scores | None:
    """Sums of tanh(query + key) over sizes, each with a weight."""
    total = _made(value, "reduce_sum")
    if total is None or total.attrs["axes"] not in ((3,), (-1,)) or total.attrs["keepdims"]:
        return None
    product, weights = _made(first(total), "mul"), None
    bent = first(total)
    for x, factor in [] if product is None else [product.inputs, product.inputs[::-1]]:
        array = r.known(factor)
        if x is not None and array is not None and x.rank == 4 and array.size == array.shape[-1] == x.shape[-1]:
            bent, weights = x, array.reshape(-1)
    tanh = _made(bent, "tanh")
    pairs = _made(first(tanh), "add") if tanh is not None else None
    if tanh is None or pairs is None or (product is not None and weights is None):
        return None
    query, key = (_made(x, "expand_dims") for x in pairs.inputs)
    axes = [None if made is None else tuple(a % 4 for a in made.attrs["axes"]) for made in (query, key)]
    if query is None or key is None or axes != [(2,), (1,)]:
        return None
    return _Scores("AdditiveAttention", first(query), first(key), weights, (*pairs.outputs, *tanh.outputs, value))
