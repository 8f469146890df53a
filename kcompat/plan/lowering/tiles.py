"""Which tile a product is computed in, and its weights in panels of that width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ...ir import Constant, Node, Scaled, Value
from ..planner import Planner
from ..program import Address, kernel, product

_ROWS = {16: (14, 10, 8, 4), 8: (6, 4, 2), 4: (6, 4, 2)}
"""Rows of tiles two vectors wide whose sums fit the registers, by lanes."""

VECTORS = 2

LEAST_LANES = 4
"""Of a vector of any processor."""

FEW_TILES = 2
"""So many are of any number of rows, that none is computed in vain."""

FEW_ROWS = 5
"""Up to so many rows, reading weights takes longer than computing."""

BLOCK_BYTES = 384 * 1024
"""Bytes of input that stay in the second-level cache while weights pass."""

CACHE_WAY, WAYS = 4096, 8
"""Bytes of a way of the first-level cache, and how many of rows so many bytes apart it holds."""


class Tile(NamedTuple):
    rows: int
    vectors: int
    lanes: int

    @property
    def width(self) -> int:
        return self.vectors * self.lanes

    def tail(self, columns: int) -> int:
        """How many columns of the last panel are computed, in half vectors; 0 if all are."""
        unit = max(self.lanes // 2, LEAST_LANES)
        return -(-columns // unit) * unit % self.width

    def block(self, rows: int, elements: int, least: int = 1) -> int:
        """Rows, a multiple of the tile's, whose input fits BLOCK_BYTES; so many elements belong to each row. Of
        blocks, there are at least so many if there are as many tiles."""
        blocks = max(-(-4 * elements * rows // BLOCK_BYTES), min(least, -(-rows // self.rows)))
        return -(-rows // (blocks * self.rows)) * self.rows


_WIDE, WIDE_VECTORS = {16: (8, 7, 4)}, 3
"""Rows of tiles of rows that displace each other, of which few fit: three vectors wide, so that as much is computed of
what is read."""


def choose_tile(rows: int, lanes: int, columns: int = 0, stride: int = 0, may_be_wide: bool = False) -> Tile:
    """The tile that computes the fewest rows in vain; the larger of equals. columns: 0 if they are many. stride:
    elements from row to row, if that is known. may_be_wide: whether panels of any width do."""
    displaces = bool(stride) and 4 * stride % CACHE_WAY == 0
    is_wide = displaces and may_be_wide and lanes in _WIDE
    fitting = [count for count in (_WIDE if is_wide else _ROWS)[lanes] if count <= WAYS or not displaces]
    tiles = -(-rows // fitting[0])
    if tiles <= FEW_TILES:
        fitting.append(max(-(-rows // tiles), fitting[-1]))
    best = min(fitting, key=lambda r: (-(-rows // r) * r * (1 + 2 / r**2), -r))
    most = WIDE_VECTORS if is_wide else VECTORS
    return Tile(best, min(most, -(-columns // lanes)) if columns else most, lanes)


def packed_weights(planner: Planner, weights: Value, width: int, groups: int = 1) -> Address:
    """Weights (depth, columns) in panels of `width` columns; with groups, each group's columns apart.

    Constants are packed once, without the factors of scaled ones; other values by a step.
    """
    if not isinstance(weights, Constant):
        return _packing_step(planner, weights, product(weights.shape[:-1]), width, groups)

    if isinstance(weights, Scaled):
        weights = weights.source
    shape, depth = weights.type.shape, product(weights.shape[:-1])

    def make(data: np.ndarray) -> np.ndarray:
        return pack_panels(data.reshape(depth, groups, -1).swapaxes(0, 1), width)

    def unmake(packed: np.ndarray) -> np.ndarray:
        columns = product(shape[-1:]) // groups
        return unpack_panels(packed, columns).swapaxes(0, 1).reshape(shape)

    return planner.constant(planner.packs.get(weights, ("panels", width, groups), make, unmake))


def packed_scale(planner: Planner, weights: Value, width: int, groups: int = 1) -> Address | int:
    """What the columns of a product with `packed_weights` are to be multiplied by, packed as a bias; 0 for nothing."""
    if not isinstance(weights, Scaled):
        return 0
    return packed_bias(planner, weights.factor, product(weights.shape[-1:]), width, groups)


def packed_bias(planner: Planner, bias: Value | None, columns: int, width: int, groups: int = 1) -> Address:
    """A bias (zeros if there is none) with zeros up to whole panels, each group's apart."""
    panels = -(-columns // groups // width)
    if bias is None:
        bias = planner.packs.zeros(columns)
    if not isinstance(bias, Constant):
        return _packing_step(planner, bias, 1, width, groups)

    def make(data: np.ndarray) -> np.ndarray:
        padded = np.zeros((groups, panels * width), np.float32)
        padded[:, : columns // groups] = data.reshape(groups, -1)
        return padded

    return planner.constant(planner.packs.get(bias, ("bias", width, groups), make))


def packed_together(planner: Planner, nodes: Sequence[Node], columns: int, width: int) -> tuple[Address, Address]:
    """Weights (depth, columns) and biases of several products, all of one shape and known, each node's after
    another's: panels of `width` columns, and biases with zeros up to whole panels."""
    packs = planner.packs
    weights = packs.joined(
        [node.inputs[1] for node in nodes],
        ("panels", width),
        lambda data: pack_panels(data, width),
        lambda packed: unpack_panels(packed, columns),
    )
    biases = [node.inputs[2] for node in nodes]
    if None in biases:
        return planner.constant(weights), planner.constant(packs.zeros(len(nodes) * weights.shape[1] * width).data)
    form = ("bias", width)
    return planner.constant(weights), planner.constant(
        packs.joined(biases, form, lambda data: np.pad(data, (0, -data.size % width)))
    )


def _packing_step(planner: Planner, matrix: Value, depth: int, width: int, groups: int) -> Address:
    columns = product(matrix.shape[-1:])
    source = planner.place(matrix)
    return pack_step(
        planner, source, depth, columns // groups, width, (4 * columns, 4), groups, 4 * (columns // groups)
    )  # fmt: skip


def pack_step(
    planner: Planner,
    source: Address | int,
    depth: int,
    columns: int,
    width: int,
    strides: tuple[int, int],
    matrices: int = 1,
    step: int = 0,
) -> Address:
    """Add a step that packs matrices (depth, columns), `step` bytes apart; strides: bytes from row to row and from
    column to column. Returns where the panels are, one matrix's after another's."""
    size = -(-columns // width) * width * depth
    target = planner.scratch(4 * size * matrices)
    is_turned = strides[0] == 4 and min(depth, columns) >= planner.target.lanes
    planner.step(
        kernel("panels.pack_transposed", lanes=planner.target.lanes) if is_turned else kernel("panels.pack"),
        [target, source, depth, columns, width, *strides, matrices, size, step],
        reads=[source],
        writes=[target],
        work=size * matrices / 4.0,
        label=f"pack {matrices}x{depth}x{columns}",
    )
    return target


def pack_panels(matrices: np.ndarray, width: int) -> np.ndarray:
    """(..., depth, columns) -> (..., panels, depth, width) of float32, zeros beyond the columns."""
    *others, depth, columns = matrices.shape
    panels = np.zeros((*others, -(-columns // width), depth, width), np.float32)
    for panel in range(panels.shape[-3]):
        part = matrices[..., panel * width : (panel + 1) * width]
        panels[..., panel, :, : part.shape[-1]] = part
    return panels


def unpack_panels(panels: np.ndarray, columns: int) -> np.ndarray:
    """(..., panels, depth, width) -> (..., depth, columns): what `pack_panels` packed."""
    *others, count, depth, width = panels.shape
    return np.moveaxis(panels, -3, -2).reshape(*others, depth, count * width)[..., :columns]
