"""Recurrent layers with masks, as kcompat writes them: over packed steps, whose results go back to their places.

ONNX knows lengths, no masks. So the steps that count are put first, the layer runs over their number, and each place
takes the result of the last step that counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result

from .canonical import Rewriter, both_ways, idiom
from .opening import counts_up
from .raiser import first
from .views import walk

RECURRENT = ("lstm", "gru", "simple_rnn")


@dataclass(frozen=True)
class _Packed:
    """What a layer over packed steps goes through: the sequence, the mask, and the mask as numbers."""

    x: Value
    mask: Value
    flags: Value


@idiom("where")
def sequence_with_mask(b: Rewriter, node: Node) -> Value | None:
    """At each place what the last step that counted gave; zeros before the first, or wherever none counts."""
    condition, spread, low = node.inputs
    taken = b.made_by(spread, "gather_nd")
    found = walk(b, first(taken), *RECURRENT) if taken is not None and b.number(low) == 0 else None
    if taken is None or found is None or found[1] != [0, 1, 2]:
        return None
    packed, column = _packed(b, found[0]), b.made_by(condition, "expand_dims")
    if packed is None or column is None or not _are_last(b, taken.inputs[1], packed):
        return None
    zeroed = first(column) is packed.mask
    if not zeroed and not _have_counted(b, first(column), packed):
        return None
    return _with_mask(b, found[0], packed, zeroed)[0]


@idiom("where")
def state_with_mask(b: Rewriter, node: Node) -> Value | None:
    """The last state; where no step counts, the one before the first."""
    condition, state, low = node.inputs
    layer = b.made_by(state, *RECURRENT)
    place = layer.outputs.index(state) if layer is not None and isinstance(state, Result) else 0
    packed = _packed(b, layer) if layer is not None and place else None
    some = b.made_by(condition, "greater")
    if layer is None or packed is None or some is None or not b.is_number(some.inputs[1], 0):
        return None
    if not _is_number(b, some.inputs[0], packed):
        return None
    given = layer.inputs[3 + place]
    if low is not given if given is not None else b.number(low) != 0:
        return None
    return _with_mask(b, layer, packed, False)[place]


def _with_mask(b: Rewriter, layer: Node, packed: _Packed, zeroed: bool) -> tuple[Value, ...]:
    """The results of the layer over all steps, with the mask."""
    if (layer, zeroed) not in b.unpacked:
        x, mask, backwards = packed.x, packed.mask, False
        turned = [b.made_by(value, "slice") for value in (x, mask)]
        if all(made is not None and _is_reversal(made) for made in turned):
            x, mask = (first(made) for made in turned if made is not None)
            backwards = True
        options = {**layer.attrs, "zero_masked": zeroed, "go_backwards": backwards}
        with b.at(layer):
            b.unpacked[layer, zeroed] = b.apply(layer.op, x, *layer.inputs[1:-1], mask, **options)
    return b.unpacked[layer, zeroed]


def _is_reversal(node: Node) -> bool:
    attrs = node.attrs
    return (attrs["axes"], attrs["steps"], attrs["starts"], attrs["stops"]) == ((1,), (-1,), (None,), (None,))


# --- what is computed of a mask ----------------------------------------------------


def _packed(b: Rewriter, layer: Node) -> _Packed | None:
    """What a layer goes through, if it is the steps of a sequence that a mask lets count, and as many of them."""
    gathered, less = b.made_by(layer.inputs[0], "gather_nd"), b.made_by(layer.inputs[-1], "less")
    if gathered is None or less is None or layer.attrs["go_backwards"] or gathered.attrs["batch_dims"] != 1:
        return None
    if not _counts_up(b, less.inputs[0]):
        return None
    column = b.made_by(less.inputs[1], "expand_dims")
    lengths = b.made_by(first(column), "cast") if column is not None else None
    row = b.made_by(first(lengths), "squeeze") if lengths is not None else None
    most = b.made_by(first(row), "maximum") if row is not None else None
    total = next((b.made_by(x, "reduce_sum") for x, n in both_ways(most) if b.is_number(n, 1)), None)
    flags = b.made_by(first(total), "cast") if total is not None else None
    if flags is None or first(flags).dtype != "bool" or first(flags).rank != 2:
        return None
    packed = _Packed(first(gathered), first(flags), flags.outputs[0])
    known = total is not None and _is_number(b, total.outputs[0], packed)
    return packed if known and _is_order(b, gathered.inputs[1], packed) else None


def _is_number(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is how many steps count, (batch, 1)."""
    total = b.made_by(value, "reduce_sum")
    return total is not None and first(total) is packed.flags and total.attrs == {"axes": (1,), "keepdims": True}


