"""Idioms of graphs that TensorFlow's exporter has written: what layers become on the way."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import OPERATORS, Constant, Node, Value
from kcompat.operators.shape import INFER

from .canonical import Rewriter, both_ways, idiom
from .raiser import first
from .views import VIEWS, axes_before

# --- one axis of two ---------------------------------------------------------------


@idiom("conv", "max_pool", "avg_pool")
def of_one_axis(b: Rewriter, node: Node) -> Value | None:
    """A window over two axes, one of which was only made for it, as one over the other."""
    x = first(node)
    place = _added_axis(b, node) if x.rank == 4 else None
    if place is None:
        return None
    start = 2 if node.attrs["layout"] == "channels_first" else 1
    attrs = {
        name: tuple(item for axis, item in enumerate(value) if axis != place) if isinstance(value, tuple) else value
        for name, value in node.attrs.items()
    }
    operands = list(node.inputs)
    if node.op.name == "conv":
        operands[1] = b.array(np.squeeze(b.data(node.inputs[1]), axis=place), node.inputs[1])
    operands[0] = b.squeeze(x, axes=(start + place,))
    narrow = b.apply(node.op, *operands, **attrs)
    wide: Value = b.expand_dims(narrow, axes=(start + place,))
    return wide


def _added_axis(b: Rewriter, node: Node) -> int | None:
    """Which spatial axis has one position that a view has added, and a window of one without padding."""
    start = 2 if node.attrs["layout"] == "channels_first" else 1
    window = b.data(node.inputs[1]).shape[:-2] if node.op.name == "conv" else node.attrs["window"]
    axes: Any = list(range(4))
    made = b.made_by(first(node), *VIEWS)
    while made is not None and axes is not None:
        axes = axes_before(made, axes)
        for place in (0, 1):
            pads = node.attrs["pads"]
            plain = pads in ("valid", "same", "same_lower") or pads[place] == (0, 0)
            if axes is not None and axes[start + place] is None and window[place] == 1 and plain:
                return place if node.attrs["strides"][place] == 1 else None
        made = b.made_by(first(made), *VIEWS)
    return None


# --- repeats -----------------------------------------------------------------------


@idiom("reshape")
def repeated(b: Rewriter, node: Node) -> Value | None:
    """Every position of an axis several times: a new axis behind it that is tiled and joined with it."""
    turned = b.made_by(first(node), "transpose")
    tile = b.made_by(first(node) if turned is None else first(turned), "tile")
    opened = b.made_by(first(tile), "reshape", "expand_dims") if tile is not None else None
    if tile is None or opened is None or tile.outputs[0].rank != first(opened).rank + 1:
        return None
    x, counts, shape = first(opened), tile.attrs["repeats"], opened.outputs[0].shape
    axes = [axis for axis, count in enumerate(counts) if count > 1]
    if len(axes) != 1 or shape[axes[0]] != 1 or (*shape[: axes[0]], *shape[axes[0] + 1 :]) != x.shape:
        return None
    perm = tuple(range(len(counts))) if turned is None else turned.attrs["perm"]
    order = [axis - (axis > axes[0]) for axis in perm if axis != axes[0]]
    axis, count = perm.index(axes[0]) - 1, counts[axes[0]]
    sizes = [x.shape[place] for place in order]
    size = sizes[axis]
    if axis < 1 or not isinstance(size, int):
        return None
    if node.outputs[0].shape != (*sizes[:axis], size * count, *sizes[axis + 1 :]):
        return None
    source = x if order == list(range(x.rank)) else b.rewritten("transpose", x, perm=order)
    return b.rewritten("gather", source, b.constant(np.repeat(np.arange(size), count)), axis=axis)


# --- zeros -------------------------------------------------------------------------


@idiom("reshape", "expand_dims", "squeeze", "slice", "concat", "transpose")
def zeros(b: Rewriter, node: Node) -> Value | None:
    """Zeros for each sample, wherever they are moved."""
    if not all(_are_zeros(b, value) for value in node.inputs):
        return None
    type = node.outputs[0].type
    shape = tuple(size if isinstance(size, int) else INFER for size in type.shape)
    made = Node(OPERATORS["broadcast_to"], [Constant(np.zeros((), type.dtype))], {"shape": shape}, [type], node.origin)
    b.nodes.append(made)
    return made.outputs[0]


def _are_zeros(b: Rewriter, value: Value | None) -> bool:
    made = b.made_by(value, "broadcast_to")
    array = b.data(first(made)) if made is not None else b.data(value)
    return array is not None and not np.any(array)


@idiom("slice")
def one_of_joined(b: Rewriter, node: Node) -> Value | None:
    """The positions that one part has in a concatenation, through transposes."""
    if len(node.attrs["axes"]) != 1 or node.attrs["steps"][0] not in (None, 1):
        return None
    x, axis, perm = first(node), node.attrs["axes"][0] % first(node).rank, tuple(range(first(node).rank))
    turned = b.made_by(x, "transpose")
    if turned is not None:
        x, perm = first(turned), turned.attrs["perm"]
    joined = b.made_by(x, "concat")
    if joined is None or joined.attrs["axis"] % x.rank != perm[axis] or not isinstance(x.shape[perm[axis]], int):
        return None
    low, high, _ = slice(node.attrs["starts"][0], node.attrs["stops"][0]).indices(x.shape[perm[axis]])
    start = 0
    for part in joined.inputs:
        size = part.shape[perm[axis]] if part is not None else None
        if part is None or not isinstance(size, int):
            return None
        if (start, start + size) == (low, high):
            return part if turned is None else b.rewritten("transpose", part, perm=perm)
        start += size
    return None


@idiom("gather")
def one_of_stacked(b: Rewriter, node: Node) -> Value | None:
    """One position of a concatenation of single positions."""
    joined, index = b.made_by(first(node), "concat"), b.data(node.inputs[1])
    if joined is None or index is None or index.ndim or joined.attrs["axis"] % first(node).rank != node.attrs["axis"]:
        return None
    parts = [part for part in joined.inputs if part is not None]
    if any(part.shape[node.attrs["axis"]] != 1 for part in parts):
        return None
    return b.rewritten("squeeze", parts[int(index)], axes=(node.attrs["axis"],))


# --- layers ------------------------------------------------------------------------


@idiom("add", "sub")
def layer_norm_of_tensorflow(b: Rewriter, node: Node) -> Value | None:
    """x * s + (beta - mean * s), where s is gamma / sqrt(variance + epsilon); the mean may be negated."""
    beta: Value | None = None
    for scaled, rest in both_ways(node) if node.op.name == "add" else ():
        product = b.made_by(scaled, "mul")
        offset = b.made_by(rest, "sub", "add", "mul")
        if offset is not None and offset.op.name in ("sub", "add"):
            pairs = both_ways(offset) if offset.op.name == "add" else [(offset.inputs[0], offset.inputs[1])]
            known = [(one, other) for one, other in pairs if b.is_known(one)]
            beta, inner = known[0] if known else (None, None)
            shift = b.made_by(inner, "mul")
        else:
            shift = offset
        for x, s in both_ways(product):
            parts = _scale_parts(b, s)
            if parts is not None and shift is not None and x is not None and _shifts(b, shift, s, x):
                deviation, gamma = parts
                found = _deviation_of(b, deviation, x)
                if found is not None and all(_lies_along(b, value, found[0], x.rank) for value in (gamma, beta)):
                    return b.layer_norm(x, gamma, beta, axes=found[0], epsilon=found[1])
    return None


def _scale_parts(b: Rewriter, value: Value | None) -> tuple[Value, Value | None] | None:
    """The reciprocal of a root, and what it is multiplied by."""
    made = b.made_by(value, "reciprocal", "rsqrt", "mul")
    if made is None:
        return None
    if made.op.name != "mul":
        return made.outputs[0], None
    for inverse, gamma in both_ways(made):
        found = b.made_by(inverse, "reciprocal", "rsqrt")
        if found is not None and b.is_known(gamma):
            return found.outputs[0], gamma
    return None


def _shifts(b: Rewriter, shift: Node, s: Value | None, x: Value) -> bool:
    """Whether a product is the mean of x, or its negative, times s."""
    for mean, factor in both_ways(shift):
        negated = b.made_by(mean, "neg")
        mean = first(negated) if negated is not None else mean
        made = b.made_by(mean, "reduce_mean")
        if factor is s and made is not None and first(made) is x:
            return True
    return False


def _lies_along(b: Rewriter, value: Value | None, axes: tuple[int, ...], rank: int) -> bool:
    """Whether a known value has one element along all other axes."""
    sizes = [1] * rank if value is None else [1] * (rank - value.rank) + list(b.data(value).shape)
    return len(sizes) == rank and all(size == 1 or axis in axes for axis, size in enumerate(sizes))


def _deviation_of(b: Rewriter, inverse: Value, x: Value) -> tuple[tuple[int, ...], float] | None:
    """The axes and the epsilon, if a value is 1 / sqrt(variance of x over axes + epsilon)."""
    made = b.made_by(inverse, "reciprocal", "rsqrt")
    root = b.made_by(first(made), "sqrt") if made is not None and made.op.name == "reciprocal" else made
    total = b.made_by(first(root), "add") if root is not None else None
    power, epsilon = next(((v, b.number(n)) for v, n in both_ways(total) if b.number(n) is not None), (None, None))
    mean = b.made_by(power, "reduce_mean")
    square = b.made_by(first(mean), "mul", "square", "pow") if mean is not None else None
    centred = b.made_by(first(square), "sub") if square is not None else None
    if mean is None or square is None or centred is None or first(centred) is not x:
        return None
    if epsilon is None or not mean.attrs["keepdims"]:
        return None
    axes = tuple(axis % x.rank for axis in mean.attrs["axes"])
    squared = square.op.name == "square" or (square.op.name == "mul" and square.inputs[0] is square.inputs[1])
    own = b.made_by(centred.inputs[1], "reduce_mean")
    return (axes, epsilon) if squared and own is not None and first(own) is x and own.attrs == mean.attrs else None


@idiom("gather")
def gather_by_arithmetic(b: Rewriter, node: Node) -> Value | None:
    """x at (i < 0) * (i + size) + i * not (i < 0), as TensorFlow counts from the end."""
    total = b.made_by(node.inputs[1], "add")
    for below, above in both_ways(total):
        one, other = b.made_by(below, "mul"), b.made_by(above, "mul")
        for condition, shifted in both_ways(one):
            moved = b.made_by(shifted, "add")
            for index, size in both_ways(moved):
                plain = index is not None and any(
                    x is index and _is_negation(b, c, condition) for x, c in both_ways(other)
                )
                if (
                    plain
                    and index is not None
                    and b.number(size) == first(node).shape[node.attrs["axis"]]
                    and _is_sign(b, condition, index)
                ):
                    return b.rewritten("gather", first(node), index, axis=node.attrs["axis"])
    return None


def _uncast(b: Rewriter, value: Value | None) -> Value | None:
    made = b.made_by(value, "cast")
    while made is not None:
        value = first(made)
        made = b.made_by(value, "cast")
    return value


def _is_sign(b: Rewriter, value: Value | None, index: Value | None) -> bool:
    less = b.made_by(_uncast(b, value), "less")
    return less is not None and b.is_number(less.inputs[1], 0) and _uncast(b, first(less)) is _uncast(b, index)


def _is_negation(b: Rewriter, value: Value | None, condition: Value | None) -> bool:
    negated = b.made_by(_uncast(b, value), "logical_not")
    return negated is not None and _uncast(b, first(negated)) is _uncast(b, condition)
