"""How each operator works on values whose axes are in another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..ir import Constant, Node, Value
from ..ir.types import Dim, normalize_axes, normalize_axis
from ..operators.shape import INFER, KEEP
from .forms import Mixed, Perm, Relayout, plain_form, turned

Rule = Callable[[Relayout, Node], None]

RULES: dict[str, Rule] = {}
"""Operator -> its rule; others are `pointwise`, or take and give plain values."""

IMAGES = {
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "conv",
    "conv_transpose",
    "integer_conv",
    "max_pool",
}
"""Operators with a layout of their own."""

FOLLOWING = {
    "batch_norm",
    "broadcast_like",
    "clip",
    "concat",
    "crop_to_ratio",
    "dynamic_quantize",
    "group_norm",
    "l2_normalize",
    "layer_norm",
    "pad",
    "pad_to_ratio",
    "repeat",
    "resize",
    "resample",
    "rms_norm",
    "slice",
    "softmax",
    "tile",
}
"""Operators whose result has the axes of their operand, besides those that work on each element alone."""


def rule_of(node: Node) -> Rule:
    return RULES.get(node.op.name, pointwise if node.op.pointwise else unmoved)


def rule(*names: str) -> Callable[[Rule], Rule]:
    """Enters the rule of some operators."""

    def enter(function: Rule) -> Rule:
        RULES.update(dict.fromkeys(names, function))
        return function

    return enter


def unmoved(work: Relayout, node: Node) -> None:
    """Operators that take plain operands and give plain results."""
    results = work.emit(node, [None if value is None else work.plain(value) for value in node.inputs])
    work.give(node, results, *(plain_form(value.rank) for value in node.outputs))


def pointwise(work: Relayout, node: Node) -> None:
    values = [value for value in node.inputs if value is not None]
    if any(value in work.mixed for value in values) and _pointwise_mixed(work, node):
        return
    rank = node.outputs[0].rank
    perm = work.common(values, rank, node.outputs[0] in work.wanted)
    operands = [None if value is None else work.aligned(value, perm) for value in node.inputs]
    work.give(node, work.emit(node, operands), perm)


def _pointwise_mixed(work: Relayout, node: Node) -> bool:
    """A mixed operand among ones that can be mixed likewise; False if there are others."""
    lead = next(value for value in node.inputs if value in work.mixed)
    assert lead is not None
    mixed = work.mixed[lead][1]
    if lead.rank != node.outputs[0].rank:
        return False
    operands: list[Value | None] = []
    for value in node.inputs:
        x = value if value is None else mixed_like(work, value, mixed)
        if value is not None and x is None:
            return False
        operands.append(x)
    (result,) = work.emit(node, operands)
    work.mixed[node.outputs[0]] = (result, mixed)
    return True


def mixed_like(work: Relayout, value: Value, mixed: Mixed) -> Value | None:
    """An operand with its last axis in a mixed order, None where that would cost something."""
    if value in work.mixed and work.mixed[value][1].places.tolist() == mixed.places.tolist():
        return work.mixed[value][0]
    if value.rank == 0 or value.shape[-1] == 1:
        return work.plain(value)
    if not work.is_fixed(value):
        return None
    return gathered(work, work.plain(value), mixed, value.rank - 1)


def gathered(work: Relayout, x: Value, mixed: Mixed, axis: int) -> Value:
    """A weight with an axis in a mixed order."""
    if isinstance(x, Constant):
        return Constant(np.take(x.data, mixed.places, axis=axis), x.name)
    return work.b.gather(x, work.b.constant(mixed.places), axis=axis)


# --- images ------------------------------------------------------------------------


def follows(node: Node, target: str) -> bool:
    """Whether a node may keep the layout of its operand: pooling, where images are to have their channels last."""
    is_float = node.outputs[0].dtype == "float32"
    return node.op.name in ("max_pool", "avg_pool") and target == "channels_last" and is_float


@rule(*IMAGES)
def _images(work: Relayout, node: Node) -> None:
    x, weights = _first(node), node.inputs[1:]
    is_turned = turned(x.rank, work.target) in work.forms.get(x, ())
    if follows(node, work.target) and node.attrs["layout"] != work.target and not is_turned:
        return unmoved(work, node)
    perm = plain_form(x.rank) if node.attrs["layout"] == work.target else turned(x.rank, work.target)
    operands = [work.form(x, perm), *(None if w is None else work.plain(w) for w in weights)]
    work.give(node, work.emit(node, operands, layout=work.target), perm)
    return None


@rule("dynamic_quantize")
def _dynamic_quantize(work: Relayout, node: Node) -> None:
    """Steps in the form of their operand, and two numbers."""
    x = _first(node)
    perm = work.natural(x)
    work.give(node, work.emit(node, [work.form(x, perm)]), perm, (), ())


# --- along axes --------------------------------------------------------------------


def _place(perm: Perm, axis: int) -> int:
    return perm.index(normalize_axis(axis, len(perm)))


def _places(perm: Perm, axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(perm.index(axis) for axis in normalize_axes(axes, len(perm)))


def _rest(node: Node, work: Relayout) -> list[Value | None]:
    """The operands after the first, plain."""
    return [None if value is None else work.plain(value) for value in node.inputs[1:]]


@rule("batch_norm")
def _batch_norm(work: Relayout, node: Node) -> None:
    x = _first(node)
    if x in work.mixed and normalize_axis(node.attrs["axis"], x.rank) == x.rank - 1:
        stored, mixed = work.mixed[x]
        vectors = [None if v is None else gathered(work, work.plain(v), mixed, 0) for v in node.inputs[1:]]
        (result,) = work.emit(node, [stored, *vectors])
        work.mixed[node.outputs[0]] = (result, mixed)
        return
    _along_axis(work, node)


@rule("repeat", "cumsum", "cumprod", "argsort", "glu", "sparsemax", "resample")
def _along_axis(work: Relayout, node: Node) -> None:
    """One axis, and further operands that do not lie along the axes of the first."""
    x = _first(node)
    perm = work.natural(x)
    results = work.emit(node, [work.form(x, perm), *_rest(node, work)], axis=_place(perm, node.attrs["axis"]))
    work.give(node, results, perm)


@rule("group_norm")
def _group_norm(work: Relayout, node: Node) -> None:
    if work.natural(_first(node))[0] == 0:
        _along_axis(work, node)
    else:
        unmoved(work, node)


@rule("softmax", "log_softmax", "l2_normalize", "slice", "crop_to_ratio", "pad_to_ratio")
def _along_axes(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    work.give(node, work.emit(node, [work.form(x, perm)], axes=_places(perm, node.attrs["axes"])), perm)


@rule("resize")
def _resize(work: Relayout, node: Node) -> None:
    """Of images it has the layout that its axes say."""
    if interpolates_images(node, work.target):
        x = _first(node)
        work.form(x, turned(x.rank, work.target))
        work.preferred[x] = turned(x.rank, work.target)
    _along_axes(work, node)


def interpolates_images(node: Node, target: str) -> bool:
    """Whether a node interpolates between pixels of images that are to have their channels first, as ONNX's Resize
    needs them; with channels last, it works on images as they lie."""
    x = node.inputs[0]
    is_image = x is not None and x.rank == 4 and normalize_axes(node.attrs["axes"], 4) == (1, 2)
    return target == "channels_first" and is_image and node.attrs["method"] != "nearest"


@rule("layer_norm", "rms_norm")
def _own_statistics(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    operands = [None if value is None else work.aligned(value, perm) for value in node.inputs]
    work.give(node, work.emit(node, operands, axes=_places(perm, node.attrs["axes"])), perm)


@rule("concat", "gather_elements")
def _several(work: Relayout, node: Node) -> None:
    """Operands of one rank with a common axis."""
    result = node.outputs[0]
    values = [value for value in node.inputs if value is not None]
    perm = work.common(values, result.rank, result in work.wanted)
    operands = [work.form(value, perm) for value in values]
    work.give(node, work.emit(node, operands, axis=_place(perm, node.attrs["axis"])), perm)


@rule("broadcast_like")
def _broadcast_like(work: Relayout, node: Node) -> None:
    pointwise(work, node)


@rule("reduce_sum", "reduce_mean", "reduce_max", "reduce_min", "reduce_prod", "moments")
def _reduction(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    gone = normalize_axes(node.attrs["axes"], x.rank)
    results = work.emit(node, [work.form(x, perm)], axes=_places(perm, gone))
    work.give(node, results, perm if node.attrs["keepdims"] else _without(perm, gone))


@rule("argmax", "argmin")
def _argument(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    axis = normalize_axis(node.attrs["axis"], x.rank)
    results = work.emit(node, [work.form(x, perm)], axis=perm.index(axis))
    work.give(node, results, perm if node.attrs["keepdims"] else _without(perm, (axis,)))


@rule("size")
def _size(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    work.give(node, work.emit(node, [work.form(x, perm)], axis=_place(perm, node.attrs["axis"])), ())


@rule("gather")
def _gather(work: Relayout, node: Node) -> None:
    x, indices = node.inputs
    if x is None or indices is None or indices.rank > 1 or work.is_fixed(x):
        return unmoved(work, node)
    perm = work.natural(x)
    axis = normalize_axis(node.attrs["axis"], x.rank)
    results = work.emit(node, [work.form(x, perm), work.plain(indices)], axis=perm.index(axis))
    work.give(node, results, perm if indices.rank else _without(perm, (axis,)))
    return None


@rule("pad")
def _pad(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    work.give(node, work.emit(node, [work.form(x, perm)], pads=tuple(node.attrs["pads"][axis] for axis in perm)), perm)


@rule("tile")
def _tile(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    repeats = tuple(node.attrs["repeats"][axis] for axis in perm)
    work.give(node, work.emit(node, [work.form(x, perm)], repeats=repeats), perm)


def _first(node: Node) -> Value:
    value = node.inputs[0]
    assert value is not None
    return value


def _without(perm: Perm, gone: Sequence[int]) -> Perm:
    """The form that is left when axes go away."""
    kept = [axis for axis in range(len(perm)) if axis not in gone]
    return tuple(kept.index(axis) for axis in perm if axis not in gone)


# --- shapes ------------------------------------------------------------------------


@rule("transpose")
def _transpose(work: Relayout, node: Node) -> None:
    """Nothing moves: what is held is the result in another form."""
    x, result = _first(node), node.outputs[0]
    if work.is_fixed(x) or x in work.mixed:
        return unmoved(work, node)
    back = np.argsort(node.attrs["perm"]).tolist()
    perm = work.natural(x)
    work.hold(result, tuple(back[axis] for axis in perm), work.form(x, perm))
    return None


@rule("expand_dims")
def _expand_dims(work: Relayout, node: Node) -> None:
    x, rank = _first(node), node.outputs[0].rank
    new = normalize_axes(node.attrs["axes"], rank)
    kept = [axis for axis in range(rank) if axis not in new]
    perm = work.natural(x)
    order = [kept[axis] for axis in perm]
    for axis in sorted(new):
        order.insert(axis, axis)
    results = work.emit(node, [work.form(x, perm)], axes=tuple(sorted(new)))
    work.give(node, results, tuple(order))


@rule("squeeze")
def _squeeze(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    gone = normalize_axes(node.attrs["axes"], x.rank)
    work.give(node, work.emit(node, [work.form(x, perm)], axes=_places(perm, gone)), _without(perm, gone))


@rule("fold_time")
def _fold_time(work: Relayout, node: Node) -> None:
    x = _first(node)
    perm = work.natural(x)
    if perm[:2] != (0, 1):
        return unmoved(work, node)
    work.give(node, work.emit(node, [work.form(x, perm)]), (0, *(axis - 1 for axis in perm[2:])))
    return None


@rule("unfold_time")
def _unfold_time(work: Relayout, node: Node) -> None:
    x, like = node.inputs
    assert x is not None
    assert like is not None
    perm, other = work.natural(x), work.natural(like)
    if perm[0] != 0:
        return unmoved(work, node)
    like_form = other if other[:2] == (0, 1) else plain_form(like.rank)
    results = work.emit(node, [work.form(x, perm), work.form(like, like_form)])
    work.give(node, results, (0, 1, *(axis + 1 for axis in perm[1:])))
    return None


@rule("reshape")
def _reshape(work: Relayout, node: Node) -> None:
    x, result = _first(node), node.outputs[0]
    perm = work.natural(x)
    groups = None if x in work.mixed or perm == plain_form(x.rank) else _groups(x, result, node.attrs["shape"])
    if groups is None:
        return unmoved(work, node)
    if _in_form(work, node, x, groups, perm):
        return None
    if _flattens(groups, perm, x):
        return _mix(work, node, groups[-1][0], perm)
    if result not in work.wanted or not _in_form(work, node, x, groups, _together(groups, perm)):
        unmoved(work, node)
    return None


def _in_form(work: Relayout, node: Node, x: Value, groups: Groups, perm: Perm) -> bool:
    """Reshape what is held in a form; False if that tears axes apart that become others together."""
    ordered, result = _ordered_groups(groups, perm, x.shape), node.outputs[0]
    if ordered is None:
        return False
    order = tuple(axis for _, made in ordered for axis in made)
    stored = work.form(x, perm)
    target = _target([result.shape[axis] for axis in order], stored.shape)
    if target is not None:
        work.give(node, work.emit(node, [stored], shape=target), order)
    return target is not None


def _together(groups: Groups, perm: Perm) -> Perm:
    """A form as another, but for axes that become others together: those are together, in their own order."""
    whole = sorted((before for before, _ in groups if before), key=lambda before: min(map(perm.index, before)))
    return tuple(axis for before in whole for axis in before)


Groups = list[tuple[list[int], list[int]]]
"""Axes of the operand and the axes of the result into which they go, in order."""


def _groups(x: Value, result: Value, target: Sequence[int]) -> Groups | None:
    """The smallest groups of axes that have as many elements before as after; None where sizes are open."""
    groups: Groups = []
    i = j = 0
    while i < x.rank or j < result.rank:
        if i < x.rank and j < result.rank and _same(x.shape[i], result.shape[j], target[j] == KEEP and i == j):
            groups.append(([i], [j]))
            i, j = i + 1, j + 1
            continue
        before, after = [], []
        size = made = 1
        while True:
            if i < x.rank and (size <= made or j == result.rank):
                dim = x.shape[i]
                before.append(i)
                i += 1
                size *= dim if isinstance(dim, int) else 0
            elif j < result.rank:
                dim = result.shape[j]
                after.append(j)
                j += 1
                made *= dim if isinstance(dim, int) else 0
            if not size or not made:
                return None
            if size == made and before and after:
                break
            if i == x.rank and j == result.rank:
                if size == made:
                    break
                return None
        groups.append((before, after))
    return groups


def _same(before: Dim, after: Dim, kept: bool) -> bool:
    return kept or (before is not None and before == after)


def _ordered_groups(groups: Groups, perm: Perm, shape: Sequence[Dim]) -> Groups | None:
    """The groups in the order in which a form has them, None if it tears one apart."""
    group_of = {axis: place for place, (before, _) in enumerate(groups) for axis in before}
    seen: list[int] = []
    last: dict[int, int] = {}
    for axis in perm:
        group = group_of[axis]
        if shape[axis] == 1 and len(groups[group][0]) > 1:
            continue
        if group in last and (seen[-1] != group or last[group] > axis):
            return None
        if group not in last:
            seen.append(group)
        last[group] = axis
    for place in range(len(groups)):
        if place not in seen:
            seen.insert(place, place)
    return [groups[place] for place in seen]


def _target(sizes: Sequence[Dim], stored: Sequence[Dim]) -> tuple[int, ...] | None:
    """A reshape target: sizes, those that stay open at their place, and one that follows."""
    target = []
    for place, size in enumerate(sizes):
        if isinstance(size, int):
            target.append(size)
        elif place < len(stored) and size is not None and stored[place] == size:
            target.append(KEEP)
        else:
            target.append(INFER)
    return tuple(target) if target.count(INFER) <= 1 else None


def _flattens(groups: Groups, perm: Perm, x: Value) -> bool:
    """Whether only the last axis of the result is made of several, which the form has in another order."""
    before, after = groups[-1]
    lead = before[0]
    single = all(len(group[0]) == len(group[1]) == 1 for group in groups[:-1])
    known = all(isinstance(x.shape[axis], int) for axis in before)
    return single and known and len(after) == 1 and perm[:lead] == plain_form(lead)


def _mix(work: Relayout, node: Node, axes: Sequence[int], perm: Perm) -> None:
    """Flatten what is held: the positions of the last axis come in another order, which a `dense` can take in."""
    x, lead = _first(node), axes[0]
    mixed = Mixed([int(x.shape[axis]) for axis in axes], [axis - lead for axis in perm[lead:]])
    (result,) = work.emit(node, [work.form(x, perm)], shape=(*(KEEP,) * lead, INFER))
    work.mixed[node.outputs[0]] = (result, mixed)


# --- products ----------------------------------------------------------------------


@rule("dense")
def _dense(work: Relayout, node: Node) -> None:
    """Rows follow mixed features; channels that are not last are multiplied by a convolution of one position."""
    x, w, bias = node.inputs
    assert x is not None
    assert w is not None
    rest = [work.plain(w), None if bias is None else work.plain(bias)]
    if x in work.mixed and work.is_fixed(w):
        stored, mixed = work.mixed[x]
        return work.give(
            node, work.emit(node, [stored, gathered(work, work.plain(w), mixed, 0), rest[1]]), plain_form(x.rank)
        )
    perm = work.natural(x)
    if x.rank >= 3 and work.target == "channels_first" and perm == turned(x.rank, work.target) and work.is_fixed(w):
        ones = (1,) * (x.rank - 2)
        kernel = work.b.reshape(rest[0], shape=(*ones, *w.shape))
        result = work.b.conv(work.form(x, perm), kernel, rest[1], strides=ones, dilations=ones, layout="channels_first")
        return work.give(node, [result], perm)
    perm = (*(axis for axis in perm if axis != x.rank - 1), x.rank - 1)
    return work.give(node, work.emit(node, [work.form(x, perm), *rest]), perm)


@rule("einsum")
def _einsum(work: Relayout, node: Node) -> None:
    """Each operand's letters follow its axes."""
    terms, result = node.attrs["equation"].split("->")
    values = [value for value in node.inputs if value is not None]
    perms = [work.natural(value) for value in values]
    turned_terms = ["".join(term[a] for a in p) for term, p in zip(terms.split(","), perms, strict=True)]
    operands = [work.form(value, perm) for value, perm in zip(values, perms, strict=True)]
    results = work.emit(node, operands, equation=f"{','.join(turned_terms)}->{result}")
    work.give(node, results, plain_form(len(result)))
