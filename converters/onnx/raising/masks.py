"""Masks of sequences: which steps a recurrent layer leaves out, and which layer of Keras says so."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.layers.base import Layer
from kcompat.layers.symbolic import KerasTensor

from .names import scope_of
from .packing import RECURRENT
from .raiser import Raiser, first


class Rule(NamedTuple):
    """What makes a step count: that elements of a value are not a number; of several features, that any is not."""

    of: Value | None
    number: float


_USE_MASKS = frozenset({"reduce_mean", "attention", "softmax", "matmul", "einsum"})
"""Operators whose layers would heed a mask that their operand carries."""


def masked_input(r: Raiser, node: Node) -> tuple[KerasTensor, dict[str, Any]]:
    """What a recurrent layer is called on, and its argument for the mask, if there is one that nothing carries."""
    x, mask = first(node), node.inputs[-1]
    array = r.known(mask)
    if mask is None or (array is not None and np.all(array)):
        return r.tensor(x), {}
    if array is not None:
        raise r.refusal("its sequences end at steps that the file fixes, which a layer cannot be told")
    rule = rule_of(mask)
    if rule is not None and _carries(r, x, rule):
        return r.tensor(x), {}
    return r.tensor(x), {"mask": r.tensor(mask)}


def masking(r: Raiser, where: Node) -> KerasTensor | None:
    """Masking for a sequence that is zero where it does not count, if all that would heed its mask has that mask."""
    condition, x, low = where.inputs
    if x is None or r.known(x) is not None or x.rank != 3 or r.known(low) is None or np.any(r.known(low)):
        return None
    rule = rule_of(condition)
    result = where.outputs[0]
    if rule is None or rule.of is not x or not _any_heeds(r, result) or not _is_heeded(r, result, rule, set()):
        return None
    r.masked[result] = rule
    return r.layer("Masking", r.tensor(x), mask_value=rule.number)


def masked_mean(r: Raiser, node: Node) -> bool:
    """Steps that count, summed and divided by their number, as global pooling. Returns whether it is that."""
    total, number = (getattr(value, "producer", None) for value in node.inputs)
    if total is None or number is None or total.op.name != "reduce_sum" or number.op.name != "reduce_sum":
        return False
    chosen = getattr(first(total), "producer", None)
    if chosen is None or chosen.op.name != "where" or total.attrs != number.attrs or total.attrs["axes"] != (1,):
        return False
    condition, x, low = chosen.inputs
    column = condition.producer if isinstance(condition, Result) else None
    counts = _uncast(first(number)) is condition and r.known(low) is not None and not np.any(r.known(low))
    if column is None or column.op.name != "expand_dims" or not counts or x is None or x.rank != 3:
        return False
    if r.held(x).order != (0, 1, 2):
        return False
    rule = rule_of(first(column))
    carried = rule is not None and _carries(r, x, rule)
    call = {} if carried else {"mask": r.tensor(first(column))}
    y = r.layer("GlobalAveragePooling1D", r.tensor(x), call=call, keepdims=total.attrs["keepdims"])
    r.bind(node.outputs[0], y)
    return True


def makes_mask(r: Raiser, lookup: Node) -> bool:
    """Whether an Embedding in place of a node masks the index 0, and all that would heed its mask has that mask."""
    result, rule = lookup.outputs[0], Rule(_uncast(lookup.inputs[1]), 0.0)
    if result.rank != 3 or not _any_heeds(r, result) or not _is_heeded(r, result, rule, set()):
        return False
    r.masked[result] = rule
    return True


def _carries(r: Raiser, x: Value, rule: Rule) -> bool:
    """Whether the tensor of a value carries a mask in Keras."""
    while x not in r.masked and isinstance(x, Result) and _passes(r, x):
        x = first(x.producer)
    return r.masked.get(x) == rule


def _passes(r: Raiser, x: Value) -> bool:
    """Whether a value is made of its first operand alone, by a layer that passes a mask on."""
    node = x.producer if isinstance(x, Result) else None
    if node is None or x not in r.raised or first(node).rank != x.rank:
        return False
    layer = r.raised[x].tensor.call.layer
    alone = all(value is None or r.known(value) is not None for value in node.inputs[1:])
    return alone and isinstance(layer, Layer) and layer.supports_masking and node.op.name not in _USE_MASKS


def _any_heeds(r: Raiser, value: Value) -> bool:
    """Whether a recurrent layer with a mask is behind a value, or a mean of the steps that count."""
    for user in r.users.get(value, ()):
        if user.op.name in RECURRENT and user.inputs[-1] is not None:
            return True
        if user.op.name == "where" and user.inputs[1] is value and rule_of(user.inputs[0]) is not None:
            return True
        passed = [result for result in user.outputs if result.rank == 3 and user.op.name not in RECURRENT]
        if user.inputs[0] is value and any(_any_heeds(r, result) for result in passed):
            return True
    return False


def _is_heeded(r: Raiser, value: Value, rule: Rule, seen: set[Value]) -> bool:
    """Whether all that would heed a mask of this value in Keras does so in the graph."""
    if value in seen:
        return True
    seen.add(value)
    for user in r.users.get(value, ()):
        if user.op.name in _USE_MASKS and not _is_own_activation(user, value):
            return False
        if user.op.name in RECURRENT:
            if first(user) is not value or user.inputs[-1] is None or rule_of(user.inputs[-1]) != rule:
                return False
            if not _is_heeded(r, user.outputs[0], rule, seen):
                return False
        elif not all(_is_heeded(r, result, rule, seen) for result in user.outputs):
            return False
    return True


def _is_own_activation(user: Node, value: Value) -> bool:
    """Whether a node is the activation of the layer that makes a value."""
    made = value.producer if isinstance(value, Result) else None
    return user.op.name == "softmax" and made is not None and scope_of(user) == scope_of(made) != ""


# --- what a mask says --------------------------------------------------------------


def rule_of(mask: Value | None) -> Rule | None:
    """The rule that a mask follows: (batch, time), or (batch, time, 1) over features."""
    value = _uncast(mask)
    made = value.producer if isinstance(value, Result) else None
    if made is not None and made.op.name == "expand_dims" and first(made).rank == 2:
        return rule_of(first(made))
    if made is not None and made.op.name == "reduce_max" and [a % first(made).rank for a in made.attrs["axes"]] == [2]:
        found = _excluded(_uncast(first(made)))
        return found if found is not None and first(made).rank == 3 else None
    return _excluded(value) if value is not None and value.rank == 2 else None


def _excluded(value: Value | None) -> Rule | None:
    """What elements are not, where a value is true."""
    made = value.producer if isinstance(value, Result) else None
    if made is not None and made.op.name == "logical_not":
        inner = getattr(first(made), "producer", None)
        made = inner if inner is not None and inner.op.name == "equal" else None
    elif made is not None and made.op.name != "not_equal":
        made = None
    number = getattr(made.inputs[1], "data", np.zeros(0)) if made is not None else np.zeros(0)
    of = _uncast(first(made)) if made is not None else None
    return Rule(of, float(number.reshape(()))) if of is not None and number.size == 1 else None


def _uncast(value: Value | None) -> Value | None:
    while isinstance(value, Result) and value.producer.op.name in ("cast", "float_to_int"):
        value = first(value.producer)
    return value
