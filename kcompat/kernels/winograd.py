"""3x3 convolution of stride 1 by Winograd's minimal filtering, F(4x4, 3x3): 36 products where there were 144.

An output tile of 4x4 pixels is At ((G g Gt) * (Bt d B)) A, d being the 6x6 input pixels it sees: after the transform
of the input, each of the 36 places is a matrix product over channels. A. Lavin, S. Gray: Fast Algorithms for
Convolutional Neural Networks (2015). The points 0, +-3/4, +-3/2 and infinity lose less to rounding than 0, +-1, +-2.
"""

from __future__ import annotations

from typing import Any

from numba import njit, types
from numba.extending import intrinsic

from .intrinsics import as_f32, i64, stack
from .shares import share_start
from .vectors import Vectors, constant

OUT, IN = 4, 6
"""Pixels along each side of an output tile and of what it sees."""

NEAR, FAR = 0.75, 1.5
"""The points beside 0 and infinity, each with its negative."""


class Transform(Vectors):
    """The one-dimensional transforms on vectors of channels."""

    def forward(self, d: list[Any]) -> list[Any]:
        """Bt d."""
        near, far = NEAR**2, FAR**2
        return [
            self._sum(d[4], (-near - far, d[2]), (near * far, d[0])),
            *self._pair(self._sum(d[4], (-far, d[2])), self._sum(d[3], (-far, d[1])), NEAR),
            *self._pair(self._sum(d[4], (-near, d[2])), self._sum(d[3], (-near, d[1])), FAR),
            self._sum(d[5], (-near - far, d[3]), (near * far, d[1])),
        ]

    def backward(self, m: list[Any]) -> list[Any]:
        """At m."""
        build = self.builder
        near, far = build.fadd(m[1], m[2]), build.fadd(m[3], m[4])
        near_odd, far_odd = build.fsub(m[1], m[2]), build.fsub(m[3], m[4])
        return [
            build.fadd(m[0], build.fadd(near, far)),
            self._sum(build.fmul(far_odd, self.number(FAR)), (NEAR, near_odd)),
            self._sum(build.fmul(far, self.number(FAR**2)), (NEAR**2, near)),
            self._sum(m[5], (NEAR**3, near_odd), (FAR**3, far_odd)),
        ]

    def of_kernel(self, g: list[Any]) -> list[Any]:
        """G g: the kernel as a polynomial at each point, over the point's distances to the others."""
        near, far, build = NEAR**2, FAR**2, self.builder
        scaled = [[build.fmul(part, self.number(1 / weight)) for part in g] for weight in _distances()]
        origin, at_near, at_far = scaled
        return [
            origin[0],
            *self._pair(self._sum(at_near[0], (near, at_near[2])), at_near[1], NEAR),
            *self._pair(self._sum(at_far[0], (far, at_far[2])), at_far[1], FAR),
            g[2],
        ]

    def of_output(self, y: list[Any]) -> list[Any]:
        """A y."""
        near, far = NEAR**2, FAR**2
        return [
            y[0],
            *self._pair(self._sum(y[0], (near, y[2])), self._sum(y[1], (near, y[3])), NEAR),
            *self._pair(self._sum(y[0], (far, y[2])), self._sum(y[1], (far, y[3])), FAR),
            y[3],
        ]

    def to_kernel(self, m: list[Any]) -> list[Any]:
        """Gt m."""
        build = self.builder
        origin, by_near, by_far = _distances()
        near, far = build.fadd(m[1], m[2]), build.fadd(m[3], m[4])
        near_odd, far_odd = build.fsub(m[1], m[2]), build.fsub(m[3], m[4])
        first = build.fmul(m[0], self.number(1 / origin))
        return [
            self._sum(first, (1 / by_near, near), (1 / by_far, far)),
            self._sum(build.fmul(near_odd, self.number(NEAR / by_near)), (FAR / by_far, far_odd)),
            self._sum(m[5], (NEAR**2 / by_near, near), (FAR**2 / by_far, far)),
        ]

    def _sum(self, start: Any, *terms: tuple[float, Any]) -> Any:
        for factor, value in terms:
            start = self.fma(value, self.number(factor), start)
        return start

    def _pair(self, even: Any, odd: Any, point: float) -> tuple[Any, Any]:
        return self._sum(even, (point, odd)), self._sum(even, (-point, odd))

    def both_ways(self, step: Any, values: list[list[Any]]) -> list[list[Any]]:
        """A one-dimensional transform along the first and then along the second axis."""
        columns = [list(column) for column in zip(*values, strict=True)]
        half = [step(column) for column in columns]
        return [step([column[row] for column in half]) for row in range(len(half[0]))]

    def load_square(self, size: int, place: Any, step: Any) -> list[list[Any]]:
        """So many rows of so many vectors, `step` elements from each to the next."""
        rows: list[list[Any]] = [[] for _ in range(size)]
        for row in rows:
            for _ in range(size):
                row.append(self.load(place))
                place = self.at(place, step)
        return rows

    def store_rows(self, rows: list[list[Any]], place: Any, step: Any) -> None:
        """Write vectors `step` elements apart, row by row."""
        for row in rows:
            for value in row:
                self.store(value, place)
                place = self.at(place, step)


