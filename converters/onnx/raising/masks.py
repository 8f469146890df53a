"""Masks of sequences: which steps a recurrent layer leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat import layers
from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.layers.symbolic import KerasTensor

from .canonical import Rewriter, both_ways, idiom
from .raiser import Raiser, first
from .views import walk

RECURRENT = ("lstm", "gru", "simple_rnn")

# --- idioms ------------------------------------------------------------------------


@idiom("where")
def masked_steps(b: Rewriter, node: Node) -> Value | None:
    """A sequence whose real steps are moved to its start, gone through by their number, and moved back.

    ONNX knows lengths, no masks; so kcompat writes masks. Left out steps have what the step before gave.
    """
    condition, moved, low = node.inputs
    taken = b.made_by(moved, "gather_nd")
    found = None if taken is None or b.number(low) != 0 else walk(b, first(taken), *RECURRENT)
    if taken is None or found is None or found[1] != [0, 1, 2]:
        return None
    layer = found[0]
    real = _real_steps(b, layer)
    gathered = b.made_by(layer.inputs[0], "gather_nd")
    if real is None or gathered is None or not _counts(b, condition, taken.inputs[1], real):
        return None
    if not _is_packing(b, gathered.inputs[1], real):
        return None
    with b.at(layer):
        options = {**layer.attrs, "zero_masked": False}
        results = b.apply(layer.op, first(gathered), *layer.inputs[1:-1], first(real), **options)
    sequence: Value = results[0]
    return sequence


def _real_steps(b: Rewriter, layer: Node) -> Node | None:
    """The cast of a mask to numbers, whose sums are the lengths of a layer's sequences."""
    less = b.made_by(layer.inputs[-1], "less")
    column = b.made_by(less.inputs[1], "expand_dims") if less is not None else None
    lengths = b.made_by(first(column), "cast") if column is not None else None
    most = b.made_by(first(lengths), "maximum") if lengths is not None else None
    total = next((b.made_by(x, "reduce_sum") for x, n in both_ways(most) if b.is_number(n, 1)), None)
    cast = b.made_by(first(total), "cast") if total is not None else None
    return cast if cast is not None and first(cast).dtype == "bool" and first(cast).rank == 2 else None


def _counts(b: Rewriter, condition: Value | None, places: Value | None, real: Node) -> bool:
    """Whether `condition` is count > 0 and `places` max(count - 1, 0), for the count of real steps so far."""
    column, row = b.made_by(condition, "expand_dims"), b.made_by(places, "expand_dims")
    positive = b.made_by(first(column), "greater") if column is not None else None
    least = b.made_by(first(row), "maximum") if row is not None else None
    before = next((b.made_by(x, "sub") for x, n in both_ways(least) if b.is_number(n, 0)), None)
    if positive is None or before is None or not b.is_number(positive.inputs[1], 0):
        return False
    count = b.made_by(first(positive), "cumsum")
    same = count is not None and first(before) is count.outputs[0] and b.is_number(before.inputs[1], 1)
    return same and count is not None and first(count) is real.outputs[0]


def _is_packing(b: Rewriter, places: Value | None, real: Node) -> bool:
    """Whether places are those of the largest of real * steps - step: the real steps first, in their order."""
    row = b.made_by(places, "expand_dims")
    cast = b.made_by(first(row), "cast") if row is not None else None
    largest = b.made_by(first(cast), "top_k") if cast is not None else None
    ranks = b.made_by(first(largest), "sub") if largest is not None else None
    product = b.made_by(first(ranks), "mul") if ranks is not None else None
    steps = first(real).shape[1]
    if product is None or ranks is None or not isinstance(steps, int):
        return False
    array = b.data(ranks.inputs[1])
    whole = any(x is real.outputs[0] and b.is_number(n, steps) for x, n in both_ways(product))
    return whole and array is not None and np.array_equal(array.reshape(-1), np.arange(steps))


# --- layers ------------------------------------------------------------------------


def masked_input(r: Raiser, node: Node) -> tuple[KerasTensor, dict[str, Any]]:
    """What a recurrent layer is called on, and its argument for the mask, if there is one that nothing carries."""
    x, mask = first(node), node.inputs[-1]
    array = r.known(mask)
    if mask is None or (array is not None and np.all(array)):
        return r.tensor(x), {}
    if array is not None:
        raise r.refusal("its sequences end at steps that the file fixes, which a layer cannot be told")
    carried = _carried(r, x, mask)
    return (r.tensor(x), {"mask": r.tensor(mask)}) if carried is None else (carried, {})


def _carried(r: Raiser, x: Value, mask: Value) -> KerasTensor | None:
    """A tensor that holds x and carries the mask: from an Embedding, from Masking, or from a layer before."""
    if x in r.masked and r.masked[x] is mask:
        return r.tensor(x)
    if not all(_heeds(r, user, x, mask) for user in r.users[x]) or x in r.graph.outputs:
        return None
    made = x.producer if isinstance(x, Result) else None
    if made is not None and made.op.name == "gather" and _excluded(mask, 0) is _uncast(made.inputs[1]):
        embedding: Any = r.held(x).tensor.call.layer
        if isinstance(embedding, layers.Embedding):
            embedding.mask_zero = True
            return r.tensor(x)
    if made is not None and made.op.name == "where":
        return _masking(r, made, mask)
    return None


def _heeds(r: Raiser, user: Node, x: Value, mask: Value) -> bool:
    """Whether a node is a recurrent layer that leaves out the steps of a mask."""
    return user.op.name in RECURRENT and user.inputs[0] is x and user.inputs[-1] is mask


def _uncast(value: Value | None) -> Value | None:
    while isinstance(value, Result) and value.producer.op.name in ("cast", "float_to_int"):
        value = first(value.producer)
    return value


def _excluded(mask: Value | None, number: float) -> Value | None:
    """The value whose elements are not a number where a mask is true."""
    value = _uncast(mask)
    made = value.producer if isinstance(value, Result) else None
    if made is not None and made.op.name == "logical_not":
        inner = getattr(first(made), "producer", None)
        made = inner if inner is not None and inner.op.name == "equal" else None
    elif made is not None and made.op.name != "not_equal":
        made = None
    if made is None or getattr(made.inputs[1], "data", np.zeros(0)).size != 1:
        return None
    return _uncast(first(made)) if float(made.inputs[1].data.reshape(())) == number else None  # type: ignore[union-attr]


def _masking(r: Raiser, where: Node, mask: Value) -> KerasTensor | None:
    """Masking for steps that are kept where any feature is not a number, and are zero elsewhere."""
    x, low = where.inputs[1], r.known(where.inputs[2])
    sources = []
    for value in (where.inputs[0], mask):
        reduced = getattr(_uncast(value), "producer", None)
        if reduced is None or reduced.op.name != "reduce_max":
            return None
        sources.append(_excluded(first(reduced), 0))
    if x is None or low is None or np.any(low) or any(source is not x for source in sources):
        return None
    return r.layer("Masking", r.tensor(x), suffix="masking", mask_value=0.0)
