"""Shapes and places: nothing here computes on elements."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.operators.shape import INFER, KEEP

from ..call import Call, writes

_FAR = np.iinfo(np.int64).max
_BEFORE = np.iinfo(np.int64).min


@writes("reshape")
def _reshape(w: Call) -> str:
    """0 keeps a size in ONNX, so that a size that is 0 needs `allowzero`, which keeps none."""
    x, target = w.x(), list(w.attr("shape"))
    if 0 not in target:
        return w.add("Reshape", x, shape=[{KEEP: 0, INFER: -1}.get(size, size) for size in target])
    if KEEP in target:
        parts = [w.sizes(0, a, a + 1) if size == KEEP else w.ints([size]) for a, size in enumerate(target)]
        return w.add("Reshape", x, shape=w.joined(*parts), allowzero=1)
    return w.add("Reshape", x, shape=target, allowzero=1)


@writes("expand_dims", "squeeze")
def _axes_of_one(w: Call) -> str:
    if not w.attr("axes"):
        return w.x()
    if w.node.op.name == "squeeze":
        return w.add("Squeeze", w.x(), axes=list(w.axes()))
    rank = w.node.outputs[0].rank
    return w.add("Unsqueeze", w.x(), axes=sorted(axis % rank for axis in w.attr("axes")))


@writes("slice")
def _slice(w: Call) -> str:
    starts, stops, steps = ([*w.attr(name)] for name in ("starts", "stops", "steps"))
    steps = [1 if step is None else step for step in steps]
    if (starts, stops, steps) == ([None], [None], [-1]):
        return w.reversed(w.x(), w.axes()[0])
    starts = [(0 if d > 0 else _FAR) if start is None else start for start, d in zip(starts, steps, strict=True)]
    stops = [(_FAR if d > 0 else _BEFORE) if stop is None else stop for stop, d in zip(stops, steps, strict=True)]
    return _sliced(w, w.x(), starts, stops, w.axes(), steps) if starts else w.x()


def _sliced(w: Call, x: str, starts: Any, stops: Any, axes: Any, steps: Any) -> str:
    return w.add("Slice", x, starts=starts, ends=stops, axes=list(axes), steps=steps)


@writes("pad")
def _pad(w: Call) -> str:
    pads, mode = w.attr("pads"), w.attr("mode")
    if mode == "symmetric":
        return _mirrored(w)
    flat = [low for low, _ in pads] + [high for _, high in pads]
    value = w.like(w.attr("value")) if mode == "constant" and w.attr("value") else None
    return w.add("Pad", w.x(), pads=flat, value=value, mode=mode)


def _mirrored(w: Call) -> str:
    """Mirrored with the border itself, which Pad does not do."""
    x = w.x()
    for axis, (low, high) in enumerate(w.attr("pads")):
        front = [_sliced(w, x, [low - 1], [_BEFORE], [axis], [-1])] if low else []
        back = [_sliced(w, x, [_FAR], [-high - 1], [axis], [-1])] if high else []
        if front or back:
            x = w.add("Concat", *front, x, *back, axis=axis)
    return x


@writes("repeat")
def _repeat(w: Call) -> str:
    axis, count = w.axis(), w.attr("count")
    size = w.type().shape[axis]
    if isinstance(size, int):
        return w.add("Gather", w.x(), w.ints(np.repeat(np.arange(size), count)), axis=axis)
    repeats = [count if place == axis + 1 else 1 for place in range(w.rank + 1)]
    tiled = w.add("Tile", w.add("Unsqueeze", w.x(), axes=[axis + 1]), w.ints(repeats))
    lead, tail = w.sizes(0, 0, axis), w.sizes(0, axis + 1)
    return w.add("Reshape", tiled, shape=w.joined(lead, w.ints([-1]), tail))


@writes("tile")
def _tile(w: Call) -> str:
    return w.add("Tile", w.x(), w.ints(w.attr("repeats")))


@writes("broadcast_to")
def _broadcast_to(w: Call) -> str:
    return w.add("Expand", w.x(), w.ints(w.attr("shape")))


@writes("broadcast_like")
def _broadcast_like(w: Call) -> str:
    return w.add("Expand", w.x(), w.sizes(1))


@writes("size")
def _size(w: Call) -> str:
    axis = w.axis()
    size = w.type().shape[axis]
    if isinstance(size, int):
        return w.output.constant(size, "int32")
    return w.cast(w.add("Squeeze", w.shape(w.x(), axis, axis + 1), axes=[0]), "int32")


@writes("fold_time")
def _fold_time(w: Call) -> str:
    dims = w.type().shape[2:]
    if all(isinstance(dim, int) and dim for dim in dims):
        return w.add("Reshape", w.x(), shape=[-1, *dims])
    return w.add("Reshape", w.x(), shape=w.joined(w.ints([-1]), w.sizes(0, 2)))


@writes("unfold_time")
def _unfold_time(w: Call) -> str:
    time, dims = w.type(1).shape[1], w.type(0).shape[1:]
    if all(isinstance(dim, int) and dim for dim in (time, *dims)):
        return w.add("Reshape", w.x(), shape=[-1, time, *dims])
    return w.add("Reshape", w.x(), shape=w.joined(w.sizes(1, 0, 2), w.sizes(0, 1)))


# --- by index ----------------------------------------------------------------------


def _indices(w: Call, index: int, dtypes: tuple[str, ...] = ("int32", "int64")) -> str:
    return w.x(index) if w.type(index).dtype in dtypes else w.cast(w.x(index), "int64")


@writes("gather")
def _gather(w: Call) -> str:
    return w.add("Gather", w.x(), _indices(w, 1), axis=w.axis())


@writes("gather_elements")
def _gather_elements(w: Call) -> str:
    return w.add("GatherElements", w.x(), _indices(w, 1), axis=w.axis())


@writes("gather_nd")
def _gather_nd(w: Call) -> str:
    return w.add("GatherND", w.x(), _indices(w, 1, ("int64",)), batch_dims=w.attr("batch_dims"))


def _reduction(w: Call) -> str:
    reduction = w.attr("reduction")
    if reduction in ("max", "min"):
        w.require_opset(18, f"reduction '{reduction}'")
    return reduction


@writes("scatter_nd")
def _scatter_nd(w: Call) -> str:
    return w.add("ScatterND", w.x(), _indices(w, 1, ("int64",)), w.x(2), reduction=_reduction(w))


@writes("scatter_elements")
def _scatter_elements(w: Call) -> str:
    return w.add("ScatterElements", w.x(), _indices(w, 1), w.x(2), axis=w.axis(), reduction=_reduction(w))