def _distances() -> tuple[float, float, float]:
    """The product of a point's distances to the other finite ones: of 0, of the near points, of the far ones."""
    near, far = NEAR**2, FAR**2
    return near * far, 2 * near * (near - far), 2 * far * (far - near)


def forward_kernel(lanes: int) -> Any:
    @intrinsic
    def forward(context, table, target, step, channels):
        def codegen(context, builder, signature, args):
            table, target, step, channels = args
            emit = Transform(builder, lanes)
            pixels = [[emit.pointer(emit.word(table, IN * i + j)) for j in range(IN)] for i in range(IN)]
            with emit.chunks(channels) as channel:
                seen = [[emit.load(emit.at(pixel, channel)) for pixel in row] for row in pixels]
                emit.store_rows(emit.both_ways(emit.forward, seen), emit.at(emit.pointer(target), channel), step)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64, types.int64), codegen

    return forward


def forward(lanes: int) -> Any:
    """Bt d B of every tile: `v[place, tile, channel]`.

    arguments: x, v, address of zeros for a pixel outside, images, height, width, channels (at least `lanes`), tiles
    down, tiles across, pixels of padding above, on the left, elements from place to place in v.
    """
    transform, table_on_stack = forward_kernel(lanes), stack(IN * IN)

    @njit(inline="always")
    def find_pixels(table, a, tile):
        pixels = i64(table)
        image, rest = tile // (a[7] * a[8]), tile % (a[7] * a[8])
        top, left = rest // a[8] * OUT - a[9], rest % a[8] * OUT - a[10]
        for i in range(IN):
            row = a[0] + ((image * a[4] + top + i) * a[5] + left) * a[6] * 4
            is_row = 0 <= top + i < a[4]
            for j in range(IN):
                inside = is_row and 0 <= left + j < a[5]
                pixels[IN * i + j] = row + j * a[6] * 4 if inside else a[2]

    def kernel(a, thread, threads):
        table, tiles = table_on_stack(), a[3] * a[7] * a[8]
        tile, end = share_start(tiles, thread, threads), share_start(tiles, thread + 1, threads)
        while tile < end:
            find_pixels(table, a, tile)
            transform(table, a[1] + tile * a[6] * 4, a[11], a[6])
            tile += 1

    return kernel


def backward_kernel(lanes: int) -> Any:
    @intrinsic
    def backward(context, source, step, table, residual, to_residual, bias, channels, low, high):
        def codegen(context, builder, signature, args):
            source, step, table, residual, to_residual, bias, channels, low, high = args
            emit = Transform(builder, lanes)
            low, high = emit.splat(low), emit.splat(high)
            has_residual = builder.icmp_signed("!=", residual, constant(0))
            with emit.chunks(channels) as channel:
                products = emit.load_square(IN, emit.at(emit.pointer(source), channel), step)
                offset = emit.load(emit.at(emit.pointer(bias), channel))
                for i, row in enumerate(emit.both_ways(emit.backward, products)):
                    for j, value in enumerate(row):
                        address = emit.word(table, OUT * i + j)
                        with builder.if_then(builder.icmp_signed("!=", address, constant(0))):
                            pixel = emit.at(emit.pointer(address), channel)
                            total = builder.fadd(value, offset)
                            emit.store_sum(total, pixel, has_residual, to_residual, low, high)
            return context.get_dummy_value()

        return types.void(*[types.int64] * 7, types.float32, types.float32), codegen

    return backward


def backward(lanes: int) -> Any:
    """clamp(At m A + bias + residual) of every tile's products `m[place, tile, channel]`.

    arguments: m, y, residual (like y) or 0, bias, images, height, width, channels (at least `lanes`), tiles down,
    tiles across, elements from place to place in m, bits of low, of high.
    """
    transform, table_on_stack = backward_kernel(lanes), stack(OUT * OUT)

    @njit(inline="always")
    def find_pixels(table, a, tile):
        """Where each pixel of the output tile goes; 0 for those outside."""
        pixels = i64(table)
        image, rest = tile // (a[8] * a[9]), tile % (a[8] * a[9])
        top, left = rest // a[9] * OUT, rest % a[9] * OUT
        for i in range(OUT):
            row = a[1] + ((image * a[5] + top + i) * a[6] + left) * a[7] * 4
            for j in range(OUT):
                pixels[OUT * i + j] = row + j * a[7] * 4 if top + i < a[5] and left + j < a[6] else 0

    def kernel(a, thread, threads):
        table, tiles = table_on_stack(), a[4] * a[8] * a[9]
        tile, end = share_start(tiles, thread, threads), share_start(tiles, thread + 1, threads)
        low, high = as_f32(a[11]), as_f32(a[12])
        while tile < end:
            find_pixels(table, a, tile)
            transform(a[0] + tile * a[7] * 4, a[10], table, a[2], a[2] - a[1], a[3], a[7], low, high)
            tile += 1

    return kernel
