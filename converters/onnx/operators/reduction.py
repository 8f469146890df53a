"""Reductions, softmax, order and cumulative sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from kcompat.ir import Value
from kcompat.ir.types import is_float

from ..call import Call, NeedsHost, axis_of, handles

_NEUTRAL: dict[str, Callable[[str], Any]] = {
    "Sum": lambda dtype: 0,
    "L1": lambda dtype: 0,
    "L2": lambda dtype: 0,
    "SumSquare": lambda dtype: 0,
    "Prod": lambda dtype: 1,
    "LogSum": lambda dtype: -np.inf,
    "LogSumExp": lambda dtype: -np.inf,
    "Mean": lambda dtype: np.nan,
    "Max": lambda dtype: -np.inf if is_float(dtype) else dtype != "bool" and np.iinfo(dtype).min,
    "Min": lambda dtype: np.inf if is_float(dtype) else dtype == "bool" or np.iinfo(dtype).max,
}
"""What a reduction over no element gives."""


@handles(*(f"Reduce{kind}" for kind in _NEUTRAL))
def _reduce(c: Call) -> Any:
    x, kind = c.x(), c.node.op.removeprefix("Reduce")
    axes = c.setting("axes")
    if not axes:
        if c.get("noop_with_empty_axes", 0):
            return _none_reduced(c, x, kind)
        axes = tuple(range(x.rank))
    axes = tuple(sorted(axis_of(axis, x.rank) for axis in axes))
    keep = bool(c.get("keepdims", 1))
    if any(x.shape[axis] == 0 for axis in axes):
        shape = [1 if axis in axes else dim for axis, dim in enumerate(x.shape) if keep or axis not in axes]
        return c.b.broadcast_to(c.constant(_NEUTRAL[kind](x.dtype), x), shape=tuple(shape))
    return c.cast(_reduction(c, c.wide(x), kind, axes, keep), x.dtype)


def _none_reduced(c: Call, x: Value, kind: str) -> Value:
    """The reduction of each element alone."""
    if kind in ("L1", "L2"):
        return c.b.abs(x)
    if kind == "SumSquare":
        return c.b.square(x)
    return c.b.log(x) if kind == "LogSum" else x


def _reduction(c: Call, x: Value, kind: str, axes: tuple[int, ...], keep: bool) -> Value:
    b, options = c.b, {"axes": axes, "keepdims": keep}
    match kind:
        case "L1":
            return b.reduce_sum(b.abs(x), **options)
        case "L2" if not is_float(x.dtype):
            return c.cast(b.sqrt(b.reduce_sum(b.square(c.cast(x, "float64")), **options)), x.dtype)
        case "L2":
            return b.sqrt(b.reduce_sum(b.square(x), **options))
        case "SumSquare":
            return b.reduce_sum(b.square(x), **options)
        case "LogSum" | "LogSumExp" if not is_float(x.dtype):
            raise NeedsHost
        case "LogSum":
            return b.log(b.reduce_sum(x, **options))
        case "LogSumExp":
            return _log_sum_exp(c, x, axes, keep)
        case "Mean" if not is_float(x.dtype):
            raise NeedsHost
        case "Max" | "Min" if x.dtype == "bool":
            return c.cast(_reduction(c, c.cast(x, "uint8"), kind, axes, keep), "bool")
        case _:
            return getattr(b, f"reduce_{kind.lower()}")(x, **options)


def _log_sum_exp(c: Call, x: Value, axes: tuple[int, ...], keep: bool) -> Value:
    """With the largest element taken out first, or the exponentials overflow; where it is infinite, 0 is."""
    b = c.b
    top = b.reduce_max(x, axes=axes, keepdims=True)
    finite = b.less(b.abs(top), c.constant(np.inf, x))
    top = b.where(finite, top, c.constant(0, x))
    total = b.add(b.log(b.reduce_sum(b.exp(b.sub(x, top)), axes=axes, keepdims=True)), top)
    return total if keep else b.squeeze(total, axes=axes)


@handles("Softmax", "LogSoftmax", "Hardmax")
def _softmax(c: Call) -> Any:
    """Until opset 12 over all axes from `axis` (1) on as one, from 13 over `axis` (-1)."""
    x = c.x()
    axis = int(c.get("axis", -1 if c.opset >= 13 else 1))
    if c.opset >= 13:
        axes: tuple[int, ...] = (axis_of(axis, x.rank),)
    else:
        axes = tuple(range(x.rank if axis == x.rank else axis_of(axis, x.rank), x.rank))
    if c.node.op == "Hardmax":
        return _hardmax(c, x, axes)
    if not axes:
        return c.constant(1 if c.node.op == "Softmax" else 0, x) if not x.rank else c.b.sub(x, x)
    card = c.b.softmax if c.node.op == "Softmax" else c.b.log_softmax
    return c.cast(card(c.require_float(x), axes=axes), x.dtype)


def _hardmax(c: Call, x: Value, axes: tuple[int, ...]) -> Value:
    """One at the first largest element, else zero."""
    shape = c.shape(x)
    first = axes[0] if axes else x.rank
    flat = c.reshaped(x, (*shape[:first], -1) if len(axes) > 1 else shape)
    axis = first if len(axes) > 1 else (axes[0] if axes else flat.rank - 1)
    place = c.b.argmax(flat, axis=axis, keepdims=True)
    index = np.arange(flat.shape[axis], dtype=np.int32).reshape([-1 if a == axis else 1 for a in range(flat.rank)])
    return c.reshaped(c.cast(c.b.equal(place, c.b.constant(index)), x.dtype), shape)


@handles("ArgMax", "ArgMin")
def _argument(c: Call) -> Any:
    x = c.x()
    axis = axis_of(int(c.get("axis", 0)), x.rank)
    keep = bool(c.get("keepdims", 1))
    card = c.b.argmax if c.node.op == "ArgMax" else c.b.argmin
    if not c.get("select_last_index", 0):
        return c.cast(card(x, axis=axis, keepdims=keep), "int64")
    last = c.shape(x)[axis] - 1
    reverse = c.b.slice(x, starts=(None,), stops=(None,), steps=(-1,), axes=(axis,))
    place = c.cast(card(reverse, axis=axis, keepdims=keep), "int64")
    return c.b.sub(c.constant(last, "int64"), place)


@handles("TopK")
def _top_k(c: Call) -> Any:
    """k is an attribute until opset 9; `largest` and `sorted` exist from 11. Sorted in any case."""
    x = c.x()
    axis = axis_of(int(c.get("axis", -1)), x.rank)
    setting = c.setting("k")
    if setting is None:
        raise NeedsHost
    count = setting[0]
    perm = [a for a in range(x.rank) if a != axis] + [axis]
    back = np.argsort(perm).tolist()
    moved = c.transposed(x, perm)
    if c.get("largest", 1):
        values, places = c.b.top_k(moved, k=count)
    else:
        places = c.sliced(c.b.argsort(moved, axis=-1), x.rank - 1, 0, count)
        values = c.b.gather_elements(moved, places, axis=x.rank - 1)
    return c.transposed(values, back), c.cast(c.transposed(places, back), "int64")


@handles("CumSum", "CumProd")
def _cumulative(c: Call) -> Any:
    x, axes = c.x(), c.static_ints(1)
    if not axes or len(axes) != 1:
        raise NeedsHost
    card = c.b.cumsum if c.node.op == "CumSum" else c.b.cumprod
    return card(
        x, axis=axis_of(axes[0], x.rank), exclusive=bool(c.get("exclusive", 0)), reverse=bool(c.get("reverse", 0))
    )
