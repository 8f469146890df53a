"""Normalisations."""

from __future__ import annotations

import math

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import is_float

from .canonical import Rewriter, both_ways, idiom
from .raiser import Order, Raiser, channels_last, first, raises
from .views import are_equal

_LEAST_DEVIATION = 1e-7
"""Normalization divides by no less."""

# --- layers ------------------------------------------------------------------------


@raises("batch_norm")
def batch_norm(r: Raiser, node: Node) -> None:
    x, mean, variance, gamma, beta = node.inputs
    assert x is not None
    held = r.held(x)
    moving = [r.needed(value, "a statistic") for value in (mean, variance)]
    gamma_, beta_ = (None if value is None else r.needed(value, "a factor") for value in (gamma, beta))
    place = held.place(node.attrs["axis"])
    y = r.layer(
        "BatchNormalization",
        held.tensor,
        weights=(gamma_, beta_, *moving),
        axis=-1 if place == x.rank - 1 else place,
        epsilon=node.attrs["epsilon"],
        scale=gamma is not None,
        center=beta is not None,
    )
    r.bind(node.outputs[0], y, held.order)


@raises("layer_norm")
def layer_norm(r: Raiser, node: Node) -> None:
    """LayerNormalization where the factors lie along the axes, GroupNormalization where they are the channels'."""
    x, gamma, beta = node.inputs
    assert x is not None
    axes = tuple(sorted(axis % x.rank for axis in node.attrs["axes"]))
    arrays = [None if v is None else r.needed(v, "a factor") for v in (gamma, beta)]
    arrays = [None if a is None else a.reshape((1,) * (x.rank - a.ndim) + a.shape) for a in arrays]
    if axes == tuple(range(2, x.rank)) and all(a is None or _is_along(a, (1,)) for a in arrays):
        _instance_norm(r, node, x, arrays)
        return
    held = r.held(x)
    if not all(a is None or _is_along(a, axes) for a in arrays):
        raise r.refusal("its factors do not lie along the axes that it normalises")
    places = sorted(held.place(axis) for axis in axes)
    weights = [None if a is None else _weights(a, x, held.order, places) for a in arrays]
    y = r.layer(
        "LayerNormalization",
        held.tensor,
        weights=weights,
        axis=-1 if places == [x.rank - 1] else places,
        epsilon=node.attrs["epsilon"],
        scale=gamma is not None,
        center=beta is not None,
    )
    r.bind(node.outputs[0], y, held.order)


def _is_along(array: np.ndarray, axes: tuple[int, ...]) -> bool:
    return all(size == 1 or axis in axes for axis, size in enumerate(array.shape))


def _weights(array: np.ndarray, x: Value, order: Order, places: list[int]) -> np.ndarray:
    """Factors with the axes of the tensor that is normalised, in its order."""
    sizes = [x.shape[order[place]] for place in places]
    turned = array.transpose(order)
    return np.broadcast_to(turned.reshape([turned.shape[place] for place in places]), sizes)


def _instance_norm(r: Raiser, node: Node, x: Value, arrays: list[np.ndarray | None]) -> None:
    _grouped(r, node, x, x.shape[1], [None if a is None else a.reshape(-1) for a in arrays])


@raises("group_norm")
def group_norm(r: Raiser, node: Node) -> None:
    x, gamma, beta = node.inputs
    assert x is not None
    if node.attrs["axis"] % x.rank != 1:
        raise r.refusal(f"groups along axis {node.attrs['axis']} of {x.type} are not those of channels")
    _grouped(r, node, x, node.attrs["groups"], [None if v is None else r.needed(v, "a factor") for v in (gamma, beta)])


def _grouped(r: Raiser, node: Node, x: Value, groups: int, arrays: list[np.ndarray | None]) -> None:
    order = channels_last(x.rank)
    gamma, beta = (None if array is None else np.broadcast_to(array, (x.shape[1],)) for array in arrays)
    y = r.layer(
        "GroupNormalization",
        r.tensor(x, order),
        weights=(gamma, beta),
        groups=groups,
        epsilon=node.attrs["epsilon"],
        scale=gamma is not None,
        center=beta is not None,
    )
    r.bind(node.outputs[0], y, order)


