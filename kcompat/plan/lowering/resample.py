"""Resizing, one axis after the other."""

from __future__ import annotations

import numpy as np

from ...ir import Node
from ...operators.resize import interpolation_taps
from ..planner import Planner, lowers
from ..program import kernel, product
from .movement import BYTES


@lowers("resize")
def resize(planner: Planner, node: Node) -> bool:
    x, y, attrs = node.inputs[0], node.outputs[0], node.attrs
    assert x is not None
    if x.dtype != "float32":
        return False
    shape, source = [int(size) for size in x.shape], planner.place(x)
    axes = [axis % x.rank for axis in attrs["axes"]]
    taps = [
        interpolation_taps(shape[axis], int(y.shape[axis]), attrs["method"], attrs["coordinates"], attrs["antialias"])
        for axis in axes
    ]
    moved = [number for number, (places, weights) in enumerate(taps) if not _is_identity(places, weights)] or [0]
    for number in moved:
        axis, (taken, weights) = axes[number], taps[number]
        places = planner.constant(np.ascontiguousarray(taken, np.int64))
        shares = planner.constant(np.ascontiguousarray(weights, np.float32))
        outer, size, inner = product(shape[:axis]), shape[axis], product(shape[axis + 1 :])
        shape[axis] = len(taken)
        target = planner.place(y) if number == moved[-1] else planner.scratch(4 * product(shape))
        planner.step(
            kernel("resample.along"),
            [target, source, places, shares, outer, size, len(taken), inner, taken.shape[1]],
            reads=[source, places, shares],
            writes=[target],
            work=4.0 * product(shape) * (taken.shape[1] + 1) / BYTES,
            label=f"{attrs['method']} {size} to {len(taken)}",
        )
        source = target
    return True


def _is_identity(places: np.ndarray, weights: np.ndarray) -> bool:
    size = len(places)
    return places.shape[1] == 1 and bool((weights == 1).all()) and bool((places[:, 0] == np.arange(size)).all())
