"""Tensors in steps of their own scale; images of bytes with a number around them."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import Node
from ..planner import Planner, lowers
from ..program import Address, kernel, product
from .movement import pad_into

BLOCK = 4096
"""As in kernels/levels.py."""

ELEMENTS = 8.0
"""Per nanosecond, for estimates of work."""

SLACK = 16
"""Bytes behind an image, which the last vector of a run may reach."""


@lowers("dynamic_quantize")
def dynamic_quantize(planner: Planner, node: Node) -> bool:
    x, (y, scale, zero) = node.inputs[0], node.outputs
    assert x is not None
    count, source = product(x.shape), planner.place(x)
    blocks = -(-count // BLOCK)
    pairs, factor, offset, target = planner.scratch(8 * blocks), *map(planner.place, (scale, zero, y))
    planner.step(
        kernel("levels.extremes"),
        [pairs, source, count],
        reads=[source],
        writes=[pairs],
        work=count / ELEMENTS,
        label="extremes",
    )
    planner.step(
        kernel("levels.scale"),
        [factor, offset, pairs, blocks],
        reads=[pairs],
        writes=[factor, offset],
        work=float(blocks),
        label="scale",
        is_whole=True,
    )
    planner.step(
        kernel("levels.quantize"),
        [target, source, factor, offset, count],
        reads=[source, factor, offset],
        writes=[target],
        work=count / ELEMENTS,
        label="quantize",
    )
    return True


def pad_bytes(
    planner: Planner,
    source: Address,
    images: int,
    sizes: Sequence[int],
    pads: Sequence[tuple[int, int]],
    zero: Address,
) -> Address:
    """Add a step that copies images of bytes with a number around them. The last size and pads are in bytes."""
    padded = [low + size + high for size, (low, high) in zip(sizes, pads, strict=True)]
    target = planner.scratch(images * product(padded) + SLACK)
    pad_into(planner, target, source, [images, *sizes], [(0, 0), *pads], 1, zero)
    return target
