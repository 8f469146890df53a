"""The micro-kernel of matrix products and convolutions: a tile of the output held in registers.

Written as LLVM IR, because accumulators must be vector values of a known width: `lanes` is 16 for AVX-512,
8 for AVX2, 4 for SSE and NEON.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I64
from .vectors import Vectors, constant

LINE = 16
"""float32 in a line of the caches."""


class Piece(NamedTuple):
    """Neighbouring columns of a tile, from `first` on, that are one vector."""

    first: int
    vectors: Vectors


class Tile(Vectors):
    """Emits the parts of one micro-kernel.

    columns: of a panel of weights. filled: how many of them, the first ones, the tile computes: whole vectors, and
    half a one.
    """

    def __init__(
        self, builder: Any, rows: int, vectors: int, lanes: int, streams: bool = False, filled: int = 0
    ) -> None:
        super().__init__(builder, lanes)
        self.rows, self.columns, self.streams = rows, vectors * lanes, streams
        self.filled = filled or self.columns
        self.pieces = [Piece(first, self) for first in range(0, self.filled - lanes + 1, lanes)]
        if self.filled % lanes:
            self.pieces.append(Piece(self.filled - lanes // 2, Vectors(builder, lanes // 2)))
        self.sums = [[cgutils.alloca_once(builder, emit.vector) for _, emit in self.pieces] for _ in range(rows)]

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
        for number, piece in enumerate(self.pieces):
            value = self.builder.select(is_scaled, piece.vectors.number(0.0), self._column(bias, piece))
            for row in range(self.rows):
                self.builder.store(value, self.sums[row][number])

    def _column(self, vector: Any, piece: Piece) -> Any:
        return piece.vectors.load(self.at(self.pointer(vector), constant(piece.first)))

    def accumulate(self, table: Any, segments: Any, count: Any, length: Any, spacing: Any, weights: Any) -> None:
        """Add, for each segment and each of its `length` elements, element times a row of the weights; the weights
        that follow these are asked for."""
        build = self.builder
        to_next = build.mul(build.mul(count, length), constant(self.columns))
        rows = self.row_pointers(table, 0)
        offsets = build.inttoptr(segments, I64.as_pointer())
        place = cgutils.alloca_once_value(build, self.pointer(weights))
        with cgutils.for_range(build, count) as segment:
            offset = build.load(build.gep(offsets, [segment.index]))
            starts = [self.at(row, offset) for row in rows]
            with cgutils.for_range(build, length) as step:
                panel = build.load(place)
                vectors = [emit.load(self.at(panel, constant(first))) for first, emit in self.pieces]
                for line in range(0, self.columns, LINE):
                    self.prefetch(self.at(panel, build.add(to_next, constant(line))))
                place_in_run = build.mul(step.index, spacing)
                for row, start in enumerate(starts):
                    element = self.splat(build.load(self.at(start, place_in_run)))
                    for (_, emit), vector, sums in zip(self.pieces, vectors, self.sums[row], strict=True):
                        factor = self.first_lanes(element, emit.lanes)
                        build.store(emit.fma(factor, vector, build.load(sums)), sums)
                build.store(self.at(panel, constant(self.columns)), place)

    def scale(self, bias: Any, scale: Any) -> None:
        """Multiply the columns by their factors, if there are any, and add the bias."""
        with self.builder.if_then(self.builder.icmp_signed("!=", scale, constant(0))):
            for number, piece in enumerate(self.pieces):
                factor, offset = self._column(scale, piece), self._column(bias, piece)
                for row in self.sums:
                    total = piece.vectors.fma(self.builder.load(row[number]), factor, offset)
                    self.builder.store(total, row[number])

    def finish(self, table: Any, column: Any, width: Any, residual: Any, low: Any, high: Any) -> None:
        """Add the residual rows if there are, clamp, and store `width` columns from `column` on."""
        self._if(
            self.builder.icmp_signed(">=", width, constant(self.filled)),
            lambda: self._finish(table, column, None, residual, low, high),
            lambda: self._finish(table, column, width, residual, low, high),
        )

    def _if(self, condition: Any, then: Any, otherwise: Any) -> None:
        with self.builder.if_else(condition) as (yes, no):
            with yes:
                then()
            with no:
                otherwise()

    def _finish(self, table: Any, column: Any, width: Any, residual: Any, low: Any, high: Any) -> None:
        masks = [None if width is None else piece.vectors.mask(width, piece.first) for piece in self.pieces]
        with self.builder.if_then(self.builder.icmp_signed("!=", residual, constant(0))):
            for row, pointer in enumerate(self.row_pointers(table, 2 * self.rows)):
                for (first, emit), mask, sums in zip(self.pieces, masks, self.sums[row], strict=True):
                    place = self.at(self.at(pointer, column), constant(first))
                    added = self.builder.fadd(self.builder.load(sums), emit.load(place, mask))
                    self.builder.store(added, sums)
        targets = [self.at(pointer, column) for pointer in self.row_pointers(table, self.rows)]
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
        limits = [(emit.splat(low), emit.splat(high)) for _, emit in self.pieces]
        for row, pointer in enumerate(targets):
            for number, (first, emit) in enumerate(self.pieces):
                value = emit.clamp(self.builder.load(self.sums[row][number]), *limits[number])
                place = self.at(pointer, constant(first))
                if masks is None:
                    emit.stream(value, place)
                else:
                    emit.store(value, place, masks[number])


@cache
def tile_kernel(rows: int, vectors: int, lanes: int, streams: bool = False, filled: int = 0) -> Any:
    """A tile of `rows` by `vectors * lanes` outputs, or by the first `filled` of these: `tile(table, segments, count,
    length, spacing, weights, bias, scale, column, width, residual, low, high)`.

    table: address of 3 * rows addresses: where each row's input begins, where its output goes, where what is
    added to it is. segments: offsets in elements from a row's input to each of `count` runs of `length`
    elements, `spacing` apart. weights: count * length rows of vectors * lanes columns. scale: the address of the
    columns' factors, or 0. column: how many elements after the addresses in the table outputs go. width: how many
    columns are stored. residual: whether something is added. Sums run in the order of the weights' rows, whatever the
    tile. streams: results go past the caches where they are aligned to vectors, as their rows must then all be.
    """

    @intrinsic
    def tile(
        context, table, segments, count, length, spacing, weights, bias, scale, column, width, residual, low, high
    ):
        def codegen(context, builder, signature, args):
            table, segments, count, length, spacing, weights, bias, scale, column, width, residual, low, high = args
            emit = Tile(builder, rows, vectors, lanes, streams, filled)
            emit.start(bias, scale)
            emit.accumulate(table, segments, count, length, spacing, weights)
            emit.scale(bias, scale)
            emit.finish(table, column, width, residual, low, high)
            return context.get_dummy_value()

        integers = [types.int64] * 11
        return types.void(*integers, types.float32, types.float32), codegen

    return tile
