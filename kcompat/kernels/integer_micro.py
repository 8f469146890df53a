"""The micro-kernel of products of bytes: a tile of int32 sums held in registers.

Sums are exact, so any processor's instructions give the same bits: `vpdpbusd` where there is VNNI, `pmaddwd` of bytes
widened to int16 on other x86, else plain products. Factors on the left are unsigned (signed ones with their sign bit
turned), those on the right signed; four neighbours along the depth are one int32.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import F32, I32, I64
from .machine import dot_instruction
from .vectors import Vectors, constant

I8 = ir.IntType(8)
EXACT = False
"""The `fastmath` of kernels that finish sums: a product and the offset added to it are rounded one after the other."""

GROUP = 4
"""Factors that are one int32."""

SIGNS = 0x80808080 - (1 << 32)

X, WEIGHTS, START, Y, SEGMENTS, COUNT, LENGTH = range(7)
X_ZERO, COLUMN_SUMS, CORRECTION, FACTOR, FACTOR_STEP, OFFSET, LOW, HIGH, Y_ZERO = range(7, 16)
"""Words of the arguments that a tile reads."""

_VNNI = {16: "llvm.x86.avx512.vpdpbusd.512", 8: "llvm.x86.avx512.vpdpbusd.256", 4: "llvm.x86.avx512.vpdpbusd.128"}
_MADD = {16: "llvm.x86.avx512.pmaddw.d.512", 8: "llvm.x86.avx2.pmadd.wd", 4: "llvm.x86.sse2.pmadd.wd"}


class Finish(Vectors):
    """Emits what products of bytes begin with and what becomes of their sums, vectors of `lanes` int32."""

    def __init__(self, builder: Any, words: Any, lanes: int) -> None:
        super().__init__(builder, lanes)
        self.words, self.whole, self.bytes = words, ir.VectorType(I32, lanes), ir.VectorType(I8, lanes)

    def argument(self, index: int) -> Any:
        return self.word(self.words, index)

    def whole_number(self, value: int) -> Any:
        return ir.Constant(self.whole, [value] * self.lanes)

    def spread(self, scalar: Any) -> Any:
        """A vector of one int32."""
        undefined = ir.Constant(self.whole, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        return self.builder.shuffle_vector(first, undefined, self.whole_number(0))

    def read(self, address: Any, kind: Any, align: int = 4) -> Any:
        """What is at an address."""
        value = self.builder.load(self.builder.inttoptr(address, kind.as_pointer()))
        value.align = align
        return value

    def of_column(self, array: Any, column: Any, kind: Any, mask: Any = None) -> Any:
        """A vector of an array with one element of four bytes for each column; zeros where a mask is not set."""
        place = self.builder.add(array, self.builder.mul(column, constant(4)))
        if mask is None:
            return self.read(place, kind)
        value = self.load(self.pointer(place), mask)
        return value if kind is self.vector else self.builder.bitcast(value, kind)

    def given_zero(self, is_signed: bool, flips: bool) -> Any:
        """The zero of x as an int32 if it is not known before, else 0."""
        build, zero = self.builder, cgutils.alloca_once_value(self.builder, ir.Constant(I32, 0))
        address = self.argument(X_ZERO)
        with build.if_then(build.icmp_signed("!=", address, constant(0))):
            byte = self.read(address, I8, 1)
            byte = build.xor(byte, ir.Constant(I8, -128)) if flips else byte
            build.store(build.sext(byte, I32) if is_signed else build.zext(byte, I32), zero)
        return build.load(zero)

    def less_zero(self, column: Any, starts: Any, zero: Any, mask: Any = None) -> Any:
        """Where the sums of columns begin: the bias, less the zero of x times the sums of weights."""
        build = self.builder
        has_sums = build.icmp_signed("!=", self.argument(COLUMN_SUMS), constant(0))
        sums = self.of_column(build.select(has_sums, self.argument(COLUMN_SUMS), starts), column, self.whole, mask)
        return build.sub(self.of_column(starts, column, self.whole, mask), build.mul(self.spread(zero), sums))

    def scales(self, column: Any, result: str, mask: Any = None) -> tuple[Any, Any] | None:
        """Factors and offsets of columns."""
        if result == "int32":
            return None
        build, cell = self.builder, cgutils.alloca_once(self.builder, self.vector)
        address = self.argument(FACTOR)
        with build.if_else(build.icmp_signed("!=", self.argument(FACTOR_STEP), constant(0))) as (several, one):
            with several:
                build.store(self.of_column(address, column, self.vector, mask), cell)
            with one:
                build.store(self.splat(self.read(address, F32)), cell)
        return build.load(cell), self.of_column(self.argument(OFFSET), column, self.vector, mask)

    def finished(self, sums: Any, scales: tuple[Any, Any] | None, result: str) -> Any:
        """Sums as they are; scaled and clamped; or that rounded, as bytes."""
        if scales is None:
            return sums
        build = self.builder
        low, high = (self.splat(self._float(self.argument(word))) for word in (LOW, HIGH))
        scaled = build.fadd(build.fmul(build.sitofp(sums, self.vector), scales[0]), scales[1])
        value = self.clamp(scaled, low, high)
        if result == "float":
            return value
        zero = self.spread(build.trunc(self.argument(Y_ZERO), I32))
        return build.trunc(build.add(self._rounded(value), zero), self.bytes)

    def _float(self, word: Any) -> Any:
        return self.builder.bitcast(self.builder.trunc(word, I32), F32)

    def _rounded(self, value: Any) -> Any:
        kind = ir.FunctionType(self.vector, [self.vector])
        whole = self.builder.call(self.intrinsic(f"llvm.rint.v{self.lanes}f32", kind), [value])
        return self.builder.fptosi(whole, self.whole)

    def put(self, value: Any, address: Any, mask: Any) -> None:
        """Store int32, float32 or bytes, where a mask is set if there is one."""
        kind = value.type
        place = self.builder.inttoptr(address, kind.as_pointer())
        if mask is None:
            self.builder.store(value, place).align = 1
            return
        name = {I32: "i32", F32: "f32", I8: "i8"}[kind.element]
        types = [kind, place.type, I32, mask.type]
        store = self.intrinsic(f"llvm.masked.store.v{self.lanes}{name}.p0", ir.FunctionType(ir.VoidType(), types))
        self.builder.call(store, [value, place, ir.Constant(I32, 1), mask])


class ByteTile(Finish):
    """Emits a tile of `rows` by `vectors` vectors of sums.

    flips: whether factors on the left are signed. counts: whether a panel has, behind its vectors, one of ones, whose
    sums are those of the rows' own factors. parts: sums of each, so that no product waits for the one before it.
    """

    def __init__(
        self, builder: Any, words: Any, shape: tuple[int, int, int, int], way: str, flips: bool, counts: bool
    ) -> None:
        self.rows, self.vectors, lanes, self.parts = shape
        super().__init__(builder, words, lanes)
        self.way, self.flips, self.counts = way, flips, counts
        self.halves = ir.VectorType(ir.IntType(16), 2 * lanes)
        self.pieces = self.vectors + counts
        self.row_bytes = self.pieces * lanes * GROUP
        zero = self.whole_number(0)
        self.sums = [
            [[cgutils.alloca_once_value(builder, zero) for _ in range(self.pieces)] for _ in range(self.rows)]
            for _ in range(self.parts)
        ]

    def columns(self, column: Any) -> list[Any]:
        """The first column of each vector."""
        return [self.builder.add(column, constant(vector * self.lanes)) for vector in range(self.vectors)]

    def start(self, column: Any) -> None:
        zero, starts = self.given_zero(False, self.flips), self.argument(START)
        for part in self.sums:
            for cell in (cell for row in part for cell in row):
                self.builder.store(self.whole_number(0), cell)
        for vector, first in enumerate(self.columns(column)):
            value = self.less_zero(first, starts, zero)
            for row in self.sums[0]:
                self.builder.store(value, row[vector])

    def accumulate(self, table: Any, weights: Any) -> None:
        """Add all products: for each segment, each of its groups."""
        build = self.builder
        segments, length = self.argument(SEGMENTS), self.argument(LENGTH)
        starts = [self.word(table, row) for row in range(self.rows)]
        place = cgutils.alloca_once_value(build, weights)
        with cgutils.for_range(build, self.argument(COUNT)) as segment:
            offset = self.read(build.add(segments, build.mul(segment.index, constant(8))), I64, 8)
            rows = [build.add(row, offset) for row in starts]
            whole = build.sdiv(length, constant(self.parts))
            with cgutils.for_range(build, whole) as step:
                first = build.mul(step.index, constant(self.parts))
                for part in range(self.parts):
                    self._group(rows, build.add(first, constant(part)), place, part)
            if self.parts > 1:
                done = build.mul(whole, constant(self.parts))
                with cgutils.for_range(build, build.sub(length, done)) as step:
                    self._group(rows, build.add(done, step.index), place, 0)

    def _group(self, rows: list[Any], index: Any, place: Any, part: int) -> None:
        """Add one group of four products to all sums."""
        build, panel, distance = self.builder, self.builder.load(place), self.builder.mul(index, constant(GROUP))
        size = self.lanes * GROUP
        factors = [
            self._prepared(self.read(build.add(panel, constant(piece * size)), self.whole), True)
            for piece in range(self.pieces)
        ]
        for row, start in enumerate(rows):
            group = self.read(build.add(start, distance), I32, 1)
            group = build.xor(group, ir.Constant(I32, SIGNS)) if self.flips else group
            left = self._prepared(self.spread(group), False)
            for right, cell in zip(factors, self.sums[part][row], strict=True):
                build.store(self._dot(build.load(cell), left, right), cell)
        build.store(build.add(panel, constant(self.row_bytes)), place)

    def _prepared(self, factors: Any, is_signed: bool) -> tuple[Any, ...]:
        """Groups of factors in the form in which `_dot` takes them."""
        build, right = self.builder, self.builder.ashr if is_signed else self.builder.lshr
        if self.way == "vnni":
            return (factors,)
        if self.way == "madd":
            eight, pairs = ir.Constant(self.halves, [8] * 2 * self.lanes), build.bitcast(factors, self.halves)
            return right(build.shl(pairs, eight), eight), right(pairs, eight)
        places = [self.whole_number(24 - 8 * place) for place in range(GROUP)]
        return tuple(right(build.shl(factors, place), self.whole_number(24)) for place in places)

    def _dot(self, sums: Any, left: tuple[Any, ...], right: tuple[Any, ...]) -> Any:
        """Sums of groups of products added to sums."""
        build = self.builder
        if self.way == "vnni":
            kind = ir.FunctionType(self.whole, [self.whole] * 3)
            return build.call(self.intrinsic(_VNNI[self.lanes], kind), [sums, *left, *right])
        for one, other in zip(left, right, strict=True):
            if self.way == "madd":
                kind = ir.FunctionType(self.whole, [self.halves] * 2)
                sums = build.add(sums, build.call(self.intrinsic(_MADD[self.lanes], kind), [one, other]))
            else:
                sums = build.add(sums, build.mul(one, other))
        return sums

    def totals(self, column: Any) -> list[list[Any]]:
        """The sums of all parts, and the correction by what each row's own factors sum to."""
        build, array = self.builder, self.argument(CORRECTION)
        result = []
        for row in range(self.rows):
            sums = [build.load(cell) for cell in self.sums[0][row]]
            for part in self.sums[1:]:
                sums = [build.add(one, build.load(cell)) for one, cell in zip(sums, part[row], strict=True)]
            if self.counts:
                own = sums.pop()
                factors = [self.of_column(array, first, self.whole) for first in self.columns(column)]
                sums = [build.add(one, build.mul(own, factor)) for one, factor in zip(sums, factors, strict=True)]
            result.append(sums)
        return result

    def finish(self, table: Any, totals: list[list[Any]], column: Any, at: Any, width: Any, result: str) -> None:
        """Store `width` columns."""
        size = 1 if result == "byte" else 4
        scales = [self.scales(first, result) for first in self.columns(column)]
        is_whole = self.builder.icmp_signed(">=", width, constant(self.vectors * self.lanes))
        masks = [self.mask(width, vector * self.lanes) for vector in range(self.vectors)]
        with self.builder.if_else(is_whole) as (whole, part):
            with whole:
                self._store(table, totals, scales, at, [None] * self.vectors, result, size)
            with part:
                self._store(table, totals, scales, at, masks, result, size)

    def _store(
        self, table: Any, totals: Any, scales: list[Any], at: Any, masks: list[Any], result: str, size: int
    ) -> None:
        build = self.builder
        for row in range(self.rows):
            start = build.add(self.word(table, self.rows + row), build.mul(at, constant(size)))
            for vector in range(self.vectors):
                value = self.finished(totals[row][vector], scales[vector], result)
                self.put(value, build.add(start, constant(vector * self.lanes * size)), masks[vector])


@cache
def byte_tile(
    rows: int, vectors: int, lanes: int, parts: int, result: str, flips: bool, counts: bool, way: str = ""
) -> Any:
    """`tile(words, table, weights, column, at, width)`: a tile of `rows` by `vectors * lanes` results.

    words: the address of the arguments of `integer_product.tiles`. table: of the addresses where each row's input
    begins and where each row's output goes. column: the first of all columns, at: the first of the output's.
    way: "vnni", "madd" or "plain"; by default what the processor has.
    """
    chosen = way or dot_instruction(lanes)

    @intrinsic
    def tile(context, words, table, weights, column, at, width):
        def codegen(context, builder, signature, args):
            words, table, weights, column, at, width = args
            emit = ByteTile(builder, words, (rows, vectors, lanes, parts), chosen, flips, counts)
            emit.start(column)
            emit.accumulate(table, weights)
            emit.finish(table, emit.totals(column), column, at, width, result)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return tile
