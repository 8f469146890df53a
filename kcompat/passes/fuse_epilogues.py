"""Residual sums and clamps in the store of the product before them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from ..ir import Constant, Graph, Node, Value
from .rewrite import Rewrite, rewrite

_PRODUCTS = {"dense": "fused_dense", "conv": "fused_conv", "fused_dense": "fused_dense", "fused_conv": "fused_conv"}

Limits: TypeAlias = "tuple[float, float]"


def fuse_epilogues(graph: Graph) -> Graph:
    """Given a dense, or a conv with its channels last, of float32, whose result only an addition or a clamping
    activation reads. Result: fused_dense or fused_conv, which adds a bias and a tensor of its result's shape, then
    clamps."""
    return rewrite(graph, _fuse)


def _fuse(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    if node.op.name == "add":
        return _fuse_sum(work, node, operands[0], operands[1]) or _fuse_sum(work, node, operands[1], operands[0])
    value, limits = _clamped(node, operands)
    source = _product(work, value)
    if limits is None or source is None or node.outputs[0].shape != source.outputs[0].shape:
        return None
    both = _after(_own_limits(source), limits)
    return None if both is None else _with(work, source, low=both[0], high=both[1])


def limits_of(node: Node) -> Limits | None:
    """Between what values the operator clamps its first operand, if that is all it does."""
    attrs = node.attrs
    if node.op.name == "relu" and attrs["negative_slope"] == 0 and attrs["threshold"] == 0:
        return 0.0, attrs["max_value"]
    if node.op.name == "clip":
        low, high = attrs["low"], attrs["high"]
        return -math.inf if low is None else low, math.inf if high is None else high
    return None


def _clamped(node: Node, operands: list[Value | None]) -> tuple[Value | None, Limits | None]:
    """What the operator clamps, and between what values, if that is all it does."""
    name = node.op.name
    if name in ("maximum", "minimum"):
        for value, other in (operands, operands[::-1]):
            bound = _number(other)
            if bound is not None:
                return value, (bound, math.inf) if name == "maximum" else (-math.inf, bound)
    return operands[0] if operands else None, limits_of(node)


def _number(value: Value | None) -> float | None:
    """The only element of a constant, if that is a number."""
    if not isinstance(value, Constant) or value.data.size != 1 or np.isnan(value.data).any():
        return None
    return float(value.data.reshape(()))


def _own_limits(source: Node) -> Limits:
    return source.attrs.get("low", -math.inf), source.attrs.get("high", math.inf)


def _after(first: Limits, second: Limits) -> Limits | None:
    """Two clamps as one, which raises to its lower bound before it lowers to its upper one; None if it is not one."""
    low = max(first[0], second[0])
    is_one = second[0] == -math.inf or first[1] == math.inf or low <= first[1]
    return (low, min(first[1], second[1])) if is_one else None


def _product(work: Rewrite, value: Value | None) -> Node | None:
    source = work.producer(value, *_PRODUCTS)
    if source is None or value is None or value.dtype != "float32" or not work.single_use(value):
        return None
    return None if source.attrs.get("layout") == "channels_first" else source


def _is_clamped(source: Node) -> bool:
    return _own_limits(source) != (-math.inf, math.inf)


def _fuse_sum(work: Rewrite, node: Node, value: Value | None, other: Value | None) -> Value | None:
    source = _product(work, value)
    if source is None or value is None or other is None or _is_clamped(source):
        return None
    bias = source.inputs[2]
    if is_bias(other, value) and (bias is None or isinstance(bias, Constant)) and len(source.inputs) == 3:
        assert isinstance(other, Constant)
        vector = np.broadcast_to(other.data.reshape(-1), (value.shape[-1],))
        return _with(work, source, bias=vector if bias is None else bias.data + vector)
    if other.shape != value.shape or None in other.shape or (len(source.inputs) > 3 and source.inputs[3] is not None):
        return None
    return _with(work, source, residual=other)


def is_bias(other: Value, value: Value) -> bool:
    """A constant that varies along the last axis of a value alone."""
    if not isinstance(other, Constant) or other.rank > value.rank:
        return False
    return other.data.size in (1, value.shape[-1]) and all(size == 1 for size in other.shape[:-1])


def _with(
    work: Rewrite,
    source: Node,
    bias: np.ndarray | None = None,
    residual: Value | None = None,
    low: float = -math.inf,
    high: float = math.inf,
) -> Value:
    x, w, old_bias, *rest = source.inputs
    attrs = {name: value for name, value in source.attrs.items() if name not in ("layout", "low", "high")}
    result: Value = getattr(work.b, _PRODUCTS[source.op.name])(
        x, w, old_bias if bias is None else bias, residual if residual is not None else (rest or [None])[0],
        **attrs, low=low, high=high,
    )  # fmt: skip
    return result


def unfused(graph: Graph) -> Iterator[tuple[Node, str]]:
    """The products before an addition or a clamp that do not compute it, and why."""
    users = graph.users()
    for node in graph.nodes:
        if node.op.name not in _PRODUCTS:
            continue
        readers = users.get(node.outputs[0], [])
        wanted = [reader for reader in readers if _begins_with_epilogue(reader)]
        if wanted:
            yield node, _reason(graph, node, len(readers))


def _begins_with_epilogue(node: Node) -> bool:
    names = [node.op.name] if node.op.name != "chain" else [node.attrs["program"][0][0]]
    return names[0] in ("add", "relu", "clip", "maximum", "minimum")


def _reason(graph: Graph, node: Node, readers: int) -> str:
    result = node.outputs[0]
    if readers > 1 or result in graph.outputs:
        return f"its result is also read elsewhere ({readers} readers)"
    if result.dtype != "float32":
        return f"it computes in {result.dtype}"
    if node.attrs.get("layout") == "channels_first":
        return "its channels are first"
    if _is_clamped(node):
        return "it clamps already"
    return "what is added has another shape, or the activation is not a clamp"
