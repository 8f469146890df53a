"""Which nodes run again and again on a few rows of an image, so that what lies between them stays in the caches.

Rows that the next strip reads too are held in memory of the thread, so that only where a thread begins is anything
computed twice.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from ..ir import Constant, Graph, Node, TensorType, Value
from ..ir.graph import Result
from ..operators.window import resolve_pads
from .memory import ALIGNMENT
from .program import Buffer, nbytes

LARGE_BYTES = 1 << 20
"""Values of more bytes leave the second-level cache before they are read."""

STRIP_BYTES = 512 << 10
"""What lies between the nodes of a strip, and their weights, stays in the second-level cache up to so many bytes, and
mostly up to twice as many: better for strips of up to LOW_ROWS rows, beside which much is held."""

LOW_ROWS = 4

WEIGHT_BYTES = 384 << 10
"""Weights of a node that are read again for each strip have no more bytes."""

LEAST_ROWS = 2
"""Of the result in a strip: rows that are held are copied for each."""

LEAST_STRIPS = 8
"""Threads share the strips, whose number must not depend on how many threads there are."""

STRIP_PARTS = 2
"""Into how many parts for each thread strips are divided: rows at the beginning of a part are computed twice."""

LEAST_PIXELS = 4
"""Products of fewer rows add in another order."""

THIN_CHANNELS = 8
"""Convolutions of fewer channels with strides are no products that other algorithms save."""


Form: TypeAlias = "tuple[object, ...]"


class Rows(NamedTuple):
    """Neighbouring rows of an image."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


class Window(NamedTuple):
    """How rows of a result come from rows of an operand; columns: the padding along the other axis."""

    size: int = 1
    stride: int = 1
    low: int = 0
    columns: tuple[int, int] | None = None

    def read(self, rows: Rows, height: int) -> tuple[Rows, tuple[int, int]]:
        """The rows, of so many, that rows of the result are made of, and how many of zeros around them."""
        start, end = rows.start * self.stride - self.low, (rows.end - 1) * self.stride - self.low + self.size
        return Rows(max(start, 0), min(end, height)), (max(-start, 0), max(end - height, 0))


class Strip(NamedTuple):
    """What the nodes of a chain do for some rows of its result.

    computed, read: the rows of each node's result and operand. pads: rows of zeros around the operand. kept: how many
    rows of each operand the strip before has left; passed: how many are left for the next one.
    """

    computed: tuple[Rows, ...]
    read: tuple[Rows, ...]
    pads: tuple[tuple[int, int], ...]
    passed: tuple[int, ...] = ()

    @property
    def kept(self) -> tuple[int, ...]:
        return (0, *(made.start - read.start for made, read in zip(self.computed, self.read[1:], strict=False)))

    @property
    def form(self) -> Form:
        """What strips have in common that are computed alike."""
        counts = tuple(rows.length for rows in (*self.computed, *self.read))
        return counts, self.pads, self.kept, self.passed

    def is_possible(self, widths: Sequence[int]) -> bool:
        """Whether no node computes too little, and no row is moved to where it is."""
        pixels = (rows.length * width for rows, width in zip(self.computed, widths, strict=True))
        lengths = [rows.length for rows in self.read]
        moved = all(left in (0, whole) or 2 * left <= whole for left, whole in zip(self.passed, lengths, strict=True))
        return moved and min(pixels) >= LEAST_PIXELS and min(lengths) > 0


