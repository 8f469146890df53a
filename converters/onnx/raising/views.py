"""Chains of transposes and of axes of size one that come and go: what they amount to."""

from __future__ import annotations

from typing import Any

from kcompat.ir import Node, Shape, Value

from .canonical import Rewriter, idiom
from .raiser import first

Axes = list[Any]
"""For each axis of a value the axis of another one that it is; None for one of size one that is new."""

VIEWS = ("transpose", "squeeze", "expand_dims", "concat")


def axes_before(node: Node, axes: Axes) -> Axes | None:
    """Axes of a node's result as those of its operand, if it is a view of it."""
    x, y = first(node), node.outputs[0]
    if node.op.name == "concat":
        return axes if len(node.inputs) == 1 else None
    if node.op.name == "transpose":
        return [None if a is None else node.attrs["perm"][a] for a in axes]
    if node.op.name == "squeeze":
        gone = {a % x.rank for a in node.attrs["axes"]}
        left = [a for a in range(x.rank) if a not in gone]
        return [None if a is None else left[a] for a in axes]
    added = {a % y.rank for a in node.attrs["axes"]}
    kept = [a for a in range(y.rank) if a not in added]
    return [None if a is None or a in added else kept.index(a) for a in axes]


def walk(b: Rewriter, value: Value, *ends: str) -> tuple[Node, Axes] | None:
    """Back through views to a node of other operators, and the axes of a value as those of its result."""
    axes: Axes | None = list(range(value.rank))
    while axes is not None:
        made = b.made_by(value, *VIEWS, *ends)
        if made is None:
            return None
        if made.op.name in ends:
            return made, axes
        axes, value = axes_before(made, axes), first(made)
    return None


@idiom(*VIEWS)
def nothing(b: Rewriter, node: Node) -> Value | None:
    """A chain that ends where it began."""
    axes, found = list(range(node.outputs[0].rank)), None
    made: Node | None = node
    while made is not None:
        before = axes_before(made, axes)
        if before is None or b.is_known(first(made)):
            break
        axes, source = before, first(made)
        if axes == list(range(source.rank)):
            found = source
        made = b.made_by(source, *VIEWS)
    return found


@idiom("transpose")
def once(b: Rewriter, node: Node) -> Value | None:
    """A chain that ends in a transpose as one transpose of the value where it began."""
    axes: Axes | None = list(node.attrs["perm"])
    found, made = None, b.made_by(first(node), *VIEWS)
    while made is not None and axes is not None and not b.is_known(first(made)):
        axes, source = axes_before(made, axes), first(made)
        if axes is not None and sorted(axes, key=str) == list(range(source.rank)):
            found = source, tuple(axes)
        made = b.made_by(source, *VIEWS)
    return None if found is None else b.transpose(found[0], perm=found[1])


@idiom("reshape")
def axes_of_one(b: Rewriter, node: Node) -> Value | None:
    """Axes of one position that a reshape takes away, or adds."""
    x, before, after = first(node), first(node).shape, node.outputs[0].shape
    for one, other, op in ((before, after, "squeeze"), (after, before, "expand_dims")):
        axes = _ones_apart(one, other) if len(one) > len(other) else ()
        if axes:
            return b.rewritten(op, x, axes=axes)
    return None


def _ones_apart(longer: Shape, shorter: Shape) -> tuple[int, ...]:
    """The axes of one position without which a shape is another one of known or named sizes; () if it is not."""
    axes: list[int] = []
    place = 0
    for axis, size in enumerate(longer):
        if place < len(shorter) and size == shorter[place] and size is not None:
            place += 1
        elif size == 1:
            axes.append(axis)
        else:
            return ()
    return tuple(axes) if place == len(shorter) else ()


@idiom("reduce_mean", "reduce_max", "reduce_sum", "reduce_min")
def reduced_before(b: Rewriter, node: Node) -> Value | None:
    """A reduction over an axis of one position that was added for it, as one over the others."""
    opened = b.made_by(first(node), "expand_dims")
    if opened is None or not b.is_read_once(opened.outputs[0]):
        return None
    rank = opened.outputs[0].rank
    added = {axis % rank for axis in opened.attrs["axes"]}
    axes, kept = {axis % rank for axis in node.attrs["axes"]}, [a for a in range(rank) if a not in added]
    if not added < axes:
        return None
    inner = tuple(kept.index(axis) for axis in sorted(axes - added))
    y = b.rewritten(node.op.name, first(opened), axes=inner, keepdims=node.attrs["keepdims"])
    return b.rewritten("expand_dims", y, axes=tuple(sorted(added))) if node.attrs["keepdims"] else y


