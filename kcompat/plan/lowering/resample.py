"""Resizing, one axis after the other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...ir import Constant, Node
from ...ir.types import normalize_axis
from ...operators.resize import interpolation_taps
from ..planner import Planner, lowers
from ..program import Address, kernel, product
from .movement import BYTES

MOST_TIMES = 4
"""How often an element is repeated in registers, at most."""

FEW, MOST_TAPS = 8, 4
"""Axes behind which lie fewer elements are resampled element by element, where that takes so many taps at most."""

MOST_TAKEN = 1 << 18
"""Elements whose places are tabled, at most."""


@lowers("resize")
def resize(planner: Planner, node: Node) -> bool:
    x, y, attrs = node.inputs[0], node.outputs[0], node.attrs
    assert x is not None
    if x.dtype != "float32":
        return False
    if _repeats(planner, node):
        return True
    shape, source = [int(size) for size in x.shape], planner.place(x)
    axes = [axis % x.rank for axis in attrs["axes"]]
    taps = [
        interpolation_taps(shape[axis], int(y.shape[axis]), attrs["method"], attrs["coordinates"], attrs["antialias"])
        for axis in axes
    ]
    moved = [number for number, (places, weights) in enumerate(taps) if not _is_identity(places, weights)] or [0]
    if _takes(planner, node, [axes[number] for number in moved], [taps[number] for number in moved]):
        return True
    for number in moved:
        made = [*shape]
        made[axes[number]] = int(y.shape[axes[number]])
        target = planner.place(y) if number == moved[-1] else planner.scratch(4 * product(made))
        _along(planner, source, target, shape, axes[number], *taps[number], attrs["method"])
        shape, source = made, target
    return True


@lowers("resample")
def resample(planner: Planner, node: Node) -> bool:
    x, places, weights = node.inputs
    assert x is not None
    if x.dtype != "float32" or not isinstance(places, Constant) or not isinstance(weights, Constant) or 0 in x.shape:
        return False
    size, axis = [int(size) for size in x.shape], normalize_axis(node.attrs["axis"], x.rank)
    if np.min(places.data) < 0 or np.max(places.data) >= size[axis]:
        return False
    source, target = planner.place(x), planner.place(node.outputs[0])
    _along(planner, source, target, size, axis, places.data, weights.data, "resample")
    return True


def _along(
    planner: Planner,
    source: Address | int,
    target: Address | int,
    shape: Sequence[int],
    axis: int,
    taken: np.ndarray,
    weights: np.ndarray,
    name: str,
) -> None:
    """Add a step: each position of an axis becomes a weighted sum of others."""
    outer, size, inner = product(shape[:axis]), shape[axis], product(shape[axis + 1 :])
    out, taps = taken.shape
    by_elements = inner < FEW and taps <= MOST_TAPS
    if by_elements:
        within = np.arange(inner)
        taken = (taken.T[:, :, None] * inner + within).astype(np.int32)
        weights = np.repeat(weights.T[:, :, None], inner, axis=2)
    places = planner.constant(np.ascontiguousarray(taken, None if by_elements else np.int64))
    shares = planner.constant(np.ascontiguousarray(weights, np.float32))
    counts = [outer, out * inner, size * inner] if by_elements else [outer, size, out, inner, taps]
    planner.step(
        kernel("resample.elements", taps=taps) if by_elements else kernel("resample.along"),
        [target, source, places, shares, *counts],
        reads=[source, places, shares],
        writes=[target],
        work=4.0 * outer * out * inner * (taps + 1) / BYTES * (2 if by_elements else 1),
        label=f"{name} {size} to {out}",
    )


def _takes(planner: Planner, node: Node, axes: list[int], taps: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Single positions of neighbouring last axes in one step; False if it is not that."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    first = min(axes)
    counts = product(y.shape[first:]), product(x.shape[first:])
    if (
        any(places.shape[1] != 1 or not (weights == 1).all() for places, weights in taps)
        or product(x.shape[max(axes) + 1 :]) >= FEW
        or max(counts) > MOST_TAKEN
    ):
        return False
    taken = [np.arange(int(size)) for size in x.shape[first:]]
    for axis, (places, _) in zip(axes, taps, strict=True):
        taken[axis - first] = places[:, 0]
    whole = np.ravel_multi_index(np.meshgrid(*taken, indexing="ij"), [int(size) for size in x.shape[first:]])
    table = planner.constant(np.ascontiguousarray(whole, np.int32))
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("resample.taken"),
        [target, source, table, product(x.shape[:first]), *counts],
        reads=[source, table],
        writes=[target],
        work=8.0 * product(y.shape) / BYTES,
        label=f"{node.attrs['method']} of {counts[1]} to {counts[0]}",
    )
    return True


def _repeats(planner: Planner, node: Node) -> bool:
    """Each element of the last axes several times, in one step; False if it is not that."""
    x, y, attrs = node.inputs[0], node.outputs[0], node.attrs
    assert x is not None
    axes = sorted(axis % x.rank for axis in attrs["axes"])
    width = int(x.shape[-1])
    lanes = next((lanes for lanes in (16, 8, 4) if lanes <= min(width, planner.target.lanes)), 0)
    sizes = [(int(x.shape[axis]), int(y.shape[axis])) for axis in axes]
    times = [made // size for size, made in sizes]
    if (
        attrs["method"] != "nearest"
        or axes != [x.rank - 2, x.rank - 1]
        or not lanes
        or not 1 < times[1] <= MOST_TIMES
        or any(made % size for size, made in sizes)
        or not all(_is_repetition(node, *pair) for pair in sizes)
    ):
        return False
    source, target = planner.place(x), planner.place(y)
    planner.step(
        kernel("resample.repeated", times=times[1], lanes=lanes),
        [target, source, product(x.shape[:-1]), width, times[0]],
        reads=[source],
        writes=[target],
        work=4.0 * product(y.shape) / BYTES,
        label=f"nearest {times[0]}x{times[1]}",
    )
    return True


def _is_repetition(node: Node, size: int, out: int) -> bool:
    """Whether an axis becomes each of its elements several times."""
    attrs = node.attrs
    places, weights = interpolation_taps(size, out, "nearest", attrs["coordinates"], attrs["antialias"])
    return places.shape[1] == 1 and bool((weights == 1).all() and (places[:, 0] == np.arange(out) * size // out).all())


def _is_identity(places: np.ndarray, weights: np.ndarray) -> bool:
    size = len(places)
    return places.shape[1] == 1 and bool((weights == 1).all()) and bool((places[:, 0] == np.arange(size)).all())
