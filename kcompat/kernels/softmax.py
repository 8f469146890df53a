"""The softmax of a row in vector registers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from . import scalars
from .intrinsics import I32
from .vectors import Vectors, constant

Join = Callable[[Any, Any], Any]


class Rows(Vectors):
    """Emits loops over the whole vectors of a row."""

    def maximum(self, x: Any, y: Any) -> Any:
        """The larger of each two; NaN in x does not win."""
        return self.builder.select(self.builder.fcmp_ordered(">", x, y), x, y)

    def total(self, vector: Any, join: Join) -> Any:
        """All lanes joined, in every lane."""
        width = self.lanes
        while width > 1:
            width //= 2
            vector = join(vector, self.pick(vector, vector, [lane ^ width for lane in range(self.lanes)]))
        return vector

    def fold(self, row: Any, vectors: Any, start: float, step: Callable[[Any], Any], join: Join) -> Any:
        """What `step` makes of the place of each vector, joined."""
        folded = cgutils.alloca_once_value(self.builder, self.number(start))
        with cgutils.for_range(self.builder, vectors) as turn:
            made = step(self.at(row, self.builder.mul(turn.index, constant(self.lanes))))
            self.builder.store(join(made, self.builder.load(folded)), folded)
        return self.total(self.builder.load(folded), join)

    def exp(self, x: Any) -> Any:
        """As `scalars.bounded_exp`, of numbers that are not positive."""
        build, integers = self.builder, ir.VectorType(I32, self.lanes)
        x = self.maximum(self.number(-88.0), x)
        shifted = self.fma(x, self.number(scalars.LOG2E), self.number(scalars.WHOLE))
        n = build.fsub(shifted, self.number(scalars.WHOLE))
        r = self.fma(n, self.number(-scalars.LN2_HIGH), x)
        r = self.fma(n, self.number(-scalars.LN2_LOW), r)
        highest, *coefficients = map(self.number, scalars.EXPM1)
        p = highest
        for coefficient in coefficients:
            p = self.fma(p, r, coefficient)
        y = build.fadd(self.fma(p, build.fmul(r, r), r), self.number(1.0))
        power = build.shl(build.bitcast(shifted, integers), ir.Constant(integers, [23] * self.lanes))
        power = build.add(power, ir.Constant(integers, [0x3F800000] * self.lanes))
        return build.fmul(y, build.bitcast(power, self.vector))


@cache
def softmax_row(lanes: int) -> Any:
    """`softmax(address, vectors)`: in place, of so many whole vectors."""

    @intrinsic
    def softmax(context, address, vectors):
        def codegen(context, builder, signature, args):
            emit, (address, vectors) = Rows(builder, lanes), args
            row = emit.pointer(address)
            best = emit.fold(row, vectors, float("-inf"), emit.load, emit.maximum)

            def power(place: Any) -> Any:
                y = emit.exp(builder.fsub(emit.load(place), best))
                emit.store(y, place)
                return y

            inverse = builder.fdiv(emit.number(1.0), emit.fold(row, vectors, 0.0, power, builder.fadd))
            with cgutils.for_range(builder, vectors) as turn:
                place = emit.at(row, builder.mul(turn.index, constant(lanes)))
                emit.store(builder.fmul(emit.load(place), inverse), place)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), codegen

    return softmax
