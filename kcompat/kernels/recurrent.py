"""Recurrent cells over whole sequences: for each step a product of the state with packed weights, then the gates.

What the inputs give to all steps is computed before, as one product. Gates lie side by side, each padded to whole
vectors: `units` below is the padded number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from . import scalars
from .gemv import rows_kernel
from .intrinsics import address_of, f32, fma, i64, stack, u8
from .micro import tile_kernel
from .shares import share_start

HEAD = ("scans", "batch", "times", "units", "own_units", "wide", "second_wide", "zero_masked", "origin")
"""own_units: without the padding; as many rows have the packed weights. wide, second_wide: their columns. origin:
address of an int64 0."""

APART = 16
"""Elements between the sums of one sequence and the next's: rows of whole pages would displace each other in the
first-level cache."""

SCAN = (
    "z", "weights", "bias", "second_weights", "second_bias",  # z: (batch, times, gates * units)
    "h", "c", "sums", "kept",  # own memory: (batch, units), sums (tiles, rows, wide + APART), kept (2, batch, units)
    "first_h", "first_c", "mask", "y", "last_h", "last_c",  # (batch, own_units); 0 where there is none
    "go_backwards",
)  # fmt: skip
"""Arguments of each of `scans` sequences that are gone through at the same time."""

F = np.float32
PARTS = 2
VECTORS = 4

compiled = njit(error_model="numpy", fastmath={"contract", "nsz"}, forceinline=True)
"""Inlined by LLVM, which takes a tenth of the time that inlining by Numba takes. But each function is compiled with all
that it calls: those that call much are left to Numba."""


@scalars.inline
def tanh(x):
    """The quotient of polynomials of Eigen (generic_fast_tanh_float), 3e-7 at most from tanh."""
    x = F(-9) if x < F(-9) else x
    x = F(9) if x > F(9) else x
    z = x * x
    p = fma(F(-2.76076847742355e-16), z, F(2.00018790482477e-13))
    p = fma(p, z, F(-8.60467152213735e-11))
    p = fma(p, z, F(5.12229709037114e-08))
    p = fma(p, z, F(1.48572235717979e-05))
    p = fma(p, z, F(6.37261928875436e-04))
    p = fma(p, z, F(4.89352455891786e-03))
    q = fma(F(1.19825839466702e-06), z, F(1.18534705686654e-04))
    q = fma(q, z, F(2.26843463243900e-03))
    q = fma(q, z, F(4.89352518554385e-03))
    return p * x / q


@scalars.inline
def sigmoid(x):
    return fma(tanh(x * F(0.5)), F(0.5), F(0.5))


_GATES = {"tanh": tanh, "sigmoid": sigmoid}
"""Quicker than those of `scalars`, within 1e-6 of them, but not relatively near zero."""


def function(text: str) -> Callable[..., Any]:
    """A function of one number from "name" or "name(a,b)"."""
    name, _, rest = text.partition("(")
    if name == "linear":
        return compiled(lambda x: x)
    apply = _GATES.get(name) or scalars.FLOAT[name]
    numbers = [F(number) for number in rest.rstrip(")").split(",") if number]
    if not numbers:
        return compiled(lambda x: apply(x))
    p, q, r = (*numbers, F(0), F(0))[:3]
    by_count = {
        1: compiled(lambda x: apply(x, p)),
        2: compiled(lambda x: apply(x, p, q)),
        3: compiled(lambda x: apply(x, p, q, r)),
    }
    return by_count[len(numbers)]


def panel_product(rows: int, lanes: int) -> Callable[..., None]:
    """`multiply(table, origin, depth, weights, bias)`: rows times one panel, into the second rows."""
    low, high = F(-np.inf), F(np.inf)
    if rows == 1:
        one = rows_kernel(1, PARTS, VECTORS, lanes)

        @compiled
        def multiply_row(table, origin, depth, weights, bias):
            one(table, depth, weights, bias, 0, VECTORS * lanes, 0, low, high)

        return multiply_row
    tile = tile_kernel(rows, VECTORS, lanes)

    @compiled
    def multiply(table, origin, depth, weights, bias):
        tile(table, origin, 1, depth, 1, weights, bias, 0, 0, VECTORS * lanes, 0, low, high)

    return multiply


def multiplier(rows: int, lanes: int) -> Callable[..., None]:
    """`multiply(table, origin, depth, weights, bias, wide)`: rows times all panels, into the second rows."""
    by_panel, width = panel_product(rows, lanes), VECTORS * lanes

    @compiled
    def multiply(table, origin, depth, weights, bias, wide):
        places, column = i64(table), 0
        while column < wide:
            by_panel(table, origin, depth, weights + column * depth * 4, bias + column * 4)
            for row in range(rows):
                places[rows + row] += width * 4
            column += width

    return multiply


@compiled
def copy(target, source, count):
    y, x = f32(target), f32(source)
    for i in range(count):
        y[i] = x[i]


@compiled
def clear(target, count):
    y = f32(target)
    for i in range(count):
        y[i] = 0


@compiled
def _put_first(state, first, row, units, own):
    """The state of a row before the first step."""
    clear(state + row * units * 4, units)
    if first != 0:
        copy(state + row * units * 4, first + row * own * 4, own)


def _lstm(act: Any, gate: Any) -> Any:
    @compiled
    def cell(s, z, h, c, units):
        for u in range(units):
            i, f = gate(s[u] + z[u]), gate(s[units + u] + z[units + u])
            g, o = act(s[2 * units + u] + z[2 * units + u]), gate(s[3 * units + u] + z[3 * units + u])
            c[u] = f * c[u] + i * g
            h[u] = o * act(c[u])

    return cell


def _gru(act: Any, gate: Any) -> Any:
    @compiled
    def cell(s, z, h, c, units):
        for u in range(units):
            update, reset = gate(s[u] + z[u]), gate(s[units + u] + z[units + u])
            g = act(z[2 * units + u] + reset * s[2 * units + u])
            h[u] = update * h[u] + (F(1) - update) * g

    return cell


def _simple(act: Any, gate: Any) -> Any:
    @compiled
    def cell(s, z, h, c, units):
        for u in range(units):
            h[u] = act(s[u] + z[u])

    return cell


_CELLS = {"lstm": _lstm, "gru": _gru, "simple_rnn": _simple}


def scan(cell: str, activation: str, gate: str, rows: int, lanes: int) -> Any:
    """cell: "lstm", "gru" (with reset_after), "gru_before" (without) or "simple_rnn"; `rows` sequences at a time.

    Threads share sequences.
    """
    act, recurrent = function(activation), function(gate)
    multiply, width = panel_product(rows, lanes), VECTORS * lanes
    table_on_stack = stack(3 * rows)
    gates = _CELLS["simple_rnn" if cell == "gru_before" else cell](act, recurrent)
    in_two = cell == "gru_before"

    @compiled
    def product(table, a, state, sums, first, last, weights, bias, wide):
        """The sums of some sequences, all of them with one panel after another; beyond the last one, of the last."""
        places, units, depth, column = i64(table), a[3], a[4], 0
        while column < wide:
            start = first
            while start < last:
                for row in range(rows):
                    places[row] = state + min(start + row, last - 1) * units * 4
                    places[rows + row] = sums + ((start - first + row) * (wide + APART) + column) * 4
                multiply(table, a[8], depth, weights + column * depth * 4, bias + column * 4)
                start += rows
            column += width

    @compiled
    def candidate(table, a, b, sums, first, last, z_first, z_step):
        """The update gates, and the candidates from reset states."""
        units, kept = a[3], b[8] + a[1] * a[3] * 4
        for row in range(first, last):
            s, z = f32(sums + (row - first) * (a[5] + APART) * 4), f32(z_first + row * z_step)
            h = f32(b[5] + row * units * 4)
            update, reset = f32(b[8] + row * units * 4), f32(kept + row * units * 4)
            for u in range(units):
                update[u] = recurrent(s[u] + z[u])
                reset[u] = recurrent(s[units + u] + z[units + u]) * h[u]
        product(table, a, kept, sums, first, last, b[3], b[4], a[6])

    @compiled
    def blend(a, b, row, s, z):
        units = a[3]
        h, update = f32(b[5] + row * units * 4), f32(b[8] + row * units * 4)
        for u in range(units):
            g = act(s[u] + z[2 * units + u])
            h[u] = update[u] * h[u] + (F(1) - update[u]) * g

    @compiled
    def keep(a, b, row, place, is_real):
        """Write the output of a step, if outputs are wanted."""
        own = a[4]
        if b[12] != 0:
            y = b[12] + (row * a[2] + place) * own * 4
            if is_real:
                copy(y, b[5] + row * a[3] * 4, own)
            elif place == 0 or a[7] != 0:
                clear(y, own)
            else:
                copy(y, y - own * 4, own)

    @njit(inline="always")
    def step(table, a, b, gate_count, first, last, place):
        units, times = a[3], a[2]
        time = times - 1 - place if b[15] != 0 else place
        z_step = times * gate_count * units * 4
        z_first = b[0] + time * gate_count * units * 4
        sums = b[7] + first * (a[5] + APART) * 4
        product(table, a, b[5], sums, first, last, b[1], b[2], a[5])
        wide = a[5]
        if in_two:
            candidate(table, a, b, sums, first, last, z_first, z_step)
            wide = a[6]
        for row in range(first, last):
            is_real = b[11] == 0 or u8(b[11])[row * times + time] != 0
            if is_real:
                s, z = f32(sums + (row - first) * (wide + APART) * 4), f32(z_first + row * z_step)
                if in_two:
                    blend(a, b, row, s, z)
                else:
                    gates(s, z, f32(b[5] + row * units * 4), f32(b[6] + row * units * 4), units)
            keep(a, b, row, place, is_real)

    @njit(inline="always")
    def run(table, a, b, gate_count, first, last):
        """All steps of some sequences of one scan."""
        for row in range(first, last):
            _put_first(b[5], b[9], row, a[3], a[4])
            _put_first(b[6], b[10], row, a[3], a[4])
        for place in range(a[2]):
            step(table, a, b, gate_count, first, last, place)
        for row in range(first, last):
            if b[13] != 0:
                copy(b[13] + row * a[4] * 4, b[5] + row * a[3] * 4, a[4])
            if b[14] != 0:
                copy(b[14] + row * a[4] * 4, b[6] + row * a[3] * 4, a[4])

    gate_counts = {"lstm": 4, "gru": 3, "gru_before": 3, "simple_rnn": 1}
    count = gate_counts[cell]
    head, words = len(HEAD) * 8, len(SCAN) * 8

    def kernel(a, thread, threads):
        table = table_on_stack()
        tiles = (a[1] + rows - 1) // rows
        unit, end = share_start(a[0] * tiles, thread, threads), share_start(a[0] * tiles, thread + 1, threads)
        while unit < end:
            number = unit // tiles
            first = unit - number * tiles
            last = min(tiles, first + end - unit)
            scan_arguments = i64(address_of(a) + head + number * words)
            run(table, a, scan_arguments, count, first * rows, min(last * rows, a[1]))
            unit += last - first

    return kernel
