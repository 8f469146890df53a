"""Recurrent cells whose states are dropped in training, written out step by step.

Every gate sees the input and the state before through a mask of its own, which is the same in all steps.
Sources: keras/src/layers/rnn/simple_rnn.py, lstm.py, gru.py and dropout_rnn_cell.py of Keras 3.15.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ir import Value
from .emitter import Emitter

States = list[Value]


class DroppedStep:
    """One step of a cell after another; the masks are drawn with the first.

    cell: a SimpleRNNCell, LSTMCell or GRUCell, with products of matrices. gates: how many it has.
    """

    def __init__(
        self, cell: Any, gates: int, recur: Callable[[DroppedStep, Emitter, list[Value], States], States]
    ) -> None:
        self.cell, self.gates, self.recur = cell, gates, recur
        self._masks: tuple[list[Value | None], list[Value]] | None = None

    def __call__(self, b: Emitter, x: Value, states: States) -> tuple[Value, States]:
        """The output and the new states."""
        inputs, _ = self._drawn(b, x, states[0])
        products = [self.of_input(b, x if m is None else b.mul(x, m), gate) for gate, m in enumerate(inputs)]
        made = self.recur(self, b, products, states)
        return made[0], made

    def _drawn(self, b: Emitter, x: Value, state: Value) -> tuple[list[Value | None], list[Value]]:
        if self._masks is None:
            cell, stream = self.cell, self.cell.stream
            drops = 0 < cell.dropout < 1
            of_input = [stream.mask(b, x, cell.dropout) if drops else None for _ in range(self.gates)]
            self._masks = of_input, [stream.mask(b, state, cell.recurrent_dropout) for _ in range(self.gates)]
        return self._masks

    def dropped(self, b: Emitter, state: Value, gate: int) -> Value:
        """The state before as a gate sees it."""
        assert self._masks is not None
        return b.mul(state, self._masks[1][gate])

    def of_input(self, b: Emitter, x: Value, gate: int) -> Value:
        bias = self.bias(b, gate, row=0)
        product = b.matmul(x, self.part(b, self.cell.kernel, gate))
        return product if bias is None else b.add(product, bias)

    def of_state(self, b: Emitter, state: Value, gate: int) -> Value:
        """The product of a state, as it is, and a gate's recurrent kernel."""
        return b.matmul(state, self.part(b, self.cell.recurrent_kernel, gate))

    def bias(self, b: Emitter, gate: int, row: int) -> Value | None:
        """A gate's bias; GRU may have two rows of them, the second for states."""
        bias = self.cell.bias
        if bias is None or (row and bias.ndim == 1):
            return None
        values = b.floating(b.parameter(bias))
        if bias.ndim == 2:
            values = b.squeeze(b.slice(values, starts=(row,), stops=(row + 1,), steps=(1,), axes=(0,)), axes=(0,))
        return self.part(b, values, gate)

    def part(self, b: Emitter, weight: Any, gate: int) -> Value:
        """A gate's columns of a weight."""
        value = weight if isinstance(weight, Value) else b.floating(b.parameter(weight))
        units = self.cell.units
        return b.slice(value, starts=(gate * units,), stops=((gate + 1) * units,), steps=(1,), axes=(-1,))


def simple_rnn(step: DroppedStep, b: Emitter, z: list[Value], states: States) -> States:
    """h = activation(z + h u)."""
    total = b.add(z[0], step.of_state(b, step.dropped(b, states[0], 0), 0))
    return [step.cell.activation.emit(b, total)]


def lstm(step: DroppedStep, b: Emitter, z: list[Value], states: States) -> States:
    """Gates i, f, g, o; c = f c + i g, h = o activation(c)."""
    h, c = states
    cell = step.cell
    sums = [b.add(z[gate], step.of_state(b, step.dropped(b, h, gate), gate)) for gate in range(4)]
    i, f, o = (cell.recurrent_activation.emit(b, sums[gate]) for gate in (0, 1, 3))
    c = b.add(b.mul(f, c), b.mul(i, cell.activation.emit(b, sums[2])))
    return [b.mul(o, cell.activation.emit(b, c)), c]


def gru(step: DroppedStep, b: Emitter, z: list[Value], states: States) -> States:
    """Gates z, r and candidate g; h = z h + (1 - z) g."""
    (h,) = states
    cell = step.cell

    def inner(gate: int) -> Value:
        product, bias = step.of_state(b, step.dropped(b, h, gate), gate), step.bias(b, gate, row=1)
        return product if bias is None else b.add(product, bias)

    update, reset = (cell.recurrent_activation.emit(b, b.add(z[gate], inner(gate))) for gate in (0, 1))
    before = None if cell.reset_after else b.mul(reset, step.dropped(b, h, 2))
    recurrent = b.mul(reset, inner(2)) if before is None else step.of_state(b, before, 2)
    candidate = cell.activation.emit(b, b.add(z[2], recurrent))
    return [b.add(b.mul(update, h), b.mul(b.sub(1.0, update), candidate))]
