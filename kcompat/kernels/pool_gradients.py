"""The gradients of pooling: each window's gradient goes to its elements. Threads share images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from .intrinsics import I64, f32, i64, stack
from .shares import share_start
from .vectors import Vectors, constant
from .windows import end_tap, first_tap, tap_offset

MOST_TAPS = 1024
"""Of a window; where its elements are is on the stack."""


@njit(inline="always")
def clear(y, first, end):
    for i in range(first, end):
        y[i] = np.float32(0)


class _Spread(Vectors):
    """Emits what a window gives to the largest of its elements, channel by channel."""

    def __init__(self, builder: Any, lanes: int, offsets: Any, taps: Any) -> None:
        super().__init__(builder, lanes)
        self.offsets, self.taps = builder.inttoptr(offsets, I64.as_pointer()), taps

    def run(self, x: Any, dx: Any, dy: Any, first: Any, end: Any, only_first: bool) -> None:
        build = self.builder
        with cgutils.for_range_slice(build, first, end, constant(self.lanes)) as (channel, _):
            gradient, nothing = self.load(self.at(dy, channel)), self.number(0.0)
            best = cgutils.alloca_once_value(build, self.number(-np.inf))
            with self._each_tap(channel) as place:
                element, largest = self.load(self.at(x, place)), build.load(best)
                build.store(build.select(build.fcmp_ordered(">", element, largest), element, largest), best)
            left = cgutils.alloca_once_value(build, gradient)
            with self._each_tap(channel) as place:
                hit = build.fcmp_ordered("==", self.load(self.at(x, place)), build.load(best))
                share, target = build.select(hit, build.load(left), nothing), self.at(dx, place)
                self.store(build.fadd(self.load(target), share), target)
                if only_first:
                    build.store(build.select(hit, nothing, build.load(left)), left)

    @contextmanager
    def _each_tap(self, channel: Any) -> Iterator[Any]:
        with cgutils.for_range(self.builder, self.taps) as tap:
            offset = self.builder.load(self.builder.gep(self.offsets, [tap.index]))
            yield self.builder.add(offset, channel)


def _spread(only_first: bool, lanes: int) -> Any:
    """`spread(offsets, taps, x, dx, dy, channels)`: where a window's taps are in x and dx, their addresses, and that of
    the window's gradient."""

    @intrinsic
    def spread(context, offsets, taps, x, dx, dy, channels):
        def codegen(context, builder, signature, args):
            offsets, taps, x, dx, dy, channels = args
            whole = builder.and_(channels, constant(-lanes))
            for width, first, end in ((lanes, constant(0), whole), (1, whole, channels)):
                emit = _Spread(builder, width, offsets, taps)
                emit.run(emit.pointer(x), emit.pointer(dx), emit.pointer(dy), first, end, only_first)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 6), codegen

    return spread


def max_pool(ties: str, lanes: int) -> Any:
    """arguments: as `windows.pool`, x the input of the pooling, y the gradient by it; then dy and how many elements
    an image has. ties: "first" of equally large elements, or "all"."""
    spread, offsets_on_stack = _spread(ties == "first", lanes), stack(MOST_TAPS)

    @njit(inline="always")
    def window(a, offsets, image, d, h, w):
        dy = a[22] + (((image * a[7] + d) * a[8] + h) * a[9] + w) * a[3] * 4
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        places, taps = i64(offsets), 0
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    places[taps] = tap_offset(a, image, d, h, w, i, j, k)
                    taps += 1
        spread(offsets, taps, a[0], a[1], dy, a[3])

    def kernel(a, thread, threads):
        offsets = offsets_on_stack()
        image, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while image < end:
            clear(f32(a[1]), image * a[23], (image + 1) * a[23])
            for d in range(a[7]):
                for h in range(a[8]):
                    for w in range(a[9]):
                        window(a, offsets, image, d, h, w)
            image += 1

    return kernel


def avg_pool() -> Any:
    """arguments: as `windows.pool`, x unused, y the gradient by the input; then dy, how many elements an image has,
    and whether padding counts."""

    @njit(inline="always")
    def window(a, image, d, h, w):
        dx = f32(a[1])
        dy = f32(a[22] + (((image * a[7] + d) * a[8] + h) * a[9] + w) * a[3] * 4)
        d, h, w = d * a[13], h * a[14], w * a[15]
        d0, d1 = first_tap(d, a[16], a[19]), end_tap(d, a[16], a[19], a[4], a[10])
        h0, h1 = first_tap(h, a[17], a[20]), end_tap(h, a[17], a[20], a[5], a[11])
        w0, w1 = first_tap(w, a[18], a[21]), end_tap(w, a[18], a[21], a[6], a[12])
        inside = a[10] * a[11] * a[12] if a[24] != 0 else (d1 - d0) * (h1 - h0) * (w1 - w0)
        divisor = np.float32(inside)
        for i in range(d0, d1):
            for j in range(h0, h1):
                for k in range(w0, w1):
                    at = tap_offset(a, image, d, h, w, i, j, k)
                    for c in range(a[3]):
                        dx[at + c] += dy[c] / divisor

    def kernel(a, thread, threads):
        image, end = share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)
        while image < end:
            clear(f32(a[1]), image * a[23], (image + 1) * a[23])
            for d in range(a[7]):
                for h in range(a[8]):
                    for w in range(a[9]):
                        window(a, image, d, h, w)
            image += 1

    return kernel