@raises("rms_norm")
def rms_norm(r: Raiser, node: Node) -> None:
    x, gamma = node.inputs
    assert x is not None
    held = r.held(x)
    factors = np.ones(x.shape[-1:]) if gamma is None else r.needed(gamma, "its factor")
    if [axis % x.rank for axis in node.attrs["axes"]] != [x.rank - 1] or factors.shape != x.shape[-1:]:
        raise r.refusal("RMSNormalization is over the last axis, with a factor for each position")
    order = held.order if held.order[-1] == x.rank - 1 else tuple(range(x.rank))
    y = r.layer("RMSNormalization", r.tensor(x, order), weights=(factors,), axis=-1, epsilon=node.attrs["epsilon"])
    r.bind(node.outputs[0], y, order)


@raises("l2_normalize")
def l2_normalize(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    places = sorted(held.place(axis) for axis in node.attrs["axes"])
    axis = places[0] if len(places) == 1 else tuple(places)
    if math.isclose(node.attrs["epsilon"], 1e-24, rel_tol=1e-5):
        y = r.layer("UnitNormalization", held.tensor, axis=-1 if places == [len(held.order) - 1] else axis)
    else:
        y = r.op("normalize", held.tensor, axis=axis, order=2, epsilon=math.sqrt(node.attrs["epsilon"]))
    r.bind(node.outputs[0], y, held.order)


def normalization(r: Raiser, node: Node) -> bool:
    """(x - mean) / deviation, with both along one axis, as Normalization. Returns whether it is that."""
    centred, deviation = first(node), r.known(node.inputs[1])
    minus = centred.producer if isinstance(centred, Result) else None
    if minus is None or minus.op.name != "sub" or deviation is None or not r.is_read_once(centred):
        return False
    x, mean = first(minus), r.known(minus.inputs[1])
    if mean is None or r.known(x) is not None or mean.ndim > x.rank or deviation.ndim > x.rank:
        return False
    mean, deviation = (array.reshape((1,) * (x.rank - array.ndim) + array.shape) for array in (mean, deviation))
    axes = [axis for axis, size in enumerate(np.broadcast_shapes(mean.shape, deviation.shape)) if size != 1]
    if len(axes) != 1 or axes[0] == 0 or x.shape[axes[0]] != mean.size or mean.shape != deviation.shape:
        return False
    if not is_float(x.dtype) or np.any(deviation <= _LEAST_DEVIATION):
        return False
    held = r.held(x)
    r.names.release(r.held(centred).tensor.call.layer.name)
    place = held.place(axes[0])
    variance = np.square(deviation.reshape(-1).astype(np.float64)).astype(deviation.dtype)
    weights = (mean.reshape(-1), variance, np.zeros((), np.int32))
    y = r.layer("Normalization", held.tensor, weights=weights, axis=-1 if place == x.rank - 1 else place)
    r.bind(node.outputs[0], y, held.order)
    return True


# --- idioms ------------------------------------------------------------------------


@idiom("div")
def l2_normalize_in_steps(b: Rewriter, node: Node) -> Value | None:
    """x / sqrt(max(sum(x^2), epsilon)), or x / max(sqrt(sum(x^2)), epsilon)."""
    x, norm = node.inputs
    root, squared = b.made_by(norm, "sqrt"), True
    most = b.made_by(first(root), "maximum") if root is not None else b.made_by(norm, "maximum")
    total, epsilon = next(((v, b.number(n)) for v, n in both_ways(most) if b.number(n) is not None), (None, None))
    if root is None:
        root, squared = b.made_by(total, "sqrt"), False
        total = first(root) if root is not None else None
    made = b.made_by(total, "reduce_sum")
    if made is None or not epsilon or not made.attrs["keepdims"] or not _is_square(b, made.inputs[0], x):
        return None
    return b.l2_normalize(x, axes=made.attrs["axes"], epsilon=epsilon if squared else epsilon**2)


@idiom("reshape")
def batch_norm_of_joined_axes(b: Rewriter, node: Node) -> Value | None:
    """Batch normalisation of an axis that was brought to the second place by joining the axes around it."""
    made = b.made_by(first(node), "batch_norm")
    joined = b.made_by(first(made), "reshape") if made is not None else None
    if made is None or joined is None or made.attrs["axis"] != 1:
        return None
    if not are_equal(first(joined).shape, node.outputs[0].shape):
        return None
    x, (_, *own) = first(joined), joined.outputs[0].shape
    for axis in range(1, x.rank):
        tail = x.shape[axis + 1 :]
        sizes = [x.shape[axis], *([math.prod(tail)] if tail else [])] if all(isinstance(n, int) for n in tail) else None
        if sizes == own and isinstance(own[0], int):
            with b.at(made):
                value: Value = b.batch_norm(x, *made.inputs[1:], axis=axis, epsilon=made.attrs["epsilon"])
            return value
    return None


@idiom("div", "mul")
def layer_norm_in_steps(b: Rewriter, node: Node) -> Value | None:
    """(x - mean(x)) / sqrt(mean((x - mean(x))^2) + epsilon)."""
    centred, deviation = node.inputs
    if node.op.name == "div":
        root = b.made_by(deviation, "sqrt")
    else:
        root = b.made_by(deviation, "reciprocal", "rsqrt")
        inner = b.made_by(root.inputs[0], "sqrt") if root is not None and root.op.name == "reciprocal" else root
        root = inner
    minus = b.made_by(centred, "sub")
    total = b.made_by(root.inputs[0], "add") if root is not None else None
    if minus is None or total is None:
        return None
    x = minus.inputs[0]
    pairs = [(v, b.number(n)) for v, n in both_ways(total) if b.number(n) is not None]
    mean, power = b.made_by(minus.inputs[1], "reduce_mean"), b.made_by(pairs[0][0] if pairs else None, "reduce_mean")
    if mean is None or power is None or mean.inputs[0] is not x or mean.attrs != power.attrs:
        return None
    if not mean.attrs["keepdims"] or not _is_square(b, power.inputs[0], centred):
        return None
    return b.layer_norm(x, None, None, axes=mean.attrs["axes"], epsilon=float(pairs[0][1] or 0.0))


def _is_square(b: Rewriter, value: Value | None, x: Value | None) -> bool:
    """Whether a value is x^2; x may have been subtracted twice over."""
    made = b.made_by(value, "pow", "square", "mul")
    if made is None or not (made.inputs[0] is x or _are_alike(b, made.inputs[0], x)):
        return False
    if made.op.name == "pow":
        return b.is_number(made.inputs[1], 2)
    return made.op.name == "square" or made.inputs[1] is made.inputs[0]


def _are_alike(b: Rewriter, first: Value | None, second: Value | None) -> bool:
    one, other = b.made_by(first, "sub"), b.made_by(second, "sub")
    return one is not None and other is not None and one.inputs == other.inputs


@idiom("div", "mul")
def rms_norm_in_steps(b: Rewriter, node: Node) -> Value | None:
    """x / sqrt(mean(x^2) + epsilon)."""
    x, deviation = node.inputs
    if node.op.name == "div":
        root = b.made_by(deviation, "sqrt")
    else:
        inverse = next((made for v in node.inputs if (made := b.made_by(v, "reciprocal", "rsqrt"))), None)
        x = next((v for v in node.inputs if inverse is not None and v is not inverse.outputs[0]), None)
        reciprocal = inverse is not None and inverse.op.name == "reciprocal"
        root = b.made_by(inverse.inputs[0], "sqrt") if inverse is not None and reciprocal else inverse
    total = b.made_by(root.inputs[0], "add") if root is not None else None
    power, epsilon = next(((v, b.number(n)) for v, n in both_ways(total) if b.number(n) is not None), (None, None))
    mean = b.made_by(power, "reduce_mean")
    if x is None or mean is None or not mean.attrs["keepdims"] or not _is_square(b, mean.inputs[0], x):
        return None
    if [axis % x.rank for axis in mean.attrs["axes"]] != [x.rank - 1]:
        return None
    return b.rms_norm(x, None, axes=(-1,), epsilon=float(epsilon or 0.0))


@idiom("reshape")
def group_norm_in_steps(b: Rewriter, node: Node) -> Value | None:
    """The groups of channels as rows that are normalised one by one, in the image's shape again."""
    made = b.made_by(first(node), "layer_norm")
    rows = b.made_by(made.inputs[0], "reshape") if made is not None else None
    if made is None or rows is None or made.outputs[0].rank != 3 or made.attrs["axes"] not in ((2,), (-1,)):
        return None
    x, groups = first(rows), made.outputs[0].shape[1]
    gamma, beta = (b.data(value) for value in made.inputs[1:])
    plain = (gamma is None or np.all(gamma == 1)) and (beta is None or not np.any(beta))
    if not plain or x.rank < 3 or x.shape != node.outputs[0].shape or x.shape[0] != made.outputs[0].shape[0]:
        return None
    if not isinstance(groups, int) or not isinstance(x.shape[1], int) or x.shape[1] % groups:
        return None
    return b.group_norm(x, None, None, groups=groups, axis=1, epsilon=made.attrs["epsilon"])


@idiom("mul", "add")
def factors_of_groups(b: Rewriter, node: Node) -> Value | None:
    """Group normalisation times factors of channels, and plus terms of channels."""
    for x, vector in both_ways(node):
        made, array = b.made_by(x, "group_norm"), b.data(vector)
        if made is None or array is None or not b.is_read_once(made.outputs[0]):
            continue
        rank, place = made.outputs[0].rank, 1 if node.op.name == "mul" else 2
        full = array.reshape([1] * (rank - array.ndim) + list(array.shape))
        if made.inputs[place] is None and made.inputs[2] is None and _is_along(full, (1,)) and full.size > 1:
            weights = list(made.inputs)
            weights[place] = b.array(array.reshape(-1), vector)
            return b.group_norm(*weights, **made.attrs)
    return None


@idiom("mul")
def factors(b: Rewriter, node: Node) -> Value | None:
    """Layer normalisation times factors along its axes."""
    for x, gamma in both_ways(node):
        made = b.made_by(x, "layer_norm")
        if made is not None and made.inputs[1:] == (None, None) and _fits(b, made, gamma):
            return b.layer_norm(made.inputs[0], gamma, None, **made.attrs)
        rms = b.made_by(x, "rms_norm")
        if rms is not None and rms.inputs[1] is None and _fits(b, rms, gamma):
            return b.rms_norm(rms.inputs[0], b.array(b.data(gamma).reshape(-1), gamma), **rms.attrs)
    return None


@idiom("add")
def terms(b: Rewriter, node: Node) -> Value | None:
    """Layer normalisation plus terms along its axes."""
    for x, beta in both_ways(node):
        made = b.made_by(x, "layer_norm")
        if made is not None and made.inputs[2] is None and _fits(b, made, beta):
            return b.layer_norm(made.inputs[0], made.inputs[1], beta, **made.attrs)
    return None


def _fits(b: Rewriter, made: Node, factor: Value | None) -> bool:
    array, rank = b.data(factor), made.outputs[0].rank
    if array is None or array.ndim > rank or not b.is_read_once(made.outputs[0]):
        return False
    axes = {axis % rank for axis in made.attrs["axes"]}
    full = (1,) * (rank - array.ndim) + array.shape
    return all(size == 1 or axis in axes for axis, size in enumerate(full)) and math.prod(full) > 0
