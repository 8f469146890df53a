"""Scaled dot-product attention."""

from __future__ import annotations

from ...ir import Node, Value
from ..planner import Planner, lowers
from ..program import Argument, bits, kernel, product
from .dense import FLOPS, SHARES
from .tiles import choose_tile

SLOTS = 16
"""Into how many parts the work divides: each has memory of its own."""

SCORE_BYTES = 32 * 1024
"""Of scores that are done together: they stay in the first-level cache."""

EXP = 0.3
"""Nanoseconds for a score's softmax, for estimates of work."""


@lowers("attention")
def attention(planner: Planner, node: Node) -> bool:
    query, key, value, mask = node.inputs
    assert query is not None
    assert key is not None
    assert value is not None
    if query.dtype != "float32":
        return False
    batch, queries, heads, size = (int(n) for n in query.shape)
    _, times, groups, value_size = (int(n) for n in value.shape)
    attrs, y = node.attrs, node.outputs[0]
    tile = choose_tile(queries, planner.target.lanes, stride=heads * size)
    wide, value_wide = (-(-columns // tile.width) * tile.width for columns in (times, value_size))
    block = _block(queries, min(SCORE_BYTES // (4 * wide), -(-queries * batch * heads // SHARES)), tile.rows)
    units = batch * heads * -(-queries // block)
    slots = min(SLOTS, units)
    scratch = planner.scratch(4 * slots * (wide * size + times * value_wide + block * wide))
    source, keys, values, target = (planner.place(operand) for operand in (query, key, value, y))
    weights = planner.place(node.outputs[1]) if attrs["with_weights"] else 0
    zeros = planner.constant(planner.packs.zeros(tile.width).data)
    origin = planner.packs.no_offset(planner)
    seen = planner.place(mask)
    arguments: list[Argument] = [
        target, source, keys, values, weights, scratch, slots, zeros, origin,
        batch, heads, groups, queries, times, size, value_size,
        seen, *_mask_strides(mask), int(attrs["causal"]), attrs["window"], int(attrs["zero_masked"]),
        bits(attrs["scale"]), block,
    ]  # fmt: skip
    scores = batch * heads * queries * times
    planner.step(
        kernel("attention.run", rows=tile.rows, vectors=tile.vectors, lanes=tile.lanes),
        arguments,
        reads=[source, keys, values, zeros, origin, seen],
        writes=[target, weights, scratch],
        work=scores * (2.0 * (size + value_size) / FLOPS + EXP),
        label=f"attention {heads}x{queries}x{times}",
    )
    return True


def _block(queries: int, most: int, rows: int) -> int:
    """How many queries are done together: whole tiles of rows, evenly."""
    blocks = -(-queries // max(most // rows * rows, rows))
    return -(-queries // (blocks * rows)) * rows


def _mask_strides(mask: Value | None) -> list[int]:
    """Bytes from index to index of (batch, heads, queries, keys); 0 where it is one for all."""
    if mask is None:
        return [0] * 4
    sizes = [int(size) for size in mask.shape]
    return [0 if size == 1 else product(sizes[axis + 1 :]) for axis, size in enumerate(sizes)]
