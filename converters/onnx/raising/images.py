"""Which values of a graph are images: tensors whose second axis is the channels of a window or of a normalisation."""

from __future__ import annotations

from kcompat.ir import Graph, Node, Value

_WINDOWS = frozenset({"conv", "conv_transpose", "max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool"})
_TRANSPARENT = frozenset(
    {"add", "sub", "mul", "div", "maximum", "minimum", "relu", "sigmoid", "tanh", "silu", "hard_silu", "hard_sigmoid"}
    | {"clip", "pad", "concat", "cast", "elu", "gelu", "prelu", "softplus", "abs", "neg", "sqrt", "square", "pow"}
    | {
        "slice",
        "gather",
        "resample",
        "resize",
        "batch_norm",
        "group_norm",
        "layer_norm",
        "mish",
        "softmax",
        "log_softmax",
        "exp",
        "selu",
    }
)
"""Operators whose result has the axes of their operand."""


def images_of(graph: Graph) -> set[Value]:
    """The values from which a window with channels first is reached, or that one reaches, by elementwise steps."""
    found: set[Value] = set()
    for node in graph.nodes:
        if _is_window(node):
            found.update(value for value in (node.inputs[0], *node.outputs) if value is not None)
        elif _is_transparent(node) and any(value in found for value in node.inputs):
            found.update(node.outputs)
    for node in reversed(graph.nodes):
        if _is_transparent(node) and node.outputs[0] in found:
            rank = node.outputs[0].rank
            found.update(value for value in node.inputs if value is not None and value.rank == rank)
    return found


def _is_window(node: Node) -> bool:
    if node.op.name == "batch_norm":
        return node.attrs["axis"] == 1 and node.outputs[0].rank > 2
    return node.op.name in _WINDOWS and node.attrs["layout"] == "channels_first"


def _is_transparent(node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    return node.op.name in _TRANSPARENT and x is not None and y.rank > 2 and (x.rank == y.rank)
