"""Vectors of float32 of a known width in LLVM IR: what kernels are written in whose values must stay in registers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from llvmlite import ir
from numba.core import cgutils

from .intrinsics import F32, I32, I64

_FLOATS = F32.as_pointer()


def constant(value: int) -> ir.Constant:
    return ir.Constant(I64, value)


class Vectors:
    """Emits operations on vectors of `lanes` float32: 16 for AVX-512, 8 for AVX2, 4 for SSE and NEON."""

    def __init__(self, builder: Any, lanes: int) -> None:
        self.builder, self.lanes = builder, lanes
        self.vector = ir.VectorType(F32, lanes)

    def pointer(self, address: Any) -> Any:
        return self.builder.inttoptr(address, _FLOATS)

    def at(self, pointer: Any, index: Any) -> Any:
        return self.builder.gep(pointer, [index])

    def word(self, table: Any, index: int) -> Any:
        """An int64 of the table at an address."""
        return self.builder.load(self.builder.gep(self.builder.inttoptr(table, I64.as_pointer()), [constant(index)]))

    def load(self, pointer: Any, mask: Any = None) -> Any:
        """What is at a pointer; zeros where a mask is not set, without reading there."""
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            vector = self.builder.load(place)
            vector.align = 4
            return vector
        kind = ir.FunctionType(self.vector, [place.type, I32, mask.type, self.vector])
        load = self.intrinsic(f"llvm.masked.load.v{self.lanes}f32.p0", kind)
        return self.builder.call(load, [place, ir.Constant(I32, 4), mask, self.number(0.0)])

    def store(self, value: Any, pointer: Any, mask: Any = None) -> None:
        """Store the lanes where a mask is set, or all."""
        place = self.builder.bitcast(pointer, self.vector.as_pointer())
        if mask is None:
            self.builder.store(value, place).align = 4
            return
        kind = ir.FunctionType(ir.VoidType(), [self.vector, place.type, I32, mask.type])
        store = self.intrinsic(f"llvm.masked.store.v{self.lanes}f32.p0", kind)
        self.builder.call(store, [value, place, ir.Constant(I32, 4), mask])

    def mask(self, width: Any, first: int = 0) -> Any:
        """The lanes that are below a width, the first of them being the lane `first` of all."""
        build, kind = self.builder, ir.VectorType(I32, self.lanes)
        places = ir.Constant(kind, [first + lane for lane in range(self.lanes)])
        undefined = ir.Constant(kind, ir.Undefined)
        one = build.insert_element(undefined, build.trunc(width, I32), ir.Constant(I32, 0))
        limit = build.shuffle_vector(one, undefined, ir.Constant(kind, [0] * self.lanes))
        return build.icmp_signed("<", places, limit)

    def stream(self, value: Any, pointer: Any) -> None:
        """Store past the caches. The pointer is aligned to the vector's size."""
        store = self.builder.store(value, self.builder.bitcast(pointer, self.vector.as_pointer()))
        store.align = 4 * self.lanes
        store.set_metadata("nontemporal", self.builder.module.add_metadata([ir.Constant(I32, 1)]))

    def prefetch(self, pointer: Any) -> None:
        """Ask for the cache line at a pointer, which need not be readable."""
        place = self.builder.bitcast(pointer, ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [place.type, I32, I32, I32])
        self.builder.call(self.intrinsic("llvm.prefetch.p0", kind), [place, *(ir.Constant(I32, n) for n in (0, 3, 1))])

    def splat(self, scalar: Any) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        first = self.builder.insert_element(undefined, scalar, ir.Constant(I32, 0))
        zeros = ir.Constant(ir.VectorType(I32, self.lanes), [0] * self.lanes)
        return self.builder.shuffle_vector(first, undefined, zeros)

    def pick(self, one: Any, other: Any, lanes: list[int]) -> Any:
        """A vector of lanes of two; those of the other are counted on."""
        return self.builder.shuffle_vector(one, other, ir.Constant(ir.VectorType(I32, self.lanes), lanes))

    def first_lanes(self, value: Any, lanes: int) -> Any:
        """A vector of the first lanes of one."""
        if lanes == self.lanes:
            return value
        return self.builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(I32, lanes), list(range(lanes))))

    def number(self, value: float) -> Any:
        """A vector of one known number."""
        return ir.Constant(self.vector, [float(value)] * self.lanes)

    def fma(self, x: Any, y: Any, z: Any) -> Any:
        kind = ir.FunctionType(self.vector, [self.vector] * 3)
        return self.builder.call(self.intrinsic(f"llvm.fma.v{self.lanes}f32", kind), [x, y, z])

    def clamp(self, value: Any, low: Any, high: Any) -> Any:
        """Ordered comparisons are false for NaN, which therefore stays."""
        above = self.builder.select(self.builder.fcmp_ordered("<", value, low), low, value)
        return self.builder.select(self.builder.fcmp_ordered(">", above, high), high, above)

    def store_sum(
        self, value: Any, pointer: Any, has_other: Any, to_other: Any, low: Any, high: Any, streams: Any = None
    ) -> None:
        """Store clamp(value + other), the other, if there is one, being `to_other` bytes from where it is stored.

        streams: whether to store past the caches; never, if it is None.
        """
        with self.builder.if_else(has_other) as (yes, no):
            with yes:
                address = self.builder.add(self.builder.ptrtoint(pointer, I64), to_other)
                total = self.builder.fadd(value, self.load(self.pointer(address)))
                self._put(self.clamp(total, low, high), pointer, streams)
            with no:
                self._put(self.clamp(value, low, high), pointer, streams)

    def _put(self, value: Any, pointer: Any, streams: Any) -> None:
        if streams is None:
            self.store(value, pointer)
            return
        with self.builder.if_else(streams) as (yes, no):
            with yes:
                self.stream(value, pointer)
            with no:
                self.store(value, pointer)

    def is_aligned(self, address: Any) -> Any:
        """Whether an address is a multiple of a vector's size."""
        rest = self.builder.and_(address, constant(4 * self.lanes - 1))
        return self.builder.icmp_signed("==", rest, constant(0))

    def intrinsic(self, name: str, kind: Any) -> Any:
        return cgutils.get_or_insert_function(self.builder.module, kind, name)

    def chunks(self, channels: Any) -> Any:
        """A loop over the first channel of each vector; the last vector overlaps the one before it, so there
        must be channels for one vector at least, and what is computed twice must not depend on its result."""
        return _Chunks(self, channels)

    @contextmanager
    def runs(self, channels: Any, is_few: bool) -> Iterator[tuple[Any, Any]]:
        """The first channel and the mask of each vector: as `chunks`, or of the only one of few channels."""
        if is_few:
            yield constant(0), self.mask(channels)
            return
        with self.chunks(channels) as first:
            yield first, None


class _Chunks:
    def __init__(self, vectors: Vectors, channels: Any) -> None:
        self._vectors, self._channels = vectors, channels

    def __enter__(self) -> Any:
        build, lanes = self._vectors.builder, constant(self._vectors.lanes)
        count = build.sdiv(build.add(self._channels, constant(self._vectors.lanes - 1)), lanes)
        self._loop = cgutils.for_range(build, count)
        first = build.mul(self._loop.__enter__().index, lanes)
        last = build.sub(self._channels, lanes)
        return build.select(build.icmp_signed("<", first, last), first, last)

    def __exit__(self, *error: Any) -> Any:
        return self._loop.__exit__(*error)
