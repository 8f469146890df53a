"""Scaled dot-product attention."""

from __future__ import annotations

from ...ir import Node, Value
from ..planner import Planner, lowers
from ..program import Address, Argument, bits, kernel, product
from .dense import FLOPS
from .movement import BYTES
from .tiles import choose_tile

SLOTS = 16
"""Threads for which there is room for a block of scores."""

EXP = 0.6
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
    tile = choose_tile(queries, planner.target.lanes)
    keys = _packed(planner, key, tile.width, turned=True)
    values = _packed(planner, value, tile.width, turned=False)
    wide = -(-times // tile.width) * tile.width
    slots = min(SLOTS, batch * heads * -(-queries // tile.rows))
    scratch = planner.scratch(4 * slots * tile.rows * wide)
    source, target = planner.place(query), planner.place(y)
    weights = planner.place(node.outputs[1]) if attrs["with_weights"] else 0
    zeros = planner.constant(planner.packs.zeros(tile.width).data)
    origin = planner.packs.no_offset(planner)
    seen = planner.place(mask)
    arguments: list[Argument] = [
        target, source, keys, values, weights, scratch, slots, zeros, origin,
        batch, heads, groups, queries, times, size, value_size,
        seen, *_mask_strides(mask), int(attrs["causal"]), attrs["window"], int(attrs["zero_masked"]),
        bits(attrs["scale"]),
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


def _packed(planner: Planner, x: Value, width: int, turned: bool) -> Address:
    """For each sample and head, (time, size) in panels of columns; turned, (size, time)."""
    batch, times, heads, size = (int(n) for n in x.shape)
    depth, columns = (size, times) if turned else (times, size)
    steps = (4, heads * size * 4) if turned else (heads * size * 4, 4)
    panels = -(-columns // width)
    source, target = planner.place(x), planner.scratch(4 * batch * heads * panels * width * depth)
    planner.step(
        kernel("attention.pack", width=width),
        [target, source, batch, heads, times * heads * size * 4, size * 4, depth, columns, *steps],
        reads=[source],
        writes=[target],
        work=4.0 * product(x.shape) / BYTES,
        label="pack",
    )
    return target


def _mask_strides(mask: Value | None) -> list[int]:
    """Bytes from index to index of (batch, heads, queries, keys); 0 where it is one for all."""
    if mask is None:
        return [0] * 4
    sizes = [int(size) for size in mask.shape]
    return [0 if size == 1 else product(sizes[axis + 1 :]) for axis, size in enumerate(sizes)]