class Chain:
    """Nodes of which each reads what the one before it makes, and nothing else does.

    values: what enters, then what each node makes.
    """

    def __init__(self, nodes: Sequence[Node]) -> None:
        self.nodes = nodes
        self.values = [_images(nodes[0])[0], *(node.outputs[0] for node in nodes)]
        self.windows = [window for window in map(window_of, nodes) if window is not None]
        self.heights = [int(value.shape[1]) for value in self.values]
        self.row_bytes = [nbytes(value.type) // height for value, height in zip(self.values, self.heights, strict=True)]

    def is_inside(self, number: int, place: int) -> bool:
        """Whether an operand of a node is what the node before it makes, or what enters first."""
        node = self.nodes[number]
        return node.inputs[place] is self.values[number] and (place == 0 or node.op.name == "chain")

    def _others(self) -> Iterator[tuple[int, Value]]:
        """What else enters, and at which node, in order."""
        for number, node in enumerate(self.nodes):
            for place, value in enumerate(node.inputs):
                if value is not None and not isinstance(value, Constant) and not self.is_inside(number, place):
                    yield number, value

    def entering(self) -> list[Value]:
        """What is read from outside."""
        return [self.values[0], *(value for _, value in self._others())]

    def offsets(self, strip: Strip) -> list[int]:
        """Of what enters, and of the result: how many bytes from its beginning on a strip is."""
        others = [
            strip.computed[number].start * nbytes(value.type) // int(value.shape[1]) if _is_image(value) else 0
            for number, value in self._others()
        ]
        return [strip.read[0].start * self.row_bytes[0], *others, strip.computed[-1].start * self.row_bytes[-1]]

    def strips(self, height: int) -> list[tuple[Strip, Strip]]:
        """For every `height` rows of the result what is done if nothing is left of the strip before, and if it is;
        empty if that cannot be."""
        last = self.heights[-1]
        if not height:
            return []
        bounds = [Rows(start, min(start + height, last)) for start in range(0, last, height)]
        alone = [self._strip(rows, None) for rows in bounds]
        after = [alone[0], *(self._strip(rows, strip.read) for strip, rows in zip(alone, bounds[1:], strict=False))]
        passed = [*(strip.kept for strip in after[1:]), (0,) * len(self.nodes)]
        pairs = [
            (one._replace(passed=left), other._replace(passed=left))
            for one, other, left in zip(alone, after, passed, strict=True)
        ]
        widths = [int(value.shape[2]) for value in self.values[1:]]
        return pairs if all(strip.is_possible(widths) for pair in pairs for strip in pair) else []

    def _strip(self, rows: Rows, before: tuple[Rows, ...] | None) -> Strip:
        """before: the rows of each operand that are there."""
        computed, read, pads = [], [], []
        for number in reversed(range(len(self.nodes))):
            computed.append(rows)
            rows, around = self.windows[number].read(rows, self.heights[number])
            read.append(rows)
            pads.append(around)
            if before is not None and number:
                rows = Rows(max(rows.start, before[number].end), rows.end)
        return Strip(tuple(computed[::-1]), tuple(read[::-1]), tuple(pads[::-1]))

    def height(self) -> int:
        """How many rows of the result a strip has; 0 if the chain is to run as a whole."""
        last, most, weights = self.heights[-1], 0, sum(map(_weights, self.nodes))
        for height in range(1, last // LEAST_STRIPS + 1):
            rows = Rows(height, min(2 * height, last))
            inside = 0
            for number in reversed(range(1, len(self.nodes))):
                rows, _ = self.windows[number].read(rows, self.heights[number])
                inside += rows.length * self.row_bytes[number]
            if inside + weights > STRIP_BYTES * (2 if height <= LOW_ROWS else 1):
                break
            most = height
        return -(-last // -(-last // most)) if most >= LEAST_ROWS else 0


class StripGraph(NamedTuple):
    """The graph of a strip. held: by a value's number in the chain, what is computed of it and all that is read."""

    graph: Graph
    held: dict[int, tuple[Value, Value]]


def graph_of_strip(chain: Chain, strip: Strip, held_values: Container[int]) -> StripGraph:
    """What a chain does for a strip, as a graph whose inputs are what enters the chain."""
    read = _rows_of(chain.values[0], strip.read[0].length)
    inputs = [read]
    held: dict[int, tuple[Value, Value]] = {}
    nodes: list[Node] = []
    for number, node in enumerate(chain.nodes):
        values: list[Value | None] = []
        for place, value in enumerate(node.inputs):
            if value is None or isinstance(value, Constant):
                values.append(value)
            elif chain.is_inside(number, place):
                values.append(read)
            else:
                inputs.append(_rows_of(value, strip.computed[number].length))
                values.append(inputs[-1])
        nodes.append(_node(node, values, strip.pads[number], chain.windows[number]))
        made = read = nodes[-1].outputs[0]
        if number + 1 in held_values:
            read = _rows_of(chain.values[number + 1], strip.read[number + 1].length)
            held[number + 1] = made, read
    return StripGraph(Graph(inputs, [nodes[-1].outputs[0]], nodes), held)


def held_buffers(chain: Chain, strips: list[tuple[Strip, Strip]]) -> dict[int, Buffer]:
    """Memory for those values of a chain of which rows are left from strip to strip, at the beginning of the arena."""
    buffers, place = {}, 0
    every = [strip for pair in strips for strip in pair]
    for number in range(1, len(chain.nodes)):
        if any(strip.passed[number] for strip in every):
            rows = max(strip.read[number].length for strip in every)
            size = -(-rows * chain.row_bytes[number] // ALIGNMENT) * ALIGNMENT
            buffers[number] = Buffer(size, "held", place)
            place += size
    return buffers


def _rows_of(value: Value, count: int) -> Value:
    """So many rows of a value, if it has rows."""
    shape = (value.shape[0], count, *value.shape[2:]) if _is_image(value) else value.shape
    return Value(TensorType(value.dtype, shape), value.name)


def _is_image(value: Value) -> bool:
    return value.rank == 4 and value.shape[1] != 1


def _node(node: Node, values: list[Value | None], rows: tuple[int, int], window: Window) -> Node:
    attrs = node.attrs if window.columns is None else {**node.attrs, "pads": (rows, window.columns)}
    type = node.op.infer(*(None if value is None else value.type for value in values), **attrs)
    assert isinstance(type, TensorType)
    return Node(node.op, values, attrs, (type,), node.origin)


def window_of(node: Node) -> Window | None:
    """How a node's rows come from rows of an operand; None for nodes that do not run in strips."""
    name, attrs, y = node.op.name, node.attrs, node.outputs[0]
    if len(node.outputs) > 1 or y.rank != 4 or y.dtype != "float32" or attrs.get("layout") == "channels_first":
        return None
    if name == "chain":
        return Window()
    x = node.inputs[0]
    if name == "max_pool":
        size = attrs["window"]
    elif name in ("conv", "fused_conv") and isinstance(node.inputs[1], Constant):
        size = node.inputs[1].shape[:-2]
    else:
        return None
    dilations = attrs["dilations"] or (1, 1)
    if x is None or set(dilations) != {1}:
        return None
    pads = resolve_pads(attrs["pads"], x.shape[1:3], size, attrs["strides"], dilations)
    return Window(size[0], attrs["strides"][0], pads[0][0], pads[1]) if min(*pads[0], *pads[1]) >= 0 else None


def _is_light(node: Node) -> bool:
    """Whether a node is no convolution but one of pixels, of channels apart, or of few channels."""
    if node.op.name not in ("conv", "fused_conv"):
        return True
    w, groups = node.inputs[1], node.attrs["groups"]
    assert w is not None
    is_depthwise = w.shape[-2] == 1 and groups == w.shape[-1]
    is_thin = w.shape[-2] < THIN_CHANNELS and max(node.attrs["strides"]) > 1
    return is_depthwise or (groups == 1 and (is_thin or w.shape[:2] == (1, 1)))


def chains(graph: Graph) -> list[Chain]:
    """What of a graph of one image is to run in strips: chains between whose nodes are large values."""
    users, outputs = graph.users(), set(graph.outputs)
    found: dict[Node, list[Node]] = {}
    for node in graph.nodes:
        if window_of(node) is None or not is_one_image(node) or not _is_light(node) or _weights(node) > WEIGHT_BYTES:
            continue
        before = [
            value.producer
            for value in _images(node)
            if isinstance(value, Result) and value.producer in found and users[value] == [node] and value not in outputs
        ]
        found[node] = [*found.pop(before[0]), node] if before else [node]
    parts = (part for nodes in found.values() for large in _between_small_values(nodes) for part in _fitting(large))
    return [Chain(part) for part in parts if len(part) > 1]


def _between_small_values(nodes: list[Node]) -> Iterator[list[Node]]:
    first = 0
    for number, node in enumerate(nodes, 1):
        if number == len(nodes) or nbytes(node.outputs[0].type) <= LARGE_BYTES:
            yield nodes[first:number]
            first = number


def _fitting(nodes: list[Node]) -> Iterator[list[Node]]:
    """The longest stretches from the first node on that can run in strips."""
    first = 0
    for end in range(2, len(nodes) + 1):
        if end - first > 1 and not Chain(nodes[first:end]).height():
            yield nodes[first : end - 1]
            first = end - 1
    yield nodes[first:]


def _images(node: Node) -> list[Value]:
    """Which of a node's operands may come from the node before it."""
    shape = node.outputs[0].shape[:3]
    values = [value for value in node.inputs if value is not None and not isinstance(value, Constant)]
    return [v for v in values if v.rank == 4 and v.shape[:3] == shape] if node.op.name == "chain" else values[:1]


def is_one_image(node: Node) -> bool:
    """Whether a node computes one image, whose rows its other operands have too, or are the same for all of."""
    y = node.outputs[0]
    if y.shape[0] != 1 or not _images(node):
        return False
    if node.op.name != "chain":
        return all(value is None or value.shape == y.shape for value in node.inputs[3:])
    return all(
        value is None or value.rank < 3 or value.shape[-3] == 1 or value in _images(node) for value in node.inputs
    )


def _weights(node: Node) -> int:
    return sum(nbytes(value.type) for value in node.inputs if isinstance(value, Constant))
