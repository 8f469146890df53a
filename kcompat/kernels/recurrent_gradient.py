"""The way back through recurrent cells: gradients by what enters the gates of each step, last step first.

Arrays lie as the cells' operators have them, (batch, times, gates * units): `z`, `hidden`, `cells` and the gradients in
the order of time, outputs in the order of steps. Slopes of activations follow from their results.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .intrinsics import f32, i64, stack, u8
from .recurrent import clear, compiled, copy, function, multiplier
from .shares import share_start

ARGUMENTS = (
    "batch", "times", "units", "wide", "zero_masked", "go_backwards", "origin",  # as in kernels/recurrent.py
    "weights", "bias",  # of the product of a step's gradient with the recurrent weights, and zeros
    "y", "z", "inner", "cells", "hidden",  # inner: what the state gives to the gates of a gru
    "first_c", "mask", "dy", "last_dh", "last_dc",  # 0 where there is none
    "dz", "dinner",  # dinner: the gradient by what the state gives; for all but a gru, where dz is
    "carried", "sums",  # own memory: (4, batch, units), (tiles, rows, wide)
    "dh", "dc",  # gradients by the initial states; 0 where nothing reads them
)  # fmt: skip

F = np.float32
BY_H, BY_C, REPEATED, TOTAL = 0, 1, 2, 3
"""Rows of `carried`: gradients by the states after a step, by outputs that masked steps repeat, by the step's h."""

GATES = {"lstm": 4, "gru": 3, "simple_rnn": 1}

SLOPES: dict[str, Callable[..., Any]] = {
    "tanh": compiled(lambda y: F(1) - y * y),
    "sigmoid": compiled(lambda y: y * (F(1) - y)),
    "linear": compiled(lambda y: F(1)),
}
"""Of activations, by their results."""


def states() -> Any:
    """The state before each step, in the order of time.

    arguments: the states, y, the first state or 0, mask or 0, batch, times, units, go_backwards.
    """

    def kernel(a, thread, threads):
        times, size = a[5], a[6] * 4
        row, end = share_start(a[4], thread, threads), share_start(a[4], thread + 1, threads)
        while row < end:
            state = a[2] + row * size if a[2] != 0 else 0
            for place in range(times):
                time = times - 1 - place if a[7] != 0 else place
                target = a[0] + (row * times + time) * size
                if state != 0:
                    copy(target, state, a[6])
                else:
                    clear(target, a[6])
                if a[3] == 0 or u8(a[3])[row * times + time] != 0:
                    state = a[1] + (row * times + place) * size
            row += 1

    return kernel


@compiled
def carried(a, what, row):
    return a[21] + (what * a[0] + row) * a[2] * 4


def _lstm(act: Any, gate: Any, act_slope: Any, gate_slope: Any) -> tuple[Any, Any]:
    @compiled
    def prepare(a, row):
        """Gates in the place of what enters them, and the cell before each step."""
        times, units = a[1], a[2]
        if a[14] != 0:
            copy(carried(a, TOTAL, row), a[14] + row * units * 4, units)
        else:
            clear(carried(a, TOTAL, row), units)
        state = f32(carried(a, TOTAL, row))
        for place in range(times):
            at = row * times + (times - 1 - place if a[5] != 0 else place)
            z, before = f32(a[10] + at * 4 * units * 4), f32(a[12] + at * units * 4)
            is_real = a[15] == 0 or u8(a[15])[at] != 0
            for u in range(units):
                i, f = gate(z[u]), gate(z[units + u])
                g, o = act(z[2 * units + u]), gate(z[3 * units + u])
                z[u], z[units + u], z[2 * units + u], z[3 * units + u] = i, f, g, o
                before[u] = state[u]
            if is_real:
                for u in range(units):
                    state[u] = z[units + u] * state[u] + z[u] * z[2 * units + u]

    @compiled
    def back(a, row, place, at):
        units = a[2]
        z, before, dz = f32(a[10] + at * 4 * units * 4), f32(a[12] + at * units * 4), f32(a[19] + at * 4 * units * 4)
        total, by_c, by_h = f32(carried(a, TOTAL, row)), f32(carried(a, BY_C, row)), f32(carried(a, BY_H, row))
        for u in range(units):
            i, f, g, o = z[u], z[units + u], z[2 * units + u], z[3 * units + u]
            bent = act(f * before[u] + i * g)
            dc = by_c[u] + total[u] * o * act_slope(bent)
            dz[u] = dc * g * gate_slope(i)
            dz[units + u] = dc * before[u] * gate_slope(f)
            dz[2 * units + u] = dc * i * act_slope(g)
            dz[3 * units + u] = total[u] * bent * gate_slope(o)
            by_c[u] = dc * f
            by_h[u] = 0

    return prepare, back


@compiled
def _unprepared(a, row):
    """A cell that needs nothing before a sequence."""


