"""Products of matrices."""

from __future__ import annotations

import math

from ...ir import Constant, Node, Scaled, Value
from ..planner import Planner, lowers
from ..program import Address, Argument, bits, kernel, nbytes, product
from .tiles import FEW_ROWS, Tile, choose_tile, packed_bias, packed_scale, packed_together, packed_weights

FLOPS = 80.0
"""Per nanosecond, for estimates of work."""
BYTES = 40.0
"""Of weights per nanosecond, read once."""

STREAM_BYTES = 16 << 20
"""Results larger than this go past the caches, which cannot keep them for whoever reads them."""

SHARES = 8
"""Into how many blocks a product is to be divided for threads: by rows, as the operators around it are, so that each
thread finds in its cache what it wrote, or by columns where the weights are more than what is read and written."""

PARTS = {16: (4, 4, 2, 2, 1), 8: (4, 2, 1, 1, 1), 4: (4, 2, 1, 1, 1)}
"""Partial sums of each row of a product of few, by lanes and rows: as many as fit the registers."""


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
    together = [node, *_likes(planner, node)]
    target = _side_by_side(planner, [other.outputs[0] for other in together])
    if len(together) == 1:
        weights, start = packed_weights(planner, w, tile.width), packed_bias(planner, bias, columns, tile.width)
    else:
        weights, start = packed_together(planner, together, columns, tile.width)
    padded = -(-columns // tile.width) * tile.width
    add_product(
        planner,
        tile,
        places=(planner.place(x), weights, start, target, planner.place(residual)),
        sizes=(rows, columns, depth),
        strides=(depth, columns, columns),
        limits=(node.attrs.get("low", -math.inf), node.attrs.get("high", math.inf)),
        matrices=(len(together), 0, padded * depth, padded, rows * columns, 0),
        scale=packed_scale(planner, w, tile.width),
        label=f"dense {f'{len(together)}x' if len(together) > 1 else ''}{rows}x{depth}x{columns}",
    )
    planner.done.update(together)
    return True


def _likes(planner: Planner, node: Node) -> list[Node]:
    """Further products of the same x that are alike in all but the numbers of their weights, which are known."""
    x, w, bias, *_ = node.inputs
    assert w is not None
    readers = planner.readers(x) if _is_known(node) else []
    return [
        other
        for other in readers
        if other is not node
        and (other.op, other.attrs) == (node.op, node.attrs)
        and other.inputs[0] is x
        and _is_known(other)
        and other.inputs[1].shape == w.shape  # type: ignore[union-attr]
        and (other.inputs[2] is None) == (bias is None)
    ]


def _is_known(node: Node) -> bool:
    """Whether weights and bias of a product are plain constants, and nothing is added to it."""
    _, w, bias, *rest = node.inputs
    return isinstance(w, Constant) and not isinstance(w, Scaled) and isinstance(bias, Constant | None) and not any(rest)


def _side_by_side(planner: Planner, values: list[Value]) -> Address | int:
    """The place of the first of some values of one type, which lie one after another."""
    if len(values) > 1:
        size = nbytes(values[0].type)
        whole = planner.scratch(size * len(values))
        for number, value in enumerate(values):
            planner.put(value, whole + number * size)
    return planner.place(values[0])


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
    name = "gemv.rows" if few else "product.tiles"
    parameters = {"rows": rows, "parts": PARTS[tile.lanes][rows - 1]} if few else {"rows": tile.rows}
    parameters |= {"vectors": tile.vectors, "lanes": tile.lanes}
    if not few and strides[1] == columns and streams(4 * rows * columns, columns, tile.lanes):
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
