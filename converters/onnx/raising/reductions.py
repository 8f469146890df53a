"""Reductions, global pooling, and the order of elements."""

from __future__ import annotations

from kcompat.ir import Node
from kcompat.ir.types import is_float

from .raiser import Raised, Raiser, first, raises

_FUNCTIONS = {
    "reduce_mean": "mean",
    "reduce_max": "max",
    "reduce_min": "min",
    "reduce_sum": "sum",
    "reduce_prod": "prod",
}
_GLOBAL = {"reduce_mean": "GlobalAveragePooling", "reduce_max": "GlobalMaxPooling"}


@raises(*_FUNCTIONS)
def reduction(r: Raiser, node: Node) -> None:
    """Global pooling over all axes between the batch and the last, or behind the first two; else an operation."""
    x, y = first(node), node.outputs[0]
    held, keep = r.held(x), node.attrs["keepdims"]
    axes = {axis % x.rank for axis in node.attrs["axes"]}
    places = sorted(held.place(axis) for axis in axes)
    order = held.order if keep else _without(held, axes)
    if not axes:
        r.bind(y, held.tensor, held.order)
        return
    layout = _layout(places, x.rank)
    if node.op.name in _GLOBAL and layout is not None and is_float(x.dtype) and held.order[0] == 0:
        kind = f"{_GLOBAL[node.op.name]}{x.rank - 2}D"
        result = r.layer(kind, held.tensor, keepdims=keep, data_format=layout)
    else:
        result = r.op(_FUNCTIONS[node.op.name], held.tensor, axis=tuple(places), keepdims=keep)
    r.bind(y, result, order)


def _layout(places: list[int], rank: int) -> str | None:
    if not 3 <= rank <= 5:
        return None
    if places == list(range(1, rank - 1)):
        return "channels_last"
    return "channels_first" if places == list(range(2, rank)) else None


def _without(held: Raised, axes: set[int]) -> tuple[int, ...]:
    """The order of what is left, whose axes are counted anew."""
    left = [axis for axis in range(len(held.order)) if axis not in axes]
    return tuple(left.index(axis) for axis in held.order if axis not in axes)


@raises("argmax", "argmin")
def argument(r: Raiser, node: Node) -> None:
    x = first(node)
    held, keep, axis = r.held(x), node.attrs["keepdims"], node.attrs["axis"] % x.rank
    y = r.op(node.op.name, held.tensor, axis=held.place(axis), keepdims=keep)
    r.bind(node.outputs[0], y, held.order if keep else _without(held, {axis}))


@raises("cumsum", "cumprod")
def cumulative(r: Raiser, node: Node) -> None:
    """Backwards between two flips; without the own element as one position further on."""
    held = r.held(first(node))
    place, tensor = held.place(node.attrs["axis"]), held.tensor
    tensor = r.op("flip", tensor, suffix="flip", axis=place) if node.attrs["reverse"] else tensor
    y = r.op(node.op.name, tensor, axis=place)
    if node.attrs["exclusive"]:
        width = tuple((1, 0) if axis == place else (0, 0) for axis in range(len(held.order)))
        start = {"constant_values": 0 if node.op.name == "cumsum" else 1}
        y = r.op("pad", y, suffix="shift", pad_width=width, named=start)
        key = tuple(slice(None, -1) if axis == place else slice(None) for axis in range(len(held.order)))
        y = r.op("get_item", y, key, suffix="cut")
    y = r.op("flip", y, suffix="back", axis=place) if node.attrs["reverse"] else y
    r.bind(node.outputs[0], y, held.order)


@raises("top_k")
def top_k(r: Raiser, node: Node) -> None:
    values, places = r.op("top_k", r.tensor(first(node)), k=node.attrs["k"])
    r.bind(node.outputs[0], values)
    r.bind(node.outputs[1], places)


@raises("argsort")
def argsort(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    tensor = r.op("negative", held.tensor, suffix="negative") if node.attrs["descending"] else held.tensor
    r.bind(node.outputs[0], r.op("argsort", tensor, axis=held.place(node.attrs["axis"])), held.order)
