"""Attention of several heads."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result

from .canonical import Rewriter, both_ways, idiom
from .dense import added_bias
from .projections import Projection, into_heads, out_of_heads
from .raiser import Raiser, first, raises

_HIDDEN = -1e9
"""What is added to scores that nothing shall see is not above this."""

# --- idioms ------------------------------------------------------------------------


@idiom("matmul")
def attention(b: Rewriter, node: Node) -> Value | None:
    """softmax(scale * q @ k, hidden where a mask says so) @ v, with heads in front of the steps."""
    softmax = b.made_by(node.inputs[0], "softmax")
    v = node.inputs[1]
    if softmax is None or v is None or v.rank != 4 or [axis % 4 for axis in softmax.attrs["axes"]] != [3]:
        return None
    scores, mask = _unmasked(b, first(softmax))
    product, scale = _unscaled(b, scores)
    made = b.made_by(product, "matmul")
    if made is None:
        return None
    (q, of_q), (k, of_k) = (_unscaled(b, value) for value in made.inputs)
    if q.rank != 4 or k.rank != 4 or not q.shape[:2] == k.shape[:2] == v.shape[:2]:
        return None
    query, key, value = _turned(b, q, (0, 2, 1, 3)), _turned(b, k, (0, 3, 1, 2)), _turned(b, v, (0, 2, 1, 3))
    causal = isinstance(mask, np.ndarray) and _is_causal(mask, q.shape[2], k.shape[3])
    seen = None if causal else mask
    result = b.attention(query, key, value, seen, scale=scale * of_q * of_k, causal=causal)
    turned: Value = b.transpose(result, perm=(0, 2, 1, 3))
    return turned


def _unmasked(b: Rewriter, scores: Value) -> tuple[Value, Any]:
    """Scores before some are hidden, and which are not: an array, a value, or None for all."""
    chosen, total = b.made_by(scores, "where"), b.made_by(scores, "add")
    if chosen is not None:
        condition, x, low = chosen.inputs
        number, array = b.number(low), b.data(condition)
        if number is not None and number <= _HIDDEN and condition is not None and x is not None:
            if array is not None:
                return x, array.reshape([1] * (4 - array.ndim) + list(array.shape))
            return (x, condition) if condition.rank == 4 else (scores, None)
    for x, added in both_ways(total):
        array = b.data(added)
        if x is not None and array is not None and array.ndim <= 4 and np.all((array == 0) | (array <= _HIDDEN)):
            return x, (array == 0).reshape([1] * (4 - array.ndim) + list(array.shape))
    return scores, None


def _unscaled(b: Rewriter, value: Value | None) -> tuple[Value, float]:
    """A value before it was multiplied by a number, and the number."""
    assert value is not None
    made = b.made_by(value, "mul", "div")
    if made is None:
        return value, 1.0
    if made.op.name == "div":
        number = b.number(made.inputs[1])
        return (first(made), 1 / number) if number else (value, 1.0)
    pairs = [(x, b.number(n)) for x, n in both_ways(made) if b.number(n) is not None]
    return (pairs[0][0], float(pairs[0][1] or 0.0)) if pairs and pairs[0][0] is not None else (value, 1.0)


def _turned(b: Rewriter, value: Value, perm: Sequence[int]) -> Value:
    made = b.made_by(value, "transpose")
    if made is not None:
        value, perm = first(made), [made.attrs["perm"][axis] for axis in perm]
    if list(perm) == list(range(value.rank)):
        return value
    turned: Value = b.transpose(value, perm=tuple(perm))
    return turned


def _is_causal(mask: np.ndarray, queries: Any, keys: Any) -> bool:
    whole = isinstance(queries, int) and isinstance(keys, int) and mask.shape == (1, 1, queries, keys)
    return whole and bool(np.array_equal(mask[0, 0], np.tri(queries, keys, dtype=bool)))


# --- layers ------------------------------------------------------------------------


@raises("attention")
def attention_layer(r: Raiser, node: Node) -> None:
    """MultiHeadAttention with its projections, if they are there; else an operation."""
    projections = [_made_of_features(r, value) for value in node.inputs[:3]]
    output = _made_into_features(r, node.outputs[0])
    known = [p for p in projections if p is not None]
    if len(known) == 3 and output is not None and (node.inputs[3] is None or _is_of_all_heads(r, node.inputs[3])):
        _multi_head(r, node, known, output)
        return
    mask = None if node.inputs[3] is None else r.operand(node.inputs[3])
    operands = [r.operand(value) for value in node.inputs[:3]]
    named = {"bias": None, "mask": mask, "scale": node.attrs["scale"]}
    y = r.op("dot_product_attention", *operands, is_causal=node.attrs["causal"], named=named)
    r.bind(node.outputs[0], y)


def _multi_head(r: Raiser, node: Node, projections: list[Projection], output: Projection) -> None:
    query, key, value = projections
    heads, size = query.kernel.shape[1:]
    factor = np.float32(node.attrs["scale"] * math.sqrt(size))
    query = Projection(query.value, query.kernel * factor, None if query.bias is None else query.bias * factor)
    biased = any(p.bias is not None for p in (query, key, value, output))
    weights: list[Any] = []
    for projection, shape in ((query, (heads, size)), (key, (heads, size)), (value, value.kernel.shape[1:])):
        weights += _pair(projection, shape, biased)
    weights += _pair(output, output.kernel.shape[2:], biased)
    features = output.kernel.shape[2]
    y = r.layer(
        "MultiHeadAttention",
        r.tensor(query.value),
        call={
            "value": r.tensor(value.value),
            **({} if key.value is value.value else {"key": r.tensor(key.value)}),
            **({"use_causal_mask": True} if node.attrs["causal"] else {}),
            **_mask_argument(r, node.inputs[3]),
        },
        weights=weights,
        num_heads=heads,
        key_dim=size,
        value_dim=value.kernel.shape[2],
        use_bias=biased,
        output_shape=None if features == query.value.shape[-1] else features,
    )
    r.bind(output.value, y)
    r.skipped.update(output.between)


def _is_of_all_heads(r: Raiser, mask: Value) -> bool:
    """Whether a mask (batch, 1, queries, keys) is the same for all heads."""
    return r.known(mask) is None and mask.rank == 4 and mask.shape[1] == 1 and mask.dtype == "bool"


def _mask_argument(r: Raiser, mask: Value | None) -> dict[str, Any]:
    return {} if mask is None else {"attention_mask": r.op("squeeze", r.tensor(mask), axis=1, suffix="mask")}


def _pair(projection: Projection, shape: tuple[int, ...], biased: bool) -> list[np.ndarray]:
    bias = np.zeros(shape, projection.kernel.dtype) if projection.bias is None else projection.bias
    return [projection.kernel, bias] if biased else [projection.kernel]


def _made_of_features(r: Raiser, value: Value | None) -> Projection | None:
    """How (batch, steps, heads, size) is made of (batch, steps, features)."""
    made = value.producer if isinstance(value, Result) else None
    if made is None or value is None:
        return None
    bias = None
    if made.op.name == "add":
        product = next((v for v in made.inputs if isinstance(v, Result) and v.producer.op.name == "einsum"), None)
        found = None if product is None else added_bias(r, product)
        if product is None or found is None or found[0] is not value:
            return None
        bias, made = np.broadcast_to(found[1], value.shape[2:]), product.producer
    if made.op.name != "einsum" or len(made.inputs) != 2:
        return into_heads(r, value)
    kernel = r.known(made.inputs[1])
    if kernel is None or not _is_equation(made.attrs["equation"], "abc,cde->abde"):
        return None
    return Projection(first(made), kernel, bias)


def _made_into_features(r: Raiser, value: Value) -> Projection | None:
    """How (batch, steps, features) is made of (batch, steps, heads, size)."""
    user = r.users[value][0] if r.is_read_once(value) else None
    if user is None or user.op.name != "einsum" or len(user.inputs) != 2 or user.inputs[0] is not value:
        return out_of_heads(r, value)
    kernel = r.known(user.inputs[1])
    if kernel is None or not _is_equation(user.attrs["equation"], "abcd,cde->abe"):
        return None
    found = added_bias(r, user.outputs[0])
    if found is None:
        return Projection(user.outputs[0], kernel, None)
    return Projection(found[0], kernel, found[1].reshape(-1), (user,))


def _is_equation(equation: str, form: str) -> bool:
    """Whether an equation is of a form, whatever its letters are."""
    letters = dict(zip(equation, form, strict=False))
    alike = len(equation) == len(form) and all(letters[one] == other for one, other in zip(equation, form, strict=True))
    return alike and len(set(letters.values())) == len(letters)
