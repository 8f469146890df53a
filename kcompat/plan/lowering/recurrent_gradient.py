"""Gradients of recurrent layers: what enters the gates of all steps are products, the way back is one kernel."""

from __future__ import annotations

import math
from typing import NamedTuple

from ...ir import Node, Value
from ..planner import Planner, lowers
from ..program import Address, kernel, product
from .dense import FLOPS, add_product
from .movement import BYTES
from .recurrent import GATE, ROWS, VECTORS, activation_of, moved, sequences_together, used
from .tiles import Tile, choose_tile, pack_step, packed_bias, packed_weights

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}

DIFFERENTIABLE = ("tanh", "sigmoid", "linear")
"""Activations whose slopes follow from their results, as in kernels/recurrent_gradient.py."""


@lowers("lstm_gradient", "gru_gradient", "simple_rnn_gradient")
def recurrent_gradient(planner: Planner, node: Node) -> bool:
    cell, attrs, u = node.op.name.removesuffix("_gradient"), node.attrs, node.inputs[3]
    activations = [activation_of(attrs["activation"]), activation_of(attrs.get("recurrent_activation", "linear"))]
    is_known = all(name in DIFFERENTIABLE for name in activations) and attrs.get("reset_after", True)
    if u is None or u.dtype != "float32" or not is_known:
        return False
    back = _Back(planner, node, cell)
    dinner = back.scan(activations)
    back.by_weights(dinner)
    if cell == "gru":
        back.by_bias(dinner)
    return True


class _Product(NamedTuple):
    """A product for sequences that are gone through together; sizes: steps of a sequence, columns, depth."""

    tile: Tile
    x: Address | int
    weights: Address
    bias: Address
    z: Address
    sizes: tuple[int, int, int]
    adds: bool

    def add(self, planner: Planner, first: int, count: int) -> None:
        """Add the step for so many sequences from a first one on."""
        times, columns, depth = self.sizes
        add_product(
            planner,
            self.tile,
            places=(
                moved(self.x, 4 * first * times * depth),
                self.weights,
                self.bias,
                self.z,
                self.z if self.adds else 0,
            ),
            sizes=(count * times, columns, depth),
            strides=(depth, columns, columns),
            limits=(-math.inf, math.inf),
            label=f"gates {count * times}x{depth}x{columns}",
        )


