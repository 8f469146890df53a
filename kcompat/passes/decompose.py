"""Operators as others that kernels compute."""

from __future__ import annotations

from collections.abc import Callable

from ..ir import Graph, Node, Value
from ..ir.types import normalize_axis
from ..operators.window import extent
from .rewrite import Rewrite, rewrite

Rule = Callable[[Rewrite, Node, "list[Value]"], "Value | None"]


def decompose(graph: Graph) -> Graph:
    """Given crossentropy of logits, or a transposed convolution of stride one. Result: a logarithm of a softmax and
    a sum; a convolution with the kernel reversed."""
    return rewrite(graph, _decomposed)


def _decomposed(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    rule = _RULES.get(node.op.name)
    return None if rule is None else rule(work, node, operands)  # type: ignore[arg-type]


def _softmax_cross_entropy(work: Rewrite, node: Node, operands: list[Value]) -> Value:
    labels, logits = operands
    axis = normalize_axis(node.attrs["axis"], logits.rank)
    b = work.b
    return b.neg(b.reduce_sum(b.mul(labels, b.log_softmax(logits, axes=(axis,))), axes=(axis,)))


def _conv_transpose(work: Rewrite, node: Node, operands: list[Value]) -> Value | None:
    x, w, bias = operands
    attrs = node.attrs
    if any(stride != 1 for stride in attrs["strides"]) or attrs["groups"] != 1:
        return None
    spans = [extent(k, d) - 1 for k, d in zip(w.shape[:-2], attrs["dilations"], strict=True)]
    pads = [
        (span - low, span - high + more)
        for span, (low, high), more in zip(spans, attrs["pads"], attrs["output_padding"], strict=True)
    ]
    if any(low < 0 or high < 0 for low, high in pads):
        return None
    taps = tuple(range(len(spans)))
    nothing = (None,) * len(taps)
    reversed_kernel = work.b.slice(w, starts=nothing, stops=nothing, steps=(-1,) * len(taps), axes=taps)
    kernel = work.b.transpose(reversed_kernel, perm=(*taps, w.rank - 1, w.rank - 2))
    return work.b.conv(
        x, kernel, bias, strides=attrs["strides"], pads=pads, dilations=attrs["dilations"], layout=attrs["layout"]
    )


_RULES: dict[str, Rule] = {"softmax_cross_entropy": _softmax_cross_entropy, "conv_transpose": _conv_transpose}
