"""Products of bytes by constants: dense ones and convolutions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ...ir import Constant, Node, Value
from ...operators.quantized import centred
from ...operators.window import Pairs, resolve_pads
from ..planner import Planner, lowers
from ..program import Address, Argument, bits, kernel, product
from .integer_depthwise import depthwise
from .levels import pad_bytes
from .movement import copy_bytes
from .windows import SPATIAL, geometry, label_of

GROUP = 4
"""Bytes along the depth that kernels multiply together."""

OPS = 400.0
"""Products and sums per nanosecond, for estimates of work."""

_ROWS = {16: (14, 10, 8, 6, 4), 8: (4, 2), 4: (4, 2)}
_COUNTED_ROWS = {16: (8, 6, 4), 8: (2,), 4: (2,)}
"""Rows of tiles two vectors wide whose sums fit the registers; where weights are off, with those of rows' factors."""

BLOCK_BYTES, SHARES = 256 << 10, 8
"""Bytes of input that are multiplied by all panels of a chunk before others; parts for threads, at least."""


class Tile(NamedTuple):
    """parts: sums of each result, where there are too few for the processor to be busy."""

    rows: int
    vectors: int
    lanes: int
    parts: int

    @property
    def width(self) -> int:
        return self.vectors * self.lanes


def choose(rows: int, columns: int, lanes: int, counts: bool) -> Tile:
    """The tile that computes the fewest rows in vain; wide and of few rows where there are few."""
    if rows <= 3:
        vectors = min(4 if lanes == 16 else 2, -(-columns // lanes))
        return Tile(rows, vectors, lanes, max(1, 8 // (rows * vectors) if lanes == 16 else 1))
    vectors = min(2, -(-columns // lanes))
    best = min((_COUNTED_ROWS if counts else _ROWS)[lanes], key=lambda r: (-(-rows // r) * r * (1 + 2 / r**2), -r))
    return Tile(best, vectors, lanes, 1)


def signed(levels: np.ndarray, zero: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """Steps from zero as signed bytes; by how much these are less, where they cannot be the same."""
    steps = centred(levels, zero)
    if steps.min() >= -128 and steps.max() <= 127:
        return steps.astype(np.int8), None
    middle = 128 if levels.dtype == np.uint8 else 0
    off = np.broadcast_to(middle - zero.astype(np.int32), levels.shape[-1:])
    return (levels.astype(np.int32) - middle).astype(np.int8), off


def pack(levels: np.ndarray, tile: Tile, counts: bool) -> np.ndarray:
    """(segments, length, matrices, columns) -> (matrices, panels, segments * groups, pieces, lanes, GROUP): with ones
    behind the vectors of a panel if `counts`, and zeros beyond the columns and the length."""
    segments, length, matrices, columns = levels.shape
    groups, panels = -(-length // GROUP), -(-columns // tile.width)
    padded = np.zeros((segments, groups * GROUP, matrices, panels * tile.width), np.int8)
    padded[:, :length, :, :columns] = levels
    shaped = padded.reshape(segments, groups, GROUP, matrices, panels, tile.vectors, tile.lanes)
    packed = shaped.transpose(3, 4, 0, 1, 5, 6, 2).reshape(matrices, panels, -1, tile.vectors, tile.lanes, GROUP)
    if not counts:
        return np.ascontiguousarray(packed)
    ones = np.zeros((segments, groups * GROUP), np.int8)
    ones[:, :length] = 1
    rows = np.broadcast_to(ones.reshape(-1, 1, 1, GROUP), (matrices, panels, segments * groups, 1, tile.lanes, GROUP))
    return np.concatenate([packed, rows], axis=3)


class Operands:
    """The operands of a fused product of bytes, of which all but x, its zero and the factor are constants."""

    def __init__(self, node: Node) -> None:
        x, w, self.x_zero, w_zero, bias, self.factor, offset, y_zero = node.inputs
        assert x is not None
        self.x, self.node, self.w, self.y = x, node, w, node.outputs[0]
        self.is_known = all(isinstance(v, Constant) for v in (w, *(v for v in (w_zero, bias, offset, y_zero) if v)))
        self.flips = x.dtype == "int8"
        if self.is_known:
            assert isinstance(w, Constant)
            self.levels = w.data
            self.w_zero = _data(w_zero, np.zeros((), w.data.dtype))
            self.bias = _data(bias, np.zeros((), np.int32)).astype(np.int64)
            self.offset = _data(offset, np.zeros((), np.float32))
            self.y_zero = int(_data(y_zero, np.zeros((), np.uint8)))

    @property
    def known_zero(self) -> int | None:
        """The zero of x, if it is known."""
        if self.x_zero is None:
            return 0
        return int(self.x_zero.data.reshape(())) if isinstance(self.x_zero, Constant) else None

    @property
    def result(self) -> str:
        return {"int32": "int32", "float32": "float"}.get(self.y.dtype, "byte")

    def place_of_zero(self, planner: Planner) -> Address:
        """Where the zero of x is, as a byte."""
        if self.x_zero is None:
            return planner.constant(np.zeros(1, np.uint8))
        place = planner.place(self.x_zero)
        assert isinstance(place, Address)
        return place

    def packed(self, planner: Planner, form: tuple[Any, ...], make: Callable[[], np.ndarray]) -> np.ndarray:
        """A form of the weights."""
        assert isinstance(self.w, Constant)
        return planner.packs.get(self.w, (*form, self.w_zero.tobytes()), lambda _: make())

    def start(
        self, planner: Planner, sums: np.ndarray, columns: list[np.ndarray], turn: int = 0
    ) -> tuple[Address, Address | int, Address | int]:
        """Where sums begin, with what the zero of x gives if it is known; else its address, and the weights' sums.

        sums: of each column's weights. turn: what kernels add to x.
        """
        bias = np.broadcast_to(self.bias, sums.shape)
        zero = self.known_zero
        start = bias if zero is None else bias - (zero + turn) * sums
        place = planner.constant(padded(start.astype(np.int32), columns))
        if zero is not None:
            return place, 0, 0
        return place, self.place_of_zero(planner), planner.constant(padded(sums.astype(np.int32), columns))

    def finish(self, planner: Planner, columns: list[np.ndarray]) -> list[Argument]:
        """Factor, factor_step, offset, low, high, y_zero. columns: indices of the columns, in the padded order."""
        low, high = self.node.attrs["low"], self.node.attrs["high"]
        if self.result == "byte":
            bounds = np.iinfo(self.y.dtype)
            low, high = max(low, bounds.min - self.y_zero), min(high, bounds.max - self.y_zero)
        offset = planner.constant(padded(np.broadcast_to(self.offset, self.y.shape[-1:]), columns))
        factor: Address | int = 0
        several = False
        if isinstance(self.factor, Constant):
            data = np.broadcast_to(self.factor.data.reshape(-1), self.y.shape[-1:])
            factor, several = planner.constant(padded(data, columns)), True
        elif self.factor is not None:
            place = planner.place(self.factor)
            assert isinstance(place, Address)
            several = product(self.factor.shape) > 1
            factor = _spread(planner, place, columns) if several else place
        return [factor, int(several), offset, bits(low), bits(high), self.y_zero]


def _data(value: Value | None, default: np.ndarray) -> np.ndarray:
    return value.data if isinstance(value, Constant) else default


def padded(vector: np.ndarray, columns: list[np.ndarray]) -> np.ndarray:
    """The columns of a vector in their padded order; -1 stands for a zero."""
    longer = np.append(vector, vector.dtype.type(0))
    return np.concatenate([longer[places] for places in columns])


def _spread(planner: Planner, vector: Address, columns: list[np.ndarray]) -> Address:
    """Add copies of a float32 vector's columns to their padded order; what is between is of no account."""
    target, width = planner.scratch(4 * sum(map(len, columns))), len(columns[0])
    for matrix, places in enumerate(columns):
        count = int(np.count_nonzero(places >= 0))
        copy_bytes(planner, target + 4 * matrix * width, vector + 4 * int(places[0]), 4 * count)
    return target


def padded_columns(matrices: int, columns: int, width: int) -> list[np.ndarray]:
    """The columns of each matrix, -1 up to whole panels of a width."""
    counts = np.arange(matrices * columns).reshape(matrices, columns)
    return list(np.pad(counts, ((0, 0), (0, -columns % width)), constant_values=-1))


@lowers("fused_integer_dense")
def integer_dense(planner: Planner, node: Node) -> bool:
    operands = Operands(node)
    rows, depth, columns = product(node.inputs[0].shape[:-1]), *operands.levels.shape  # type: ignore[union-attr]
    if not operands.is_known or 0 in (rows, depth, columns):
        return False
    place = planner.place(operands.x)
    assert isinstance(place, Address)
    stride = -(-depth // GROUP) * GROUP
    if stride != depth:
        place = pad_bytes(planner, place, rows, [depth], [(0, stride - depth)], operands.place_of_zero(planner))
    _add(
        planner,
        operands,
        place,
        (1, depth, 1, columns),
        rows,
        stride,
        (1, 0, 0),
        (planner.packs.no_offset(planner), 1),
        f"dense {rows}x{depth}x{columns}",
    )
    return True


@lowers("fused_integer_conv")
def integer_conv(planner: Planner, node: Node) -> bool:
    x, w = node.inputs[:2]
    operands, attrs = Operands(node), node.attrs
    assert x is not None
    assert w is not None
    if not operands.is_known or x.rank - 2 > SPATIAL or 0 in node.outputs[0].shape:
        return False
    sizes = [int(size) for size in x.shape[1:-1]]
    window = [int(size) for size in w.shape[:-2]]
    pads = resolve_pads(attrs["pads"], sizes, window, attrs["strides"], attrs["dilations"])
    if any(low < 0 or high < 0 for low, high in pads):
        return False
    channels, groups = product(x.shape[-1:]), attrs["groups"]
    is_depthwise = 1 < groups == channels == w.shape[-1]
    place, sizes = _padded_image(planner, operands, sizes, pads, groups == 1 or is_depthwise)
    pixel_offsets, (segments, count, length) = geometry(planner, node, sizes, channels, w, groups)
    images, pixels = product(x.shape[:1]), product(node.outputs[0].shape[1:-1])
    places = pixels, pixel_offsets, product(sizes) * channels
    if is_depthwise:
        depthwise(planner, operands, place, images, places, (segments, count), label_of("depthwise", node, w))
        return True
    is_plain = product(window) == groups == 1 and all(stride == 1 for stride in attrs["strides"])
    _add(
        planner,
        operands,
        place,
        (count, length, groups, product(w.shape[-1:]) // groups),
        images * pixels,
        channels,
        (1, 0, 0) if is_plain else places,
        (segments, count),
        label_of("conv", node, w),
    )
    return True


def _padded_image(
    planner: Planner, operands: Operands, sizes: list[int], pads: Pairs, is_whole: bool
) -> tuple[Address, list[int]]:
    """The image with zeros around it, and its sizes; a copy too where groups of bytes may reach beyond its end."""
    place, channels = planner.place(operands.x), product(operands.x.shape[-1:])
    assert isinstance(place, Address)
    if not any(map(any, pads)) and channels % GROUP == 0 and is_whole:
        return place, sizes
    widths = [*sizes[:-1], sizes[-1] * channels]
    last = pads[-1][0] * channels, pads[-1][1] * channels
    images, zero = product(operands.x.shape[:1]), operands.place_of_zero(planner)
    padded = [low + size + high for size, (low, high) in zip(sizes, pads, strict=True)]
    return pad_bytes(planner, place, images, widths, [*pads[:-1], last], zero), padded


def _add(
    planner: Planner,
    operands: Operands,
    place: Address,
    shape: tuple[int, int, int, int],
    rows: int,
    stride: int,
    pixels: tuple[Argument, Argument, Argument],
    segments: tuple[Address, int],
    label: str,
) -> None:
    """Add a step of `integer_product.tiles`. shape: segments, length, matrices and columns of the weights."""
    count, length, matrices, columns = shape
    own, correction = signed(operands.levels.reshape(-1, matrices * columns), operands.w_zero)
    counts = correction is not None
    tile = choose(rows, columns, planner.target.lanes, counts)
    packed = operands.packed(planner, ("bytes", shape, tile), lambda: pack(own.reshape(shape), tile, counts))
    panels, groups = packed.shape[1:3]
    places = padded_columns(matrices, columns, tile.width)
    y = planner.place(operands.y)
    blocks = max(-(-rows * stride // BLOCK_BYTES), min(SHARES, -(-rows // tile.rows)))
    block = -(-rows // (blocks * tile.rows)) * tile.rows
    chunk = panels if -(-rows // block) * matrices >= SHARES else max(1, panels // SHARES)
    size = 1 if operands.result == "byte" else 4
    off: Address | int = 0
    sums = own.astype(np.int64).sum(axis=0)
    if correction is not None:
        sums = sums + correction.astype(np.int64) * len(own)
        off = planner.constant(padded(correction.astype(np.int32), places))
    start, zero, column_sums = operands.start(planner, sums, places, 128 if operands.flips else 0)
    arguments: list[Argument] = [
        place, planner.constant(packed), start, y, *segments, -(-length // GROUP), zero, column_sums, off,
        *operands.finish(planner, places), rows, columns, groups, stride, matrices * columns * size, *pixels, block,
        chunk, matrices, length, packed[0].nbytes, panels * tile.width, columns,
    ]  # fmt: skip
    parameters: dict[str, int | str] = {"parts": tile.parts, "result": operands.result}
    if operands.flips:
        parameters["flips"] = 1
    if counts:
        parameters["counts"] = 1
    planner.step(
        kernel("integer_product.tiles", rows=tile.rows, vectors=tile.vectors, lanes=tile.lanes, **parameters),
        arguments,
        reads=[a for a in arguments if isinstance(a, Address) and a is not y],
        writes=[y],
        work=2.0 * rows * count * length * columns * matrices / OPS,
        label=f"integer {label} {tile.rows}x{tile.width}",
    )
