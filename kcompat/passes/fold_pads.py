"""Padding with zeros inside the convolution after it."""

from __future__ import annotations

from ..ir import Graph, Node, Value
from .rewrite import Rewrite, rewrite


def fold_pads(graph: Graph) -> Graph:
    """Given a conv, its channels last, of what pad has put zeros around along spatial axes.
    Result: a conv that pads by itself."""
    return rewrite(graph, _fold)


def _fold(work: Rewrite, node: Node, operands: list[Value | None]) -> Value | None:
    pad = work.producer(operands[0], "pad") if operands else None
    if node.op.name != "conv" or pad is None or node.attrs["layout"] != "channels_last":
        return None
    outer, own = pad.attrs["pads"], node.attrs["pads"]
    if own == "valid":
        own = ((0, 0),) * (len(outer) - 2)
    if pad.attrs["mode"] != "constant" or pad.attrs["value"] != 0 or isinstance(own, str) or _moves(outer):
        return None
    both = tuple((low + a, high + b) for (low, high), (a, b) in zip(outer[1:-1], own, strict=True))
    result: Value = work.b.conv(pad.inputs[0], *operands[1:], **{**node.attrs, "pads": both})
    return result


def _moves(pads: tuple[tuple[int, int], ...]) -> bool:
    """Whether padding does more than add positions along spatial axes."""
    return any(pads[0]) or any(pads[-1]) or any(low < 0 or high < 0 for low, high in pads)
