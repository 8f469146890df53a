"""Depthwise convolution of images of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...operators.quantized import centred
from ..planner import Planner
from ..program import Address, Argument, kernel, product

if TYPE_CHECKING:
    from .integer_product import Operands

OPS = 12.0
"""Products per nanosecond, for estimates of work."""

UNROLLED = 25
"""Taps of windows whose weights stay in registers, at most."""

PIXELS = 64
"""Of a part."""


def depthwise(
    planner: Planner,
    operands: Operands,
    place: Address,
    images: int,
    pixels: tuple[int, Address, int],
    taps: tuple[Address, int],
    label: str,
) -> None:
    """Add a step of `integer_depthwise.pixels` on images that are padded already."""
    from .integer_product import padded_columns

    lanes, channels, y = planner.target.lanes, product(operands.y.shape[-1:]), planner.place(operands.y)
    offsets, count = taps
    weights = operands.packed(
        planner, ("depthwise",), lambda: centred(operands.levels, operands.w_zero).reshape(count, -1)
    )
    places = padded_columns(1, channels, channels)
    start, zero, sums = operands.start(planner, weights.astype(np.int64).sum(axis=0), places)
    arguments: list[Argument] = [
        place, planner.constant(weights), start, y, offsets, count, 0, zero, sums, 0, *operands.finish(planner, places),
        images * pixels[0], channels, *pixels, PIXELS,
    ]  # fmt: skip
    parameters: dict[str, int] = {"few": 1} if channels < lanes else {}
    planner.step(
        kernel(
            "integer_depthwise.pixels",
            lanes=lanes,
            taps=count if count <= UNROLLED else 0,
            result=operands.result,
            signed=int(operands.flips),
            **parameters,
        ),
        arguments,
        reads=[a for a in arguments if isinstance(a, Address) and a is not y],
        writes=[y],
        work=images * pixels[0] * channels * count / OPS,
        label=f"integer {label}",
    )
