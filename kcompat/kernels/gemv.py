"""Products of few rows with packed weights, bound by reading the weights, which are read once for all rows.

Several partial sums hide the latency of the additions; they are added in a fixed order.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import as_f32, i64, stack
from .micro import Tile
from .shares import share_start
from .vectors import constant


class _Rows(Tile):
    """A tile with several partial sums for each row of output, the first of them the tile's own."""

    def __init__(self, builder: Any, rows: int, parts: int, vectors: int, lanes: int) -> None:
        super().__init__(builder, rows, vectors, lanes)
        others = ([[self._zeros() for _ in self.pieces] for _ in range(rows)] for _ in range(parts - 1))
        self._parts = [self.sums, *others]

    def _zeros(self) -> Any:
        place = cgutils.alloca_once(self.builder, self.vector)
        self.builder.store(self.number(0.0), place)
        return place

    def accumulate_rows(self, table: Any, depth: Any, weights: Any) -> None:
        """Add the products of `depth` elements of each row with rows of the weights, dealt out to the parts."""
        build, parts = self.builder, constant(len(self._parts))
        rounds = build.sdiv(depth, parts)
        rows, weights = self.row_pointers(table, 0), self.pointer(weights)
        with cgutils.for_range(build, rounds) as turn:
            first = build.mul(turn.index, parts)
            for number, sums in enumerate(self._parts):
                self._add(rows, weights, build.add(first, constant(number)), sums)
        done = build.mul(rounds, parts)
        with cgutils.for_range(build, build.sub(depth, done)) as rest:
            self._add(rows, weights, build.add(done, rest.index), self.sums)

    def _add(self, rows: list[Any], weights: Any, step: Any, sums: list[list[Any]]) -> None:
        panel = self.at(weights, self.builder.mul(step, constant(self.columns)))
        vectors = [self.load(self.at(panel, constant(first))) for first, _ in self.pieces]
        for x, places in zip(rows, sums, strict=True):
            element = self.splat(self.builder.load(self.at(x, step)))
            for vector, place in zip(vectors, places, strict=True):
                self.builder.store(self.fma(element, vector, self.builder.load(place)), place)

    def combine(self) -> None:
        """Add the partial sums in pairs, into the tile's own."""
        while len(self._parts) > 1:
            half = len(self._parts) // 2
            for ours, others in zip(self._parts[:half], self._parts[half:], strict=True):
                for row, other in zip(ours, others, strict=True):
                    self._add_row(row, other)
            del self._parts[half:]

    def _add_row(self, row: list[Any], other: list[Any]) -> None:
        for place, added in zip(row, other, strict=True):
            self.builder.store(self.builder.fadd(self.builder.load(place), self.builder.load(added)), place)


def rows_kernel(rows: int, parts: int, vectors: int, lanes: int) -> Any:
    """`product(table, depth, weights, bias, scale, width, residual, low, high)` with one panel; the table and others as
    `micro.tile_kernel` has them."""

    @intrinsic
    def panel_product(context, table, depth, weights, bias, scale, width, residual, low, high):
        def codegen(context, builder, signature, args):
            table, depth, weights, bias, scale, width, residual, low, high = args
            emit = _Rows(builder, rows, parts, vectors, lanes)
            emit.start(bias, scale)
            emit.accumulate_rows(table, depth, weights)
            emit.combine()
            emit.scale(bias, scale)
            emit.finish(table, constant(0), width, residual, low, high)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32, types.float32), codegen

    return panel_product


def rows(rows: int, parts: int, vectors: int, lanes: int) -> Any:
    """Takes the arguments of `product.tiles` for a plain product of so many rows; `parts` is a power of two."""
    multiply, width = rows_kernel(rows, parts, vectors, lanes), vectors * lanes
    table_on_stack = stack(3 * rows)

    @njit(inline="always")
    def run_panel(table, a, matrix, panel):
        places, column = i64(table), panel * width
        weights = a[1] + (matrix * a[23] + column * a[7]) * 4
        vector = (matrix * a[24] + column) * 4
        bias, scale = a[2] + vector, a[28] + vector if a[28] != 0 else 0
        for row in range(rows):
            places[row] = a[0] + (matrix * a[22] + row * a[8]) * 4
            places[rows + row] = a[3] + (matrix * a[25] + row * a[9] + column) * 4
            places[2 * rows + row] = a[4] + (matrix * a[26] + row * a[10] + column) * 4
        multiply(table, a[7], weights, bias, scale, a[6] - column, a[4], as_f32(a[17]), as_f32(a[18]))

    def kernel(a, thread, threads):
        table = table_on_stack()
        panels = (a[6] + width - 1) // width
        unit = share_start(a[21] * panels, thread, threads)
        end = share_start(a[21] * panels, thread + 1, threads)
        while unit < end:
            run_panel(table, a, unit // panels, unit % panels)
            unit += 1

    return kernel
