"""Normalisation by own statistics."""

from __future__ import annotations

import numpy as np

from ...ir import Constant, Node, Value
from ...ir.types import normalize_axes
from ..planner import Planner, lowers
from ..program import Address, bits, kernel, product
from .movement import copy, strides_of

ELEMENTS = 4.0
"""Normalised per nanosecond, for estimates of work."""


@lowers("layer_norm", "rms_norm", "l2_normalize")
def rows(planner: Planner, node: Node) -> bool:
    """The normalised axes as rows: where they are not the last ones, a transposed copy has them there."""
    x, *weights = node.inputs
    assert x is not None
    y = node.outputs[0]
    axes = sorted(normalize_axes(node.attrs["axes"], x.rank))
    length = product([x.shape[axis] for axis in axes])
    if x.dtype != "float32" or not axes:
        return False
    places = []
    for neutral, weight in zip((1.0, 0.0), [*weights, None, None], strict=False):
        place = _along(planner, weight, x, axes, neutral)
        if place is None:
            return False
        places.append(place)
    others = [axis for axis in range(x.rank) if axis not in axes]
    perm = [*others, *axes]
    source, target = _as_rows(planner, x, perm), planner.place(y)
    assert isinstance(target, Address)
    made = target if perm == sorted(perm) else planner.scratch(4 * product(x.shape))
    mode = node.op.name.split("_")[0]
    planner.step(
        kernel("norms.rows", mode=mode),
        [made, source, *places, product(x.shape) // length, length, bits(node.attrs["epsilon"])],
        reads=[source, *places],
        writes=[made],
        work=product(x.shape) / ELEMENTS,
        label=f"{node.op.name} {product(x.shape) // length}x{length}",
    )
    if made is not target:
        sizes = [int(size) for size in x.shape]
        after, turned = strides_of(sizes, 4), strides_of([sizes[axis] for axis in perm], 4)
        copy(planner, target, made, [(sizes[axis], after[axis], turned[i]) for i, axis in enumerate(perm)], 4, "turn")
    return True


def _as_rows(planner: Planner, x: Value, perm: list[int]) -> Address:
    """x with its axes in another order."""
    source = planner.place(x)
    assert isinstance(source, Address)
    if perm == sorted(perm):
        return source
    sizes = [int(size) for size in x.shape]
    target = planner.scratch(4 * product(sizes))
    before, after = strides_of(sizes, 4), strides_of([sizes[axis] for axis in perm], 4)
    copy(planner, target, source, [(sizes[axis], after[i], before[axis]) for i, axis in enumerate(perm)], 4, "turn")
    return target


def _along(planner: Planner, weight: Value | None, x: Value, axes: list[int], neutral: float) -> Address | None:
    """A weight for each element of a row; None if it varies from row to row, or is not known and too small."""
    sizes = [int(x.shape[axis]) for axis in axes]
    if weight is None:
        ones = planner.packs.zeros(product(sizes))
        return planner.constant(
            planner.packs.get(ones, ("full", int(neutral)), lambda data: data + np.float32(neutral))
        )
    shape = [1] * (x.rank - weight.rank) + [int(size) for size in weight.shape]
    if any(size != 1 for axis, size in enumerate(shape) if axis not in axes):
        return None
    own = [shape[axis] for axis in axes]
    if isinstance(weight, Constant):
        form = ("along", *own, 0, *sizes)
        return planner.constant(
            planner.packs.get(
                weight, form, lambda data: np.ascontiguousarray(np.broadcast_to(data.reshape(own), sizes))
            )
        )
    place = planner.place(weight)
    assert isinstance(place, Address)
    return place if own == sizes else None


@lowers("group_norm")
def groups(planner: Planner, node: Node) -> bool:
    x, gamma, beta = node.inputs
    assert x is not None
    attrs = node.attrs
    if x.dtype != "float32" or attrs["axis"] % x.rank != x.rank - 1:
        return False
    last = [x.rank - 1]
    scale, offset = _along(planner, gamma, x, last, 1.0), _along(planner, beta, x, last, 0.0)
    assert scale is not None
    assert offset is not None
    channels = product(x.shape[-1:])
    source, target = planner.place(x), planner.place(node.outputs[0])
    planner.step(
        kernel("norms.groups"),
        [
            target, source, scale, offset, product(x.shape[:1]), product(x.shape[1:-1]), attrs["groups"],
            channels // attrs["groups"], bits(attrs["epsilon"]),
        ],
        reads=[source, scale, offset],
        writes=[target],
        work=product(x.shape) / ELEMENTS,
        label=f"group_norm {attrs['groups']}",
    )  # fmt: skip
    return True