class _Back:
    """The gradient of one cell: y, x, w, u, bias, states, mask and the gradients by outputs."""

    def __init__(self, planner: Planner, node: Node, cell: str) -> None:
        self.planner, self.node, self.cell, self.gates = planner, node, cell, GATES[cell]
        self.y, self.x, self.w, self.u, self.bias, *rest = node.inputs
        count = 2 if cell == "lstm" else 1
        self.states = [*rest[:count], None][:2]
        self.mask, self.dy = rest[count : count + 2]
        self.last = [*rest[count + 2 :], None][:2]
        assert self.y is not None
        assert self.u is not None
        self.batch, self.times, self.units = (int(size) for size in self.y.shape)
        self.columns = self.gates * self.units
        self.together = sequences_together(planner, self.batch, 4 * self.times * self.columns)
        self.hidden = self._states()

    def _states(self) -> Address:
        """The states before all steps."""
        planner, rows = self.planner, self.batch * self.times
        y, first, mask = planner.place(self.y), planner.place(self.states[0]), planner.place(self.mask)
        hidden = planner.scratch(4 * rows * self.units)
        backwards = int(self.node.attrs["go_backwards"])
        planner.step(
            kernel("recurrent_gradient.states"),
            [hidden, y, first, mask, self.batch, self.times, self.units, backwards],
            reads=[y, first, mask],
            writes=[hidden],
            work=8.0 * rows * self.units / BYTES,
            label="states before steps",
        )
        return hidden

    def _product(self, x: Address | int, w: Value | None, start: Address | None, z: Address, adds: bool) -> _Product:
        """What gives x w + start, a row of gates, to the gates z; adds: to what is there."""
        planner = self.planner
        assert w is not None
        tile = choose_tile(self.together * self.times, planner.target.lanes)
        bias = packed_bias(planner, None, self.columns, tile.width)
        if start is not None:
            bias = pack_step(planner, start, 1, self.columns, tile.width, (4 * self.columns, 4))
        weights = packed_weights(planner, w, tile.width)
        return _Product(tile, x, weights, bias, z, (self.times, self.columns, product(w.shape[:1])), adds)

    def _entering(self) -> tuple[list[_Product], Address | int, Address | int]:
        """What computes what enters the gates of all steps, and where that is; a gru's from inputs and from states
        apart."""
        if self.cell == "simple_rnn":
            return [], 0, 0
        planner, size = self.planner, 4 * self.together * self.times * self.columns
        place = planner.place(self.bias) if self.bias is not None else None
        start = place if isinstance(place, Address) else None
        z = planner.scratch(size)
        from_inputs = self._product(planner.place(self.x), self.w, start, z, False)
        if self.cell == "lstm":
            return [from_inputs, self._product(self.hidden, self.u, None, z, True)], z, 0
        second, inner = None if start is None else start + 4 * self.columns, planner.scratch(size)
        return [from_inputs, self._product(self.hidden, self.u, second, inner, False)], z, inner

    def scan(self, activations: list[str]) -> Address:
        """Add the way back; where the gradient by what states give to gates is."""
        planner, lanes, units, columns = self.planner, self.planner.target.lanes, self.units, self.columns
        rows = next(rows for rows in ROWS[lanes] if rows <= self.batch)
        width = VECTORS * lanes
        wide = -(-units // width) * width
        products, z, inner = self._entering()
        together, sequence = self.together, 4 * self.times
        weights = pack_step(planner, planner.place(self.u), columns, units, width, (4, 4 * columns))
        zeros, origin = planner.constant(planner.packs.zeros(wide).data), planner.packs.no_offset(planner)
        dz = planner.place(self.node.outputs[0])
        assert isinstance(dz, Address)
        dinner = planner.scratch(self.batch * sequence * columns) if self.cell == "gru" else dz
        cells = planner.scratch(together * sequence * units) if self.cell == "lstm" else 0
        carried = planner.scratch(4 * 4 * together * units)
        sums = planner.scratch(4 * -(-together // rows) * rows * wide)
        states = self.node.outputs[3:] if self.cell == "gru" else self.node.outputs[2:]
        made = [planner.place(state) if state in used(planner) else 0 for state in states]
        first_c, seen, dy = (planner.place(value) for value in (self.states[1], self.mask, self.dy))
        last = [planner.place(value) for value in self.last]
        y, attrs = planner.place(self.y), self.node.attrs
        for first in range(0, self.batch, together):
            count = min(together, self.batch - first)
            for entering in products:
                entering.add(planner, first, count)
            outputs, state = first * sequence * units, 4 * first * units
            planner.step(
                kernel(
                    "recurrent_gradient.scan",
                    cell=self.cell, activation=activations[0], gate=activations[1], rows=rows, lanes=lanes,
                ),
                [
                    count, self.times, units, wide, int(attrs["zero_masked"]), int(attrs["go_backwards"]), origin,
                    weights, zeros, moved(y, outputs), z, inner, cells, self.hidden + outputs, moved(first_c, state),
                    moved(seen, first * self.times), moved(dy, outputs), *(moved(place, state) for place in last),
                    dz + first * sequence * columns, dinner + first * sequence * columns, carried, sums,
                    *[*(moved(place, state) for place in made), 0][:2],
                ],
                reads=[origin, weights, zeros, y, z, inner, self.hidden, first_c, seen, dy, *last],
                writes=[dz, dinner, cells, carried, sums, z, *made],
                work=count * self.times * (2.0 * columns * units / FLOPS + 2 * GATE * units),
                label=f"{self.cell} gradient {count}x{self.times}x{units}",
                is_whole=count <= rows,
            )  # fmt: skip
        return dinner

    def by_weights(self, dinner: Address) -> None:
        """The product of all states with what they give, transposed."""
        planner, rows = self.planner, self.batch * self.times
        tile = choose_tile(self.units, planner.target.lanes)
        add_product(
            planner,
            tile,
            places=(
                self.hidden,
                pack_step(planner, dinner, rows, self.columns, tile.width, (4 * self.columns, 4)),
                packed_bias(planner, None, self.columns, tile.width),
                planner.place(self.node.outputs[1]),
                0,
            ),
            sizes=(self.units, self.columns, rows),
            strides=(1, self.columns, self.columns),
            limits=(-math.inf, math.inf),
            label="recurrent weights' gradient",
            spacing=self.units,
        )

    def by_bias(self, dinner: Address) -> None:
        """Sums over all steps of what inputs and what states give to the gates of a gru."""
        planner, rows = self.planner, self.batch * self.times
        dz, target = planner.place(self.node.outputs[0]), planner.place(self.node.outputs[2])
        assert isinstance(target, Address)
        for source, place in ((dz, target), (dinner, target + 4 * self.columns)):
            planner.step(
                kernel("reductions.reduce", op="sum", lanes=planner.target.lanes),
                [place, source, 1, rows, self.columns],
                reads=[source],
                writes=[place],
                work=rows * self.columns / 4.0,
                label=f"sum {rows}x{self.columns}",
            )
