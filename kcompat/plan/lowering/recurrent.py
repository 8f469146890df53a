"""Recurrent layers: what the inputs give to all steps is one product, the steps are one kernel."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...ir import Constant, Node, Value
from ...operators.recurrent import ACTIVATIONS
from ..planner import Planner, lowers
from ..program import Address, Argument, Step, kernel, product
from .dense import FLOPS, add_product
from .movement import copy
from .tiles import choose_tile, pack_panels, pack_step

VECTORS = 4
"""Of a panel of recurrent weights, as in kernels/recurrent.py."""

HEAD = 9
"""Words before those of the scans of a step."""

APART = 16
"""As in kernels/recurrent.py."""

GATE = 1.0
"""Nanoseconds for the gates of a unit, for estimates of work."""

CACHE_BYTES = 1 << 20
"""What enters the gates of sequences that are gone through together."""

LEAST_TOGETHER = 8
"""Sequences that are gone through together: threads share blocks of at most four."""

ROWS = {16: (4, 2, 1), 8: (2, 1), 4: (2, 1)}


@lowers("lstm", "gru", "simple_rnn")
def recurrent(planner: Planner, node: Node) -> bool:
    x, w, u, bias, *states, mask = node.inputs
    assert x is not None
    attrs = node.attrs
    activations = [activation_of(attrs["activation"]), activation_of(attrs.get("recurrent_activation", "linear"))]
    assert w is not None
    assert u is not None
    if x.dtype != "float32" or "" in activations:
        return False
    cell = "gru_before" if node.op.name == "gru" and not attrs["reset_after"] else node.op.name
    batch, times = (int(size) for size in x.shape[:2])
    own, lanes = int(u.shape[0]), planner.target.lanes
    units = -(-own // lanes) * lanes
    rows = next(rows for rows in ROWS[lanes] if rows <= batch)
    scan = _Scan(planner, node, cell, units)
    together = sequences_together(planner, batch, 4 * times * scan.gates * units)
    product_of_inputs = scan.inputs(x, w, bias, together)
    memory = scan.memory(together, rows)
    given = [planner.place(state) for state in (*states, *[None] * (2 - len(states)))]
    seen = planner.place(mask)
    results = [planner.place(value) if value in used(planner) else 0 for value in node.outputs]
    weights, origin = scan.weights(u, bias), planner.packs.no_offset(planner)
    for first in range(0, batch, together):
        count = min(together, batch - first)
        z = product_of_inputs(first, count)
        head: list[Argument] = [
            1, count, times, units, own, scan.wide, scan.second_wide, int(attrs["zero_masked"]), origin,
        ]  # fmt: skip
        y, *last = (moved(result, first * size * own) for result, size in zip(results, (4 * times, 4, 4), strict=False))
        planner.step(
            kernel("recurrent.scan", cell=cell, activation=activations[0], gate=activations[1], rows=rows, lanes=lanes),
            [
                *head, z, *weights, *memory, *(moved(state, 4 * first * own) for state in given),
                moved(seen, first * times), y, *[*last, 0][:2], int(attrs["go_backwards"]),
            ],
            reads=[z, *weights, *given, seen, origin],
            writes=[*memory, *results],
            work=count * times * (4.0 * scan.gates * units * units / FLOPS + GATE * units),
            label=f"{cell} {count}x{times}x{own}",
            is_whole=count <= rows,
        )  # fmt: skip
        _join(planner)
    return True


def sequences_together(planner: Planner, batch: int, size: int) -> int:
    """How many sequences are gone through before the next, so that what enters their gates, so many bytes for each,
    stays in the cache. Graphs that are not trained are divided as a whole, see `plan/parts.py`."""
    if not planner.graph.updates:
        return batch
    return min(batch, max(LEAST_TOGETHER, CACHE_BYTES // size // LEAST_TOGETHER * LEAST_TOGETHER))


def moved(place: Address | int, nbytes: int) -> Address | int:
    """A place so many bytes on; 0 for none."""
    return place + nbytes if isinstance(place, Address) else 0


def activation_of(name: str) -> str:
    """An activation as kernels name it; nothing if it is not pointwise."""
    entry = ACTIVATIONS[name]
    if entry is None:
        return "linear"
    card, given = entry
    if card.name in ("softmax", "log_softmax", "sparsemax"):
        return ""
    limits = {"low": -math.inf, "high": math.inf, "max_value": math.inf}
    attrs = card.check_attributes(given).items()
    numbers = [limits[key] if value is None else float(value) for key, value in attrs]
    return f"{card.name}({','.join(map(str, numbers))})" if numbers else card.name


def used(planner: Planner) -> set[Value | None]:
    """The values that something reads."""
    graph = planner.graph
    return {value for node in graph.nodes for value in node.inputs} | {*graph.outputs, *graph.updates.values()}


class _Scan:
    """One recurrent layer's weights and memory. Gates are padded to `units` columns each."""

    def __init__(self, planner: Planner, node: Node, cell: str, units: int) -> None:
        self.planner, self.node, self.cell, self.units = planner, node, cell, units
        self.gates = {"lstm": 4, "simple_rnn": 1}.get(cell, 3)
        self._width = VECTORS * planner.target.lanes
        self.wide = self._rounded(self.gates * units if cell != "gru_before" else 2 * units)
        self.second_wide = self._rounded(units) if cell == "gru_before" else 0

    def _rounded(self, columns: int) -> int:
        return -(-columns // self._width) * self._width

    def _padded(self, data: np.ndarray, rows: int) -> np.ndarray:
        """Weights (n, gates * own units) with zeros up to `rows` rows and whole gates."""
        own = data.shape[-1] // self.gates
        padded = np.zeros((rows, self.gates, self.units), np.float32)
        padded[: data.shape[0], :, :own] = data.reshape(-1, self.gates, own)
        return padded.reshape(rows, -1)

    def _padded_by_steps(self, source: Address, rows: int, own_rows: int, own: int) -> Address:
        """As `_padded`, of a matrix (own rows, gates * own) that steps compute."""
        if (rows, self.units) == (own_rows, own):
            return source
        target, size = self.planner.scratch(4 * rows * self.gates * self.units), rows * self.gates * self.units
        self.planner.step(
            kernel("moves.fill"), [target, size, 0, 4], reads=[], writes=[target], work=size / 4.0, label="fill"
        )
        axes = [
            (own_rows, 4 * self.gates * self.units, 4 * self.gates * own),
            (self.gates, 4 * self.units, 4 * own),
            (own, 4, 4),
        ]
        copy(self.planner, target, source, axes, 4, "pad gates")
        return target

    def _panels(self, value: Value, rows: int, gates: tuple[int, int], width: int, offset: int = 0) -> Address:
        """Panels of some of the gates of weights that steps compute, or of a bias at an offset in bytes."""
        own_rows, own = min(product(value.shape[:-1]), rows), product(value.shape[-1:]) // self.gates
        source = self.planner.place(value)
        assert isinstance(source, Address)
        whole = self._padded_by_steps(source + offset, rows, own_rows, own)
        (first, last), stride = gates, 4 * self.gates * self.units
        columns = (last - first) * self.units
        return pack_step(self.planner, whole + 4 * first * self.units, rows, columns, width, (stride, 4))

    def inputs(self, x: Value, w: Value, bias: Value | None, together: int) -> Callable[[int, int], Address]:
        """A function that adds the product that gives x w + bias for all steps of sequences, from a first one on so
        many, of at most `together`; it returns where that is, which is the same place for all."""
        planner, columns = self.planner, self.gates * self.units
        times, depth = product(x.shape[1:2]), product(x.shape[2:])
        tile = choose_tile(together * times, planner.target.lanes, stride=depth)
        z = planner.scratch(4 * together * times * columns)

        def panels(data: np.ndarray) -> np.ndarray:
            return pack_panels(self._padded(data, depth), tile.width)

        def offsets(data: np.ndarray) -> np.ndarray:
            data = data.reshape(-1, data.shape[-1])
            total = data[0].copy()
            if len(data) == 2:
                total[: 2 * len(total) // 3] += data[1][: 2 * len(total) // 3]
            return np.pad(self._padded(total[None], 1)[0], (0, -columns % tile.width))

        all_gates, form = (0, self.gates), ("inputs", self.gates, self.units, tile.width)
        given, packs = bias or planner.packs.zeros(product(w.shape[1:])), planner.packs
        if isinstance(w, Constant):
            weights = planner.constant(packs.get(w, form, panels))
        else:
            weights = self._panels(w, depth, all_gates, tile.width)
        if isinstance(given, Constant):
            start = planner.constant(packs.get(given, form, offsets))
        else:
            start = self._panels(given, 1, all_gates, tile.width)

        def add(first: int, count: int) -> Address:
            rows = count * times
            add_product(
                planner,
                tile,
                places=(moved(planner.place(x), 4 * first * times * depth), weights, start, z, 0),
                sizes=(rows, columns, depth),
                strides=(depth, columns, columns),
                limits=(-math.inf, math.inf),
                label=f"inputs {rows}x{depth}x{columns}",
            )
            return z

        return add

    def weights(self, u: Value, bias: Value | None) -> list[Address | int]:
        """Packed recurrent weights and bias, and those of the second product."""
        units, own, packs, constant = self.units, product(u.shape[:1]), self.planner.packs, self.planner.constant

        def part(first: int, last: int) -> Address:
            def panels(data: np.ndarray) -> np.ndarray:
                return pack_panels(self._padded(data, own)[:, first * units : last * units], self._width)

            if not isinstance(u, Constant):
                return self._panels(u, own, (first, last), self._width)
            return constant(packs.get(u, (self.cell, units, self._width, first, last), panels))

        zeros = constant(packs.zeros(self.wide).data)
        if self.cell == "gru_before":
            return [part(0, 2), zeros, part(2, 3), zeros]
        return [part(0, self.gates), zeros if bias is None or self.cell != "gru" else self._of_state(bias), 0, 0]

    def _of_state(self, bias: Value) -> Address:
        """What is added to a gru's products of states: of a constant, for the candidate alone, as `inputs` adds the
        other gates'."""
        units = self.units
        if not isinstance(bias, Constant):
            return self._panels(bias, 1, (0, self.gates), self._width, 4 * product(bias.shape[-1:]))

        def of_candidate(data: np.ndarray) -> np.ndarray:
            padded = np.zeros(self.wide, np.float32)
            padded[2 * units : 3 * units] = self._padded(data[1:], 1)[0, 2 * units :]
            return padded

        return self.planner.constant(self.planner.packs.get(bias, (self.cell, units, self._width), of_candidate))

    def memory(self, batch: int, rows: int) -> list[Address]:
        """States h and c, sums of all sequences, and what a gru keeps between its products."""
        states = 4 * batch * self.units
        sums = 4 * -(-batch // rows) * rows * (self.wide + APART)
        return [self.planner.scratch(size) for size in (states, states, sums, 2 * states)]


def _join(planner: Planner) -> None:
    """Let the last step's scan run together with that before it, if neither waits for the other.

    Both directions of a bidirectional layer are gone through at the same time.
    """
    *_, last = planner.steps
    assert isinstance(last, Step)
    for place in range(len(planner.steps) - 2, max(len(planner.steps) - 5, -1), -1):
        before = planner.steps[place]
        if not isinstance(before, Step) or before.kernel[0] != last.kernel[0]:
            continue
        between = planner.steps[place + 1 :]
        waits = any(buffer in before.writes for step in between for buffer in (*step.reads, *step.writes))
        if not waits and before.kernel == last.kernel and before.arguments[1:HEAD] == last.arguments[1:HEAD]:
            planner.steps[place:] = [*between[:-1], _joined(before, last)]
        return


def _joined(one: Step, other: Step) -> Step:
    first, second = one.arguments, other.arguments
    count = _scans(first) + _scans(second)
    arguments: Sequence[Argument] = [count, *first[1:], *second[HEAD:]]
    return Step(
        one.kernel,
        list(arguments),
        [*one.reads, *other.reads],
        [*one.writes, *other.writes],
        one.work + other.work,
        f"{one.label} x{count}",
        other.node,
    )


def _scans(arguments: Sequence[Argument]) -> int:
    count = arguments[0]
    assert isinstance(count, int)
    return count
