"""Interpolation along axes."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat import layers
from kcompat.ir import Node, Value
from kcompat.ir.types import is_float
from kcompat.layers.symbolic import KerasTensor
from kcompat.operators.resize import interpolation_matrix

from .canonical import Rewriter, both_ways, idiom
from .raiser import Order, Raiser, channels_last, first, raises

_ROUNDING = 4e-6
"""By how much weights may differ: Keras works positions out in float32."""
_COORDINATES = ("half_pixel", "asymmetric", "align_corners")

# --- idioms ------------------------------------------------------------------------


@idiom("gather")
def nearest(b: Rewriter, node: Node) -> Value | None:
    """Positions taken once or several times, as resizing to the nearest does."""
    x, axis, places = first(node), node.attrs["axis"] % first(node).rank, b.data(node.inputs[1])
    size = x.shape[axis]
    if b.is_known(x) or not isinstance(size, int) or places is None or places.ndim != 1 or axis == 0 or not size:
        return None
    if not (3 <= x.rank <= 5 and is_float(x.dtype)) or places.size <= size:
        return None
    for coordinates in _COORDINATES:
        wanted = np.argmax(interpolation_matrix(size, places.size, "nearest", coordinates, False), axis=1)
        if np.array_equal(wanted, places):
            return _resized(b, x, axis, places.size, method="nearest", coordinates=coordinates, antialias=False)
    return None


@idiom("resample")
def smooth(b: Rewriter, node: Node) -> Value | None:
    """Weighted positions as resizing weighs them."""
    x, axis = first(node), node.attrs["axis"] % first(node).rank
    matrix = _matrix(b.data(node.inputs[1]), b.data(node.inputs[2]), x.shape[axis])
    return None if matrix is None or axis == 0 else _smooth(b, x, axis, matrix)


def _smooth(b: Rewriter, x: Value, axis: int, matrix: np.ndarray) -> Value | None:
    out, size = matrix.shape
    for method in ("bilinear", "bicubic"):
        for coordinates in _COORDINATES:
            for antialias in (False, True):
                wanted = interpolation_matrix(size, out, method, coordinates, antialias)
                if np.allclose(wanted, matrix, rtol=0, atol=_ROUNDING):
                    return _resized(b, x, axis, out, method=method, coordinates=coordinates, antialias=antialias)
    return None


@idiom("add")
def weighted_positions(b: Rewriter, node: Node) -> Value | None:
    """A sum of gathered positions, each with its weight."""
    terms = _terms(b, node)
    gathered = [made for value, _ in terms if (made := b.made_by(value, "gather")) is not None]
    if len(terms) < 2 or len(gathered) < len(terms):
        return None
    x, axis = first(gathered[0]), gathered[0].attrs["axis"]
    if axis == 0 or any(first(made) is not x or made.attrs["axis"] != axis for made in gathered):
        return None
    places = [b.data(made.inputs[1]) for made in gathered]
    if not isinstance(x.shape[axis], int) or any(p is None or p.ndim != 1 or p.size != places[0].size for p in places):
        return None
    along = [places[0].size if place == axis else 1 for place in range(x.rank)]
    if any(list(factor.shape) not in (along, along[axis:]) for _, factor in terms):
        return None
    weights = np.stack([factor.reshape(-1) for _, factor in terms], axis=1)
    return _from_matrix(b, x, axis, np.stack(places, axis=1), weights)


def _terms(b: Rewriter, node: Node) -> list[tuple[Value, np.ndarray]]:
    """What a sum adds up: values with the known factors that they have; [] if one has none."""
    found: list[tuple[Value, np.ndarray]] = []
    for value in node.inputs:
        inner, product = b.made_by(value, "add"), b.made_by(value, "mul")
        more = _terms(b, inner) if inner is not None else []
        for x, factor in both_ways(product):
            if x is not None and b.data(factor) is not None:
                more = [(x, b.data(factor))]
        if not more:
            return []
        found += more
    return found


def _from_matrix(b: Rewriter, x: Value, axis: int, places: np.ndarray, weights: np.ndarray) -> Value:
    matrix = _matrix(places, weights, x.shape[axis])
    assert matrix is not None
    value: Value = _smooth(b, x, axis, matrix) or b.resample(x, places, weights.astype(x.dtype), axis=axis)
    return value


def _matrix(places: Any, weights: Any, size: Any) -> np.ndarray | None:
    """The weights of all positions of an axis, (outputs, positions)."""
    if places is None or weights is None or not isinstance(size, int):
        return None
    matrix = np.zeros((len(places), size))
    np.add.at(matrix, (np.arange(len(places))[:, None], places), weights)
    return matrix


def _resized(b: Rewriter, x: Value, axis: int, out: int, **options: Any) -> Value:
    """A resize along one axis more, if one was before it."""
    before = b.made_by(x, "resize")
    axes, sizes = (axis,), (out,)
    alike = before is not None and all(before.attrs[name] == value for name, value in options.items())
    if before is not None and alike and b.is_read_once(before.outputs[0]) and axis not in before.attrs["axes"]:
        pairs = sorted([*zip(before.attrs["axes"], before.attrs["sizes"], strict=True), (axis, out)])
        axes, sizes = zip(*pairs, strict=True)
        x = first(before)
    return b.resize(x, axes=axes, sizes=sizes, **options)


# --- layers ------------------------------------------------------------------------


@raises("resize")
def resize(r: Raiser, node: Node) -> None:
    """UpSampling for whole factors, Resizing for images; else a product with the weights."""
    x = first(node)
    order = _order(r, x, node.attrs["axes"])
    tensor = r.tensor(x, order)
    if node.attrs["scales"]:
        scales = {
            order.index(axis): scale for axis, scale in zip(node.attrs["axes"], node.attrs["scales"], strict=True)
        }
        return r.bind(node.outputs[0], _scaled_tensor(r, node, tensor, scales), order)
    targets = {order.index(axis): out for axis, out in zip(node.attrs["axes"], node.attrs["sizes"], strict=True)}
    return r.bind(node.outputs[0], _resized_tensor(r, node, tensor, targets), order)


def _order(r: Raiser, x: Value, axes: tuple[int, ...]) -> Order:
    """An order in which these axes lie between the first and the last, if there is one."""
    held = r.held(x).order
    if x.rank > 2 and not all(0 < held.index(axis) < x.rank - 1 for axis in axes) and min(axes) > 1:
        return channels_last(x.rank)
    return held


def _scaled_tensor(r: Raiser, node: Node, tensor: KerasTensor, scales: dict[int, int]) -> KerasTensor:
    """UpSampling of axes whose sizes are open."""
    method, rank = node.attrs["method"], len(tensor.shape)
    inside = 3 <= rank <= 5 and all(0 < place < rank - 1 for place in scales)
    if not inside or not (method == "nearest" or (method == "bilinear" and rank == 4 and _is_plain(node))):
        raise r.refusal("resizing needs sizes that are known; give the model's input_shapes")
    size = tuple(scales.get(place, 1) for place in range(1, rank - 1))
    options = {"interpolation": method} if rank == 4 else {}
    return r.layer(f"UpSampling{rank - 2}D", tensor, size=size[0] if rank == 3 else size, **options)


def _resized_tensor(r: Raiser, node: Node, tensor: KerasTensor, targets: dict[int, int]) -> KerasTensor:
    method, rank = node.attrs["method"], len(tensor.shape)
    inside = 3 <= rank <= 5 and all(0 < place < rank - 1 for place in targets)
    if (inside and method == "nearest") or (method == "bilinear" and rank == 4 and _is_plain(node)):
        factors = [_factor(tensor.shape[place], targets.get(place)) for place in range(1, rank - 1)]
        if rank == 3 and tensor.shape[1] == 1 and method == "nearest":
            return repeat_vector(r, tensor, factors[0])
        if all(factors):
            options = {} if rank != 4 else {"interpolation": method}
            return r.layer(
                f"UpSampling{rank - 2}D", tensor, size=factors[0] if rank == 3 else tuple(factors), **options
            )
    sizes = [targets.get(place, size) for place, size in enumerate(tensor.shape)][1:-1]
    if inside and rank == 4 and None not in sizes and node.attrs["coordinates"] == "half_pixel":
        height, width = sizes
        options = {"interpolation": method, "antialias": node.attrs["antialias"]}
        return r.layer("Resizing", tensor, height=height, width=width, **options)
    for place, out in targets.items():
        tensor = _weighted(r, tensor, place, _weights(r, node, tensor.shape[place], out))
    return tensor


def repeat_vector(r: Raiser, tensor: KerasTensor, count: int) -> KerasTensor:
    """The one step of a sequence several times."""
    if not isinstance(tensor.call.layer, layers.Reshape):
        return r.layer("UpSampling1D", tensor, size=count)
    source = tensor.call.input_tensors[0]
    return r.layer("RepeatVector", source if len(source.shape) == 2 else r.layer("Flatten", source), n=count)


def _is_plain(node: Node) -> bool:
    return node.attrs["coordinates"] == "half_pixel" and not node.attrs["antialias"]


def _factor(size: int | None, out: int | None) -> int:
    if out is None:
        return 1
    return out // size if size and out % size == 0 else 0


def _weights(r: Raiser, node: Node, size: int | None, out: int) -> np.ndarray:
    if size is None:
        raise r.refusal("resizing needs sizes that are known; give the model's input_shapes")
    options = (node.attrs[name] for name in ("method", "coordinates", "antialias"))
    return interpolation_matrix(size, out, *options)


@raises("resample")
def resample(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    places, weights = (r.needed(value, "a position") for value in node.inputs[1:])
    matrix = _matrix(places, weights, first(node).shape[node.attrs["axis"]])
    if matrix is None:
        raise r.refusal("resizing needs sizes that are known; give the model's input_shapes")
    y = _weighted(r, held.tensor, held.place(node.attrs["axis"]), matrix)
    r.bind(node.outputs[0], y, held.order)


def _weighted(r: Raiser, tensor: KerasTensor, place: int, matrix: np.ndarray) -> KerasTensor:
    """Each position along an axis as a sum of those there are: a layer whose weights are not trained."""
    letters = "abcdefg"[: len(tensor.shape)]
    if place == 0:
        return r.op("einsum", matrix.astype(tensor.dtype), tensor, subscripts=f"za,{letters}->z{letters[1:]}")
    new = letters.replace(letters[place], "z")
    shape = list(tensor.shape[1:])
    shape[place - 1] = len(matrix)
    return r.layer(
        "EinsumDense",
        tensor,
        weights=(matrix.T,),
        equation=f"{letters},{letters[place]}z->{new}",
        output_shape=tuple(shape),
        trainable=False,
    )
