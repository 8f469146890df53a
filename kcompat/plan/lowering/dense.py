"""Products of matrices."""

from __future__ import annotations

import math

from ...ir import Node
from ..planner import Planner, lowers
from ..program import Address, Argument, bits, kernel, product
from .tiles import FEW_ROWS, Tile, choose_tile, packed_bias, packed_scale, packed_weights

FLOPS = 80.0
"""Per nanosecond, for estimates of work."""
BYTES = 40.0
"""Of weights per nanosecond, read once."""

STREAM_BYTES = 16 << 20
"""Results larger than this go past the caches, which cannot keep them for whoever reads them."""

SHARES = 8
"""Into how many blocks a product is to be divided for threads: by rows, as the operators around it are, so that each
thread finds in its cache what it wrote, or by columns where the weights are more than what is read and written."""

PARTS = 4
"""Partial sums of a product of few rows."""


@lowers("dense", "fused_dense")
def dense(planner: Planner, node: Node) -> bool:
    x, w, bias, *rest = node.inputs
    residual = rest[0] if rest else None
    assert x is not None
    assert w is not None
    if x.dtype != "float32":
        return False
    rows, depth, columns = product(x.shape[:-1]), product(x.shape[-1:]), product(w.shape[1:])
    if 0 in (rows, depth, columns):
        return False
    tile = choose_tile(rows, planner.target.lanes, stride=depth)
    add_product(
        planner,
        tile,
        places=(
            planner.place(x),
            packed_weights(planner, w, tile.width),
            packed_bias(planner, bias, columns, tile.width),
            planner.place(node.outputs[0]),
            planner.place(residual),
        ),
        sizes=(rows, columns, depth),
        strides=(depth, columns, columns),
        limits=(node.attrs.get("low", -math.inf), node.attrs.get("high", math.inf)),
        scale=packed_scale(planner, w, tile.width),
        label=f"dense {rows}x{depth}x{columns}",
    )
    return True


def add_product(
    planner: Planner,
    tile: Tile,
    *,
    places: tuple[Address | int, ...],
    sizes: tuple[int, int, int],
    strides: tuple[int, int, int],
    limits: tuple[float, float],
    label: str,
    pixels: tuple[Argument, Argument, Argument] = (1, 0, 0),
    segments: tuple[Address, int, int] | None = None,
    matrices: tuple[int, int, int, int, int, int] = (1, 0, 0, 0, 0, 0),
    own_elements: int = 0,
    spacing: int = 1,
    scale: Address | int = 0,
) -> None:
    """Add a step of `product.tiles`, or of `gemv.rows` for few rows; arguments as in `kernels/product.py`.

    scale: factors of the columns, packed as the bias. own_elements: how many elements of x a row adds to what the row
    before it reads; 0 if all it reads.
    """
    rows, columns, depth = sizes
    few = rows <= FEW_ROWS and segments is None and spacing == 1
    if segments is None:
        segments = (planner.packs.no_offset(planner), 1, depth)
    panels = -(-columns // tile.width)
    own = min(own_elements or depth, depth)
    block = tile.block(rows, own, SHARES if depth * columns <= rows * (own + columns) else 1)
    chunk = panels if -(-rows // block) * matrices[0] >= SHARES else max(1, panels // SHARES)
    low, high = limits
    arguments: list[Argument] = [
        *places, rows, columns, depth, *strides, *pixels, *segments, bits(low), bits(high),
        block, chunk, *matrices, spacing, scale,
    ]  # fmt: skip
    x, weights, bias, y, residual = places
    flops = 2.0 * rows * columns * depth * matrices[0]
    work = max(flops / FLOPS, 4.0 * depth * columns / BYTES)
    name, tiled = ("gemv.rows", "parts") if few else ("product.tiles", "rows")
    parameters = {tiled: PARTS if few else tile.rows, "vectors": tile.vectors, "lanes": tile.lanes}
    if strides[1] == columns and streams(4 * rows * columns, columns, tile.lanes):
        parameters["streams"] = 1
    if spacing != 1:
        parameters["strided"] = 1
    if not few and tile.tail(columns):
        parameters["tail"] = tile.tail(columns)
    planner.step(
        kernel(name, **parameters),
        arguments,
        reads=[x, weights, bias, scale, residual, segments[0], *(p for p in pixels if isinstance(p, Address))],
        writes=[y],
        work=work,
        label=f"{label} {name.split('.')[0]} {'' if few else f'{tile.rows}x{tile.width}'}",
    )


def streams(size: int, channels: int, lanes: int) -> bool:
    """Whether a result of so many bytes goes past the caches: its pixels must be whole vectors."""
    return size > STREAM_BYTES and channels % lanes == 0
