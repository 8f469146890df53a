"""The micro-kernel of matrix products and convolutions: a tile of the output held in registers.

Written as LLVM IR, because accumulators must be vector values of a known width: `lanes` is 16 for AVX-512,
8 for AVX2, 4 for SSE and NEON.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I32, I64
from .vectors import Vectors, constant


class Tile(Vectors):
    """Emits the parts of one micro-kernel."""

    def __init__(self, builder: Any, rows: int, vectors: int, lanes: int, streams: bool = False) -> None:
        super().__init__(builder, lanes)
        self.rows, self.vectors, self.streams = rows, vectors, streams
        self.columns = vectors * lanes
        self.sums = [[cgutils.alloca_once(builder, self.vector) for _ in range(vectors)] for _ in range(rows)]

    def row_pointers(self, table: Any, first: int) -> list[Any]:
        """The addresses in the table from a place on, one for each row."""
        places = self.builder.inttoptr(table, I64.as_pointer())
        return [
            self.pointer(self.builder.load(self.builder.gep(places, [constant(first + row)])))
            for row in range(self.rows)
        ]

    def start(self, bias: Any, scale: Any) -> None:
        """Every row begins as the bias, or as zeros if it is to be scaled."""
        is_scaled = self.builder.icmp_signed("!=", scale, constant(0))
        for column in range(self.vectors):
            value = self.builder.select(is_scaled, self.number(0.0), self._column(bias, column))
            for row in range(self.rows):
                self.builder.store(value, self.sums[row][column])

    def _column(self, vector: Any, column: int) -> Any:
        return self.load(self.at(self.pointer(vector), constant(column * self.lanes)))

    def accumulate(self, table: Any, segments: Any, count: Any, length: Any, spacing: Any, weights: Any) -> None:
        """Add, for each segment and each of its `length` elements, element times a row of the weights."""
        build = self.builder
        rows = self.row_pointers(table, 0)
        offsets = build.inttoptr(segments, I64.as_pointer())
        place = cgutils.alloca_once_value(build, self.pointer(weights))
        with cgutils.for_range(build, count) as segment:
            offset = build.load(build.gep(offsets, [segment.index]))
            starts = [self.at(row, offset) for row in rows]
            with cgutils.for_range(build, length) as step:
                panel = build.load(place)
                vectors = [self.load(self.at(panel, constant(v * self.lanes))) for v in range(self.vectors)]
                place_in_run = build.mul(step.index, spacing)
                for row, start in enumerate(starts):
                    element = self.splat(build.load(self.at(start, place_in_run)))
                    for column, vector in enumerate(vectors):
                        sums = self.sums[row][column]
                        build.store(self.fma(element, vector, build.load(sums)), sums)
                build.store(self.at(panel, constant(self.columns)), place)

    def scale(self, bias: Any, scale: Any) -> None:
        """Multiply the columns by their factors, if there are any, and add the bias."""
        with self.builder.if_then(self.builder.icmp_signed("!=", scale, constant(0))):
            for column in range(self.vectors):
                factor, offset = self._column(scale, column), self._column(bias, column)
                for row in self.sums:
                    self.builder.store(self.fma(self.builder.load(row[column]), factor, offset), row[column])

    def finish(self, table: Any, width: Any, residual: Any, low: Any, high: Any) -> None:
        """Add the residual rows if there are, clamp, and store `width` columns."""
        self._if(
            self.builder.icmp_signed(">=", width, constant(self.columns)),
            lambda: self._finish(table, None, residual, low, high),
            lambda: self._finish(table, width, residual, low, high),
        )

    def _if(self, condition: Any, then: Any, otherwise: Any) -> None:
        with self.builder.if_else(condition) as (yes, no):
            with yes:
                then()
            with no:
                otherwise()

    def _finish(self, table: Any, width: Any, residual: Any, low: Any, high: Any) -> None:
        masks = [None if width is None else self._mask(width, column) for column in range(self.vectors)]
        with self.builder.if_then(self.builder.icmp_signed("!=", residual, constant(0))):
            for row, pointer in enumerate(self.row_pointers(table, 2 * self.rows)):
                for column, sums in enumerate(self.sums[row]):
                    place = self.at(pointer, constant(column * self.lanes))
                    added = self.builder.fadd(self.builder.load(sums), self._load_some(place, masks[column]))
                    self.builder.store(added, sums)
        low, high = self.splat(low), self.splat(high)
        targets = self.row_pointers(table, self.rows)
        if not self.streams or width is not None:
            self._store_rows(targets, low, high, masks)
            return
        self._if(
            self.is_aligned(self.builder.ptrtoint(targets[0], I64)),
            lambda: self._store_rows(targets, low, high),
            lambda: self._store_rows(targets, low, high, masks),
        )

    def _store_rows(self, targets: list[Any], low: Any, high: Any, masks: list[Any] | None = None) -> None:
        """Store all sums, clamped; without masks past the caches."""
        for row, pointer in enumerate(targets):
            for column, sums in enumerate(self.sums[row]):
                value, place = (
                    self.clamp(self.builder.load(sums), low, high),
                    self.at(pointer, constant(column * self.lanes)),
                )
                if masks is None:
                    self.stream(value, place)
                else:
                    self._store_some(value, place, masks[column])

    def _mask(self, width: Any, column: int) -> Any:
        build, kind = self.builder, ir.VectorType(I32, self.lanes)
        places = ir.Constant(kind, [column * self.lanes + lane for lane in range(self.lanes)])
        undefined = ir.Constant(kind, ir.Undefined)
        first = build.insert_element(undefined, build.trunc(width, I32), ir.Constant(I32, 0))
        limit = build.shuffle_vector(first, undefined, ir.Constant(kind, [0] * self.lanes))
        return build.icmp_signed("<", places, limit)

    def _load_some(self, pointer: Any, mask: Any) -> Any:
        if mask is None:
            return self.load(pointer)
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        kind = ir.FunctionType(self.vector, [place.type, I32, mask.type, self.vector])
        load = self.intrinsic(f"llvm.masked.load.v{self.lanes}f32.p0", kind)
        return self.builder.call(load, [place, ir.Constant(I32, 4), mask, ir.Constant(self.vector, [0.0] * self.lanes)])

    def _store_some(self, value: Any, pointer: Any, mask: Any) -> None:
        if mask is None:
            self.store(value, pointer)
            return
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [self.vector, place.type, I32, mask.type])
        store = self.intrinsic(f"llvm.masked.store.v{self.lanes}f32.p0", kind)
        self.builder.call(store, [value, place, ir.Constant(I32, 4), mask])


@cache
def tile_kernel(rows: int, vectors: int, lanes: int, streams: bool = False) -> Any:
    """A tile of `rows` by `vectors * lanes` outputs: `tile(table, segments, count, length, spacing, weights, bias,
    scale, width, residual, low, high)`.

    table: address of 3 * rows addresses: where each row's input begins, where its output goes, where what is
    added to it is. segments: offsets in elements from a row's input to each of `count` runs of `length`
    elements, `spacing` apart. weights: count * length rows of vectors * lanes columns. scale: the address of the
    columns' factors, or 0. width: how many columns are stored. residual: whether something is added. Sums run in the
    order of the weights' rows, whatever the tile.
    streams: results go past the caches where they are aligned to vectors, as their rows must then all be.
    """

    @intrinsic
    def tile(context, table, segments, count, length, spacing, weights, bias, scale, width, residual, low, high):
        def codegen(context, builder, signature, args):
            table, segments, count, length, spacing, weights, bias, scale, width, residual, low, high = args
            emit = Tile(builder, rows, vectors, lanes, streams)
            emit.start(bias, scale)
            emit.accumulate(table, segments, count, length, spacing, weights)
            emit.scale(bias, scale)
            emit.finish(table, width, residual, low, high)
            return context.get_dummy_value()

        integers = [types.int64] * 10
        return types.void(*integers, types.float32, types.float32), codegen

    return tile
