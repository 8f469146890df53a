"""Which nodes run again and again on a few rows of the batch, so that what lies between them stays in the caches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from ..errors import ShapeError
from ..ir import Constant, Graph, Node, Value
from ..passes.specialize import specialize
from .program import nbytes
from .rows import row_operands
from .strips import Chain, chains

CACHE_BYTES = 1 << 20
"""What a node reads and writes, its weights apart, stays in the caches up to so many bytes."""

LEAST_RUNS = 8
"""Threads share the runs, whose number must not depend on how many threads there are."""

GROWTH = 4
"""Rows grow from one part to the next where so many times as many fit from there on."""


class Part(NamedTuple):
    """Neighbouring nodes. rows: how many they work on at a time; 0 for all. chain: the same nodes, to run in strips."""

    nodes: list[Node]
    rows: int
    chain: Chain | None = None


def parts_of(graph: Graph) -> Iterator[Part]:
    """The nodes of a graph of known sizes in parts, in order. Graphs that change variables stay whole."""
    sizes = graph.inputs[0].shape[:1] if graph.inputs and not graph.updates else ()
    if not sizes or sizes[0] < 2:
        yield from in_strips(graph)
        return
    batch = int(sizes[0])
    stretch: list[Node] = []
    for node in graph.nodes:
        if row_operands(node, batch) is not None:
            stretch.append(node)
            continue
        yield from divided(stretch, batch)
        yield Part([node], 0)
        stretch = []
    yield from divided(stretch, batch)


def in_strips(graph: Graph) -> Iterator[Part]:
    """The nodes of a graph of one image, or of none, in parts."""
    ends = {} if graph.updates else {chain.nodes[-1]: chain for chain in chains(graph)}
    inside = {node for chain in ends.values() for node in chain.nodes}
    stretch: list[Node] = []
    for node in graph.nodes:
        if node in ends:
            yield Part(stretch, 0)
            yield Part(list(ends[node].nodes), 0, ends[node])
            stretch = []
        elif node not in inside:
            stretch.append(node)
    yield Part(stretch, 0)


def divided(nodes: list[Node], batch: int) -> Iterator[Part]:
    """Nodes that work row by row, in parts whose rows fit the caches."""
    fitting = [_fitting_rows(node, batch) for node in nodes]
    fewest = list(accumulate(reversed(fitting), min))[::-1]
    first = next((number for number, rows in enumerate(fitting) if rows < batch), len(nodes))
    yield Part(nodes[:first], 0)
    for number in range(first, len(nodes)):
        if fewest[number] >= GROWTH * fewest[first]:
            yield _part(nodes[first:number], fewest[first], batch)
            first = number
    if first < len(nodes):
        yield _part(nodes[first:], fewest[first], batch)


def _part(nodes: list[Node], rows: int, batch: int) -> Part:
    return Part(nodes, rows if rows < batch and len(nodes) > 1 else 0)


def _fitting_rows(node: Node, batch: int) -> int:
    """On how many rows at a time a node is to work: all of them if their bytes fit, or if weights are more bytes."""
    moved = sum(nbytes(value.type) for value in _activations((*node.inputs, *node.outputs)))
    weights = sum(nbytes(value.type) for value in node.inputs if isinstance(value, Constant))
    if moved <= max(CACHE_BYTES, weights):
        return batch
    most = min(batch // LEAST_RUNS, CACHE_BYTES * batch // moved)
    return next(rows for rows in range(max(most, 1), 0, -1) if batch % rows == 0)


def _activations(values: Sequence[Value | None]) -> Iterator[Value]:
    return (value for value in values if value is not None and not isinstance(value, Constant))


def graph_of(part: Part, graph: Graph) -> Graph:
    """A part of a graph, as a graph of what enters it and what is read outside."""
    users, nodes = graph.users(), set(part.nodes)
    made: list[Value] = [result for node in part.nodes for result in node.outputs]
    read = dict.fromkeys(value for node in part.nodes for value in _activations(node.inputs))
    left = [value for value in made if value in graph.outputs or not nodes.issuperset(users.get(value, ()))]
    return Graph([value for value in read if value not in made], left, part.nodes)


def on_rows(graph: Graph, rows: int) -> Graph | None:
    """A graph whose first axes are rows for fewer of them; None if a node holds to their number."""
    try:
        fewer = specialize(graph, [(rows, *value.shape[1:]) for value in graph.inputs])
    except ShapeError:
        return None
    results = [
        (old, new)
        for one, other in zip(graph.nodes, fewer.nodes, strict=True)
        for old, new in zip(one.outputs, other.outputs, strict=True)
    ]
    return fewer if all(new.shape == (rows, *old.shape[1:]) for old, new in results) else None
