"""Convolutions of few filters, whose vectors are along the input."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ..planner import Planner
from ..program import bits, kernel, product
from .dense import FLOPS
from .movement import pad
from .tiles import packed_bias
from .windows import Convolution, geometry, label_of

MOST = 4
"""Filters whose sums fit the registers."""


def is_of_few_filters(planner: Planner, node: Node, w: Value) -> bool:
    """Whether vectors along the input of a pixel are fuller than vectors of filters: the runs must be long."""
    filters, channels, groups = product(w.shape[-1:]), product(w.shape[-2:-1]), node.attrs["groups"]
    lanes = planner.target.lanes
    run = channels * (int(w.shape[-3]) if node.attrs["dilations"][-1] == 1 else 1)
    return isinstance(w, Constant) and groups == 1 and filters <= MOST and filters < lanes and 2 * run >= lanes


def few_filters(planner: Planner, convolution: Convolution) -> None:
    node, x, w, bias, residual, pads, limits = convolution
    assert isinstance(w, Constant)
    y, lanes, filters = node.outputs[0], planner.target.lanes, product(w.shape[-1:])
    place, sizes = pad(planner, x, pads)
    offsets, (segments, count, length) = geometry(planner, node, sizes, product(x.shape[-1:]), w, 1)
    chunks, rest = divmod(length, lanes)
    weights = planner.constant(
        planner.packs.get(w, ("along", lanes, length), lambda data: _along(data, lanes, count, length))
    )
    offset, target, added = packed_bias(planner, bias, filters, 1), planner.place(y), planner.place(residual)
    pixels = product(y.shape[1:-1])
    rows = product(y.shape[:1]) * pixels
    planner.step(
        kernel("dots.pixels", filters=filters, lanes=lanes, rest=rest),
        [
            place, weights, offset, target, added, rows, pixels, offsets, product(sizes) * product(x.shape[-1:]),
            segments, count, chunks, *map(bits, limits),
        ],
        reads=[place, weights, offset, added, offsets, segments],
        writes=[target],
        work=2.0 * rows * filters * count * (length + lanes) / FLOPS * 2,
        label=label_of("conv", node, w) + " of few filters",
    )  # fmt: skip


def _along(data: np.ndarray, lanes: int, segments: int, length: int) -> np.ndarray:
    """w as (segments, vectors of a segment, filters, lanes), zeros behind the last elements."""
    runs = data.astype(np.float32).reshape(segments, length, -1)
    padded = np.zeros((segments, -(-length // lanes) * lanes, runs.shape[-1]), np.float32)
    padded[:, :length] = runs
    return np.ascontiguousarray(padded.reshape(segments, -1, lanes, runs.shape[-1]).swapaxes(2, 3))
