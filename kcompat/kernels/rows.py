"""Loops over rows of float32 in vector registers; the last vector of a row has a mask."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .intrinsics import I32, I64
from .vectors import Vectors, constant

Join = Callable[[Any, Any], Any]
Step = Callable[[Any, Any], Any]
"""What becomes of a vector: of its place and its mask, which is None where all lanes count."""

WAYS = 4
"""Vectors that are joined into as many accumulators, none of which waits for another."""


class Rows(Vectors):
    """Emits loops over the vectors of a row."""

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

    def filled(self, place: Any, mask: Any, fill: float) -> Any:
        """What is at a place, and a number where a mask is not set."""
        value = self.load(place, mask)
        return value if mask is None else self.builder.select(mask, value, self.number(fill))

    def groups(self, row: Any, count: Any, step: Callable[[list[Any], Any], None], ways: int) -> None:
        """`step(places, mask)` for the vectors of `count` elements: of `ways` of them while there are, then of one."""
        build = self.builder
        together, alone = constant(ways * self.lanes), constant(self.lanes)
        whole = build.mul(build.sdiv(count, together), together)
        even = build.mul(build.sdiv(count, alone), alone)
        with cgutils.for_range_slice(build, constant(0), whole, together) as (first, _):
            step([self.at(row, build.add(first, constant(way * self.lanes))) for way in range(ways)], None)
        if ways > 1:
            with cgutils.for_range_slice(build, whole, even, alone) as (first, _):
                step([self.at(row, first)], None)
        with build.if_then(build.icmp_signed("<", even, count)):
            step([self.at(row, even)], self.mask(build.sub(count, even)))

    def each(self, row: Any, count: Any, step: Callable[[Any, Any], None]) -> None:
        """`step(place, mask)` for each vector of `count` elements."""
        self.groups(row, count, lambda places, mask: step(places[0], mask), 1)

    def fold(self, row: Any, count: Any, start: float, step: Step, join: Join, ways: int = WAYS) -> Any:
        """What `step` makes of each vector of a row, joined: in every lane. Where a mask is not set, `step` gives the
        number that changes nothing."""
        folded = self.accumulators(start, ways)

        def more(places: list[Any], mask: Any) -> None:
            for place, held in zip(places, folded, strict=False):
                self.builder.store(join(step(place, mask), self.builder.load(held)), held)

        self.groups(row, count, more, ways)
        return self.total(self.joined([self.builder.load(place) for place in folded], join), join)

    def accumulators(self, start: float, count: int) -> list[Any]:
        """So many places for vectors, which hold a number."""
        places = [cgutils.alloca_once(self.builder, self.vector) for _ in range(count)]
        for place in places:
            self.builder.store(self.number(start), place)
        return places

    @staticmethod
    def joined(vectors: list[Any], join: Join) -> Any:
        """One vector of several, neighbours first."""
        while len(vectors) > 1:
            pairs = zip(vectors[::2], vectors[1::2], strict=False)
            vectors = [*(join(*pair) for pair in pairs), *vectors[len(vectors) // 2 * 2 :]]
        return vectors[0]

    def first(self, vector: Any) -> Any:
        """The number in the first lane."""
        return self.builder.extract_element(vector, ir.Constant(I32, 0))

    def bits(self, truths: Any) -> Any:
        """A vector of truths as the low bits of an int64."""
        return self.builder.zext(self.builder.bitcast(truths, ir.IntType(self.lanes)), I64)
