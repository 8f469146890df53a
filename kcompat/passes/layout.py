"""The whole graph in one data layout: images with their channels last, or first.

Every value is held under some order of its axes, its form: plain, or as the target has it. What works along axes
has its axes renamed, what broadcasts has its operands turned likewise, a `transpose` only changes the form, and
constants and weights are turned for nothing (constant folding does it once). Elements move only where an operator
asks for a form in which a value is not held.
"""

from __future__ import annotations

from collections.abc import Collection

from ..errors import ArgumentError
from ..ir import Graph, Value
from . import layout_gradients as layout_gradients  # enters the rules of backward graphs
from .forms import Relayout, turned
from .layout_rules import FOLLOWING, IMAGES, follows, interpolates_images, rule_of

_LAYOUTS = ("channels_last", "channels_first")


def with_layout(graph: Graph, target: str, *, inputs: Collection[Value] = (), outputs: Collection[int] = ()) -> Graph:
    """The same function with convolutions, pooling and the like in the layout `target`.

    inputs, outputs: what of the graph's own (inputs themselves, outputs by place) changes its shape from the other
    layout to the target's; all others keep theirs. Raises ArgumentError for another target.
    """
    if target not in _LAYOUTS:
        raise ArgumentError(f"a layout is one of {', '.join(map(repr, _LAYOUTS))}, received {target!r}")
    work = Relayout(graph, target, inputs, _wanted(graph, target))
    for node in graph.nodes:
        with work.b.origin(node.origin):
            rule_of(node)(work, node)
    for variable, value in graph.updates.items():
        work.b.updates[variable] = work.plain(value)
    return work.b.build(
        [
            work.form(value, turned(value.rank, target)) if place in outputs else work.plain(value)
            for place, value in enumerate(graph.outputs)
        ]
    )


def _wanted(graph: Graph, target: str) -> set[Value]:
    """The values that an operator of the other layout reads, directly or through what keeps the form."""
    wanted: set[Value] = set()
    for node in reversed(graph.nodes):
        layout = node.attrs.get("layout")
        if layout in _LAYOUTS and node.op.name in IMAGES and not follows(node, target):
            if layout != target and node.inputs[0] is not None:
                wanted.add(node.inputs[0])
        elif node.op.name == "resize" and interpolates_images(node, target) and node.inputs[0] is not None:
            wanted.add(node.inputs[0])
        elif (node.op.pointwise or node.op.name in FOLLOWING or follows(node, target)) and node.outputs[0] in wanted:
            rank = node.outputs[0].rank
            wanted.update(value for value in node.inputs if value is not None and value.rank == rank)
    return wanted
