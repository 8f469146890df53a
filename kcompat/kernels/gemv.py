"""Products of few rows with packed weights, bound by reading the weights: one row at a time.

Several partial sums hide the latency of the additions; they are added in a fixed order.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I64, as_f32, i64, stack
from .micro import Tile
from .shares import share_start
from .vectors import constant


class _Row(Tile):
    """A tile whose rows are the partial sums of one row of output."""

    def start(self, bias: Any, scale: Any) -> None:
        """The first part begins as a tile's row, the others as zeros."""
        super().start(bias, scale)
        for part in self.sums[1:]:
            for sums in part:
                self.builder.store(ir.Constant(self.vector, [0.0] * self.lanes), sums)

    def accumulate_row(self, x: Any, depth: Any, weights: Any) -> None:
        """Add the products of `depth` elements of x with rows of the weights, dealt out to the partial sums."""
        build, parts = self.builder, self.rows
        rounds = build.sdiv(depth, constant(parts))
        x, weights = self.pointer(x), self.pointer(weights)
        with cgutils.for_range(build, rounds) as turn:
            first = build.mul(turn.index, constant(parts))
            for part in range(parts):
                self._add(x, weights, build.add(first, constant(part)), part)
        done = build.mul(rounds, constant(parts))
        with cgutils.for_range(build, build.sub(depth, done)) as rest:
            self._add(x, weights, build.add(done, rest.index), 0)

    def _add(self, x: Any, weights: Any, step: Any, part: int) -> None:
        element = self.splat(self.builder.load(self.at(x, step)))
        panel = self.at(weights, self.builder.mul(step, constant(self.columns)))
        for column, sums in enumerate(self.sums[part]):
            vector = self.load(self.at(panel, constant(column * self.lanes)))
            self.builder.store(self.fma(element, vector, self.builder.load(sums)), sums)

    def combine(self) -> None:
        """Add the partial sums in pairs; one row remains."""
        while self.rows > 1:
            half = self.rows // 2
            for row in range(half):
                for ours, other in zip(self.sums[row], self.sums[row + half], strict=True):
                    total = self.builder.fadd(self.builder.load(ours), self.builder.load(other))
                    self.builder.store(total, ours)
            self.rows = half
        del self.sums[1:]


def row_kernel(parts: int, vectors: int, lanes: int) -> Any:
    @intrinsic
    def row(context, table, depth, weights, bias, scale, width, residual, low, high):
        def codegen(context, builder, signature, args):
            table, depth, weights, bias, scale, width, residual, low, high = args
            emit = _Row(builder, parts, vectors, lanes)
            emit.start(bias, scale)
            emit.accumulate_row(builder.load(builder.inttoptr(table, I64.as_pointer())), depth, weights)
            emit.combine()
            emit.scale(bias, scale)
            emit.finish(table, constant(0), width, residual, low, high)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32, types.float32), codegen

    return row


def rows(parts: int, vectors: int, lanes: int) -> Any:
    """Takes the arguments of `product.tiles` for a plain product; `parts` is a power of two."""
    row_of_panel, width = row_kernel(parts, vectors, lanes), vectors * lanes
    table_on_stack = stack(3)

    @njit(inline="always")
    def run_panel(table, a, matrix, panel):
        places, column = i64(table), panel * width
        weights = a[1] + (matrix * a[23] + column * a[7]) * 4
        vector = (matrix * a[24] + column) * 4
        bias, scale = a[2] + vector, a[28] + vector if a[28] != 0 else 0
        for row in range(a[5]):
            places[0] = a[0] + (matrix * a[22] + row * a[8]) * 4
            places[1] = a[3] + (matrix * a[25] + row * a[9] + column) * 4
            places[2] = a[4] + (matrix * a[26] + row * a[10] + column) * 4
            row_of_panel(table, a[7], weights, bias, scale, a[6] - column, a[4], as_f32(a[17]), as_f32(a[18]))

    def kernel(a, thread, threads):
        table = table_on_stack()
        panels = (a[6] + width - 1) // width
        unit = share_start(a[21] * panels, thread, threads)
        end = share_start(a[21] * panels, thread + 1, threads)
        while unit < end:
            run_panel(table, a, unit // panels, unit % panels)
            unit += 1

    return kernel