def _gru(act: Any, gate: Any, act_slope: Any, gate_slope: Any) -> tuple[Any, Any]:
    @compiled
    def back(a, row, place, at):
        units = a[2]
        z, inner, hidden = f32(a[10] + at * 3 * units * 4), f32(a[11] + at * 3 * units * 4), f32(a[13] + at * units * 4)
        dz, dinner = f32(a[19] + at * 3 * units * 4), f32(a[20] + at * 3 * units * 4)
        total, by_h = f32(carried(a, TOTAL, row)), f32(carried(a, BY_H, row))
        for u in range(units):
            update, reset = gate(z[u] + inner[u]), gate(z[units + u] + inner[units + u])
            source = inner[2 * units + u]
            g = act(z[2 * units + u] + reset * source)
            by_candidate = total[u] * (F(1) - update) * act_slope(g)
            by_update = total[u] * (hidden[u] - g) * gate_slope(update)
            by_reset = by_candidate * source * gate_slope(reset)
            dz[u], dz[units + u], dz[2 * units + u] = by_update, by_reset, by_candidate
            dinner[u], dinner[units + u], dinner[2 * units + u] = by_update, by_reset, by_candidate * reset
            by_h[u] = total[u] * update

    return _unprepared, back


def _simple(act: Any, gate: Any, act_slope: Any, gate_slope: Any) -> tuple[Any, Any]:
    @compiled
    def back(a, row, place, at):
        units = a[2]
        y, dz = f32(a[9] + (row * a[1] + place) * units * 4), f32(a[19] + at * units * 4)
        total, by_h = f32(carried(a, TOTAL, row)), f32(carried(a, BY_H, row))
        for u in range(units):
            dz[u] = total[u] * act_slope(y[u])
            by_h[u] = 0

    return _unprepared, back


_CELLS = {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple}


def scan(cell: str, activation: str, gate: str, rows: int, lanes: int) -> Any:
    """cell: "lstm", "gru" (with reset_after) or "simple_rnn"; activations of SLOPES; `rows` sequences at a time.

    Threads share sequences.
    """
    count = GATES[cell]
    prepare, back = _CELLS[cell](function(activation), function(gate), SLOPES[activation], SLOPES[gate])
    multiply, table_on_stack = multiplier(rows, lanes), stack(3 * rows)

    @compiled
    def put(target, given, row, units):
        if given != 0:
            copy(target, given + row * units * 4, units)
        else:
            clear(target, units)

    @compiled
    def gather(a, row, place):
        """The gradient by a step's h: from the steps after, and by the outputs that are this one's."""
        units = a[2]
        total, by_h = f32(carried(a, TOTAL, row)), f32(carried(a, BY_H, row))
        repeated = f32(carried(a, REPEATED, row))
        if a[16] != 0:
            dy = f32(a[16] + (row * a[1] + place) * units * 4)
            for u in range(units):
                repeated[u] += dy[u]
        for u in range(units):
            total[u] = by_h[u] + repeated[u]

    @compiled
    def skip(a, row, at):
        """A masked step: states pass, and so does what its output repeats."""
        clear(a[19] + at * count * a[2] * 4, count * a[2])
        clear(a[20] + at * count * a[2] * 4, count * a[2])
        if a[4] != 0:
            clear(carried(a, REPEATED, row), a[2])

    @compiled
    def pass_on(a, row, sums):
        by_h, shares = f32(carried(a, BY_H, row)), f32(sums)
        for u in range(a[2]):
            by_h[u] += shares[u]

    @compiled
    def step(table, a, first, last, place):
        times, units = a[1], a[2]
        time = times - 1 - place if a[5] != 0 else place
        sums, places = a[22] + (first // rows) * rows * a[3] * 4, i64(table)
        for row in range(first, last):
            at = row * times + time
            gather(a, row, place)
            if a[15] == 0 or u8(a[15])[at] != 0:
                back(a, row, place, at)
                clear(carried(a, REPEATED, row), units)
            else:
                skip(a, row, at)
        for row in range(rows):
            places[row] = a[20] + (min(first + row, last - 1) * times + time) * count * units * 4
            places[rows + row] = sums + row * a[3] * 4
        multiply(table, a[6], count * units, a[7], a[8], a[3])
        for row in range(first, last):
            if a[15] == 0 or u8(a[15])[row * times + time] != 0:
                pass_on(a, row, sums + (row - first) * a[3] * 4)

    @compiled
    def run(table, a, first, last):
        units = a[2]
        for row in range(first, last):
            prepare(a, row)
            put(carried(a, BY_H, row), a[17], row, units)
            put(carried(a, BY_C, row), a[18], row, units)
            clear(carried(a, REPEATED, row), units)
        place = a[1] - 1
        while place >= 0:
            step(table, a, first, last, place)
            place -= 1
        for row in range(first, last):
            if a[23] != 0:
                copy(a[23] + row * units * 4, carried(a, BY_H, row), units)
            if a[24] != 0:
                copy(a[24] + row * units * 4, carried(a, BY_C, row), units)

    def kernel(a, thread, threads):
        table, tiles = table_on_stack(), (a[0] + rows - 1) // rows
        tile, end = share_start(tiles, thread, threads), share_start(tiles, thread + 1, threads)
        while tile < end:
            run(table, a, tile * rows, min(tile * rows + rows, a[0]))
            tile += 1

    return kernel