@idiom("reshape")
def moved_channel(b: Rewriter, node: Node) -> Value | None:
    """Images of one channel, which a reshape moves to the other end as well as a transpose does."""
    x, shape = first(node), node.outputs[0].shape
    if x.rank < 4 or len(shape) != x.rank or not x.type.with_shape(x.shape[1:]).is_static:
        return None
    last, second = (0, x.rank - 1, *range(1, x.rank - 1)), (0, *range(2, x.rank), 1)
    for axis, perm in ((x.rank - 1, last), (1, second)):
        if x.shape[axis] == 1 and shape[1:] == tuple(x.shape[place] for place in perm[1:]) != x.shape[1:]:
            return b.rewritten("transpose", x, perm=perm)
    return None


@idiom("slice")
def reversed_twice(b: Rewriter, node: Node) -> Value | None:
    """An axis backwards, and backwards again."""
    before = b.made_by(first(node), "slice")
    backwards = (node.attrs["starts"], node.attrs["stops"], node.attrs["steps"]) == ((None,), (None,), (-1,))
    return first(before) if backwards and before is not None and before.attrs == node.attrs else None


@idiom("squeeze", "reshape")
def reduced_at_once(b: Rewriter, node: Node) -> Value | None:
    """A reduction that keeps its axes, which are taken away then."""
    made = b.made_by(first(node), "reduce_mean", "reduce_max", "reduce_sum", "reduce_min")
    if made is None or not made.attrs["keepdims"] or not b.is_read_once(made.outputs[0]):
        return None
    rank = made.outputs[0].rank
    axes = {axis % rank for axis in made.attrs["axes"]}
    left = tuple(size for axis, size in enumerate(made.outputs[0].shape) if axis not in axes)
    if left != node.outputs[0].shape or (node.op.name == "squeeze" and {a % rank for a in node.attrs["axes"]} != axes):
        return None
    with b.at(made):
        value: Value = b.apply(made.op, first(made), axes=made.attrs["axes"], keepdims=False)
    return value


_ROWWISE = (
    *("dense", "relu", "sigmoid", "tanh", "softmax", "gelu", "silu", "elu", "selu", "softplus", "hard_silu"),
    *("hard_sigmoid", "log_softmax", "exp", "mish", "clip", "layer_norm"),
)
"""Operators that treat each row of the last axis alone."""


@idiom(*_ROWWISE)
def unfolded(b: Rewriter, node: Node) -> Value | None:
    """Rows of several axes in one, as they were before: `Dense` takes sequences as they are."""
    folded = b.made_by(first(node), "reshape")
    if folded is None or not b.is_read_once(folded.outputs[0]) or folded.outputs[0].rank != 2:
        return None
    x, rank = first(folded), first(node).rank
    axes = [axis % rank for axis in node.attrs.get("axes", (-1,))]
    if x.rank < 3 or x.shape[-1] != folded.outputs[0].shape[-1] or axes != [rank - 1]:
        return None
    if not isinstance(x.shape[-1], int) or any(v is not None and not b.is_known(v) for v in node.inputs[1:]):
        return None
    attrs = {**node.attrs, "axes": (-1,)} if "axes" in node.attrs else node.attrs
    with b.at(node):
        rows: Value = b.apply(node.op, x, *node.inputs[1:], **attrs)
    rows.type = rows.type.with_shape((*x.shape[:-1], rows.shape[-1]))
    with b.at(folded):
        value: Value = b.reshape(rows, shape=(-1, rows.shape[-1]))
    return value


@idiom("reshape")
def unfolded_again(b: Rewriter, node: Node) -> Value | None:
    """A reshape of a reshape as one, or as none where the first shape is back."""
    before = b.made_by(first(node), "reshape")
    if before is None:
        return None
    return first(before) if are_equal(first(before).shape, node.outputs[0].shape) else None


def are_equal(shape: Shape, other: Shape) -> bool:
    """Whether shapes of as many elements are the same: equal, but for one size that is open in both."""
    unequal = [pair for pair in zip(shape, other, strict=False) if pair[0] != pair[1] or pair[0] is None]
    return len(shape) == len(other) and (
        not unequal or (len(unequal) == 1 and not any(isinstance(size, int) for size in unequal[0]))
    )