def _is_counted(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is how many steps have counted at each place."""
    made = b.made_by(value, "cumsum")
    plain = made is not None and not made.attrs["exclusive"] and not made.attrs["reverse"]
    return made is not None and plain and first(made) is packed.flags and made.attrs["axis"] % 2 == 1


def _is_before(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is one less than that."""
    made = b.made_by(value, "sub")
    return made is not None and b.is_number(made.inputs[1], 1) and _is_counted(b, made.inputs[0], packed)


def _have_counted(b: Rewriter, value: Value, packed: _Packed) -> bool:
    made = b.made_by(value, "greater")
    return made is not None and b.is_number(made.inputs[1], 0) and _is_counted(b, made.inputs[0], packed)


def _are_last(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is the packed place of the last step that counted, (batch, time, 1)."""
    column = b.made_by(value, "expand_dims")
    least = b.made_by(first(column), "maximum") if column is not None else None
    return any(b.is_number(n, 0) and _is_before(b, x, packed) for x, n in both_ways(least))


def _is_order(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is the places of the steps that count, then of the others, (batch, time, 1)."""
    column = b.made_by(value, "expand_dims")
    scattered = b.made_by(first(column), "scatter_elements") if column is not None else None
    if scattered is None or scattered.attrs["axis"] % 2 != 1 or scattered.attrs["reduction"] != "none":
        return False
    _, target, places = scattered.inputs
    chosen = b.made_by(target, "where")
    if chosen is None or not _are_places(b, places, packed) or chosen.inputs[0] is not packed.mask:
        return False
    return _is_before(b, chosen.inputs[1], packed) and _is_behind(b, chosen.inputs[2], places, packed)


def _is_behind(b: Rewriter, value: Value | None, places: Value | None, packed: _Packed) -> bool:
    """Whether a value is how many steps count, and of the others how many were before."""
    for number, others in both_ways(b.made_by(value, "add")):
        rest = b.made_by(others, "sub")
        if rest is not None and rest.inputs[0] is places and _is_counted(b, rest.inputs[1], packed):
            return _is_number(b, number, packed)
    return False


def _are_places(b: Rewriter, value: Value | None, packed: _Packed) -> bool:
    """Whether a value is the number of each place, (batch, time)."""
    for zeros, numbers in both_ways(b.made_by(value, "add")):
        for flags, factor in both_ways(b.made_by(zeros, "mul")):
            if flags is packed.flags and b.is_number(factor, 0):
                return _counts_up(b, numbers)
    return False


def _counts_up(b: Rewriter, value: Value | None) -> bool:
    """Whether a value is 0, 1, 2 and so on along its last axis, whose size may be open."""
    array = b.data(value)
    if array is not None:
        return counts_up(array)
    made = b.made_by(value, "sub")
    sums = b.made_by(made.inputs[0], "cumsum") if made is not None and b.is_number(made.inputs[1], 1) else None
    ones = b.made_by(first(sums), "broadcast_to") if sums is not None else None
    if sums is None or ones is None or not b.is_number(first(ones), 1):
        return False
    return not sums.attrs["exclusive"] and not sums.attrs["reverse"] and sums.attrs["axis"] == ones.outputs[0].rank - 1
