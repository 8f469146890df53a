"""Reshapes of tensors that hold their values in another order of the axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kcompat import layers
from kcompat.ir import Node, Value
from kcompat.ir.types import Dim
from kcompat.layers.symbolic import KerasTensor
from kcompat.operators.shape import KEEP

from .raiser import Order, Raiser, channels_last, first, raises

Token = Any
"""A size, or what stands for an open one: equal tokens are equal sizes."""


@dataclass(frozen=True)
class Part:
    """Axes in front of a reshape and those that hold the same elements behind it."""

    before: tuple[int, ...]
    after: tuple[int, ...]


def parts_of(before: Sequence[Token], after: Sequence[Token]) -> list[Part]:
    """The smallest parts into which a reshape falls."""
    parts, i, j = [], 0, 0
    while i < len(before) or j < len(after):
        start = i, j
        if i < len(before) and before[i] == 1 and (j == len(after) or after[j] != 1):
            i += 1
        elif j < len(after) and after[j] == 1 and (i == len(before) or before[i] != 1):
            j += 1
        else:
            i, j = _end_of_part(before, after, i, j)
        parts.append(Part(tuple(range(start[0], i)), tuple(range(start[1], j))))
    return parts


def _end_of_part(before: Sequence[Token], after: Sequence[Token], i: int, j: int) -> tuple[int, int]:
    left, right = _Size(), _Size()
    while i < len(before) or j < len(after):
        if (right.exceeds(left) or j == len(after) or left == right) and i < len(before):
            left.take(before[i])
            i += 1
        elif j < len(after):
            right.take(after[j])
            j += 1
        if left == right:
            break
    return i, j


@dataclass
class _Size:
    """A product of sizes, some of them open."""

    number: int = 1
    open: tuple[Token, ...] = ()

    def take(self, token: Token) -> None:
        if isinstance(token, int):
            self.number *= token
        else:
            self.open = (*self.open, token)

    def exceeds(self, other: _Size) -> bool:
        return len(self.open) > len(other.open) or (self.open == other.open and self.number > other.number)


def tokens(before: Sequence[Dim], after: Sequence[Dim], kept: Sequence[int] = ()) -> tuple[list[Token], list[Token]]:
    """Tokens for the sizes on both sides. kept: axes that a reshape keeps at their place."""
    left = [dim if isinstance(dim, (int, str)) else ("axis", axis) for axis, dim in enumerate(before)]
    right = [dim if isinstance(dim, (int, str)) else ("new axis", axis) for axis, dim in enumerate(after)]
    for axis in kept:
        right[axis] = left[axis]
    lone_left = [token for token in left if not isinstance(token, int) and token not in right]
    lone_right = [axis for axis, token in enumerate(right) if not isinstance(token, int) and token not in left]
    if len(lone_left) == len(lone_right) == 1:
        numbers = [math.prod(token for token in side if isinstance(token, int)) for side in (left, right)]
        if numbers[0] == numbers[1]:
            right[lone_right[0]] = lone_left[0]
    return left, right


@raises("reshape", "expand_dims", "squeeze")
def reshape(r: Raiser, node: Node) -> None:
    """In the order that the tensor has, as long as no part of the reshape has axes that lie apart there."""
    x, y = first(node), node.outputs[0]
    target = node.attrs.get("shape", ())
    before, after = tokens(x.shape, y.shape, [axis for axis, size in enumerate(target) if size == KEEP])
    parts = parts_of(before, after)
    order = r.flattened[x].order if x in r.flattened else r.held(x).order
    arranged = _in_order(parts, before, order)
    if arranged is None and _is_flatten(x, parts) and order == channels_last(x.rank):
        r.flatten_later(y, x)
        return
    if arranged is None:
        order = tuple(range(x.rank))
        arranged = _in_order(parts, before, order)
    assert arranged is not None
    new_order = tuple(axis for part in arranged for axis in part.after)
    tensor = r.tensor(x, order)
    r.bind(y, reshaped(r, tensor, [after[axis] for axis in new_order], [before[axis] for axis in order]), new_order)


def _is_flatten(x: Value, parts: Sequence[Part]) -> bool:
    return (
        list(parts) == [Part((0,), (0,)), Part(tuple(range(1, x.rank)), (1,))]
        and x.type.with_shape(x.shape[1:]).is_static
    )


def _in_order(parts: Sequence[Part], sizes: Sequence[Token], order: Order) -> list[Part] | None:
    """The parts as they follow each other in the tensor; None if one of them is scattered there.

    Parts of ones go behind the part that they follow in the value, and behind the batch.
    """
    places: list[tuple[float, Part]] = []
    last = 0.0
    long = [axis for axis, size in enumerate(sizes) if size != 1 or axis == order[0]]
    for part in parts:
        lying = [order.index(axis) for axis in part.before if axis in long]
        if lying and lying != [place for place in range(lying[0], lying[-1] + 1) if order[place] in long]:
            return None
        last = lying[0] if lying else last + 1e-3
        places.append((last, part))
    return [part for _, part in sorted(places, key=lambda item: item[0])]


def reshaped(r: Raiser, tensor: KerasTensor, after: Sequence[Token], before: Sequence[Token]) -> KerasTensor:
    """The tensor with other sizes, directly from what a reshape before it was made of."""
    target = [size if isinstance(size, int) else -1 for size in after]
    sequence = _as_sequence(r, tensor, after)
    if sequence is not None:
        return sequence
    source = _unshaped(tensor)
    kept = bool(after) and bool(before) and after[0] == before[0]
    shape = tuple(size if isinstance(size, int) else None for size in after)
    if tensor.shape == shape and target.count(-1) <= 1:
        return tensor
    if kept:
        if source.shape == shape and target[1:].count(-1) == 0:
            return source
        if len(target) == 2 and len(source.shape) > 2 and None not in source.shape[1:]:
            return r.layer("Flatten", source)
        if target[1:].count(-1) <= 1:
            return r.layer("Reshape", source, target_shape=tuple(target[1:]))
    if target.count(-1) > 1:
        raise r.refusal(f"a reshape to {shape} has more than one open size; give the model's input_shapes")
    y = r.op("reshape", source, newshape=tuple(target))
    if len(before) > 2 and list(after[1:]) == list(before[2:]) and isinstance(before[1], int) and target[0] == -1:
        r.steps[y] = tensor
    return y


def _as_sequence(r: Raiser, tensor: KerasTensor, after: Sequence[Token]) -> KerasTensor | None:
    """Steps that were samples, as steps again; each may have been reshaped too."""
    sequence = r.steps.get(tensor)
    if sequence is None or len(after) < 2 or isinstance(after[0], int) or after[1] != sequence.shape[1]:
        return None
    inner, wanted = ([size for size in sizes if isinstance(size, int)] for sizes in (sequence.shape[2:], after[2:]))
    if len(inner) < len(sequence.shape) - 2 or len(wanted) < len(after) - 2 or math.prod(inner) != math.prod(wanted):
        return None
    if wanted == inner:
        return sequence
    if len(wanted) == 1:
        return r.steps[r.layer("Flatten", tensor)]
    return r.layer("Reshape", sequence, target_shape=tuple(after[1:]))


def _unshaped(tensor: KerasTensor) -> KerasTensor:
    """The tensor of which layers, which leave the batch as it is, made this one by reshaping."""
    while isinstance(tensor.call.layer, (layers.Flatten, layers.Reshape)):
        tensor = tensor.call.input_tensors[0]
    return tensor


# --- Flatten before Dense ----------------------------------------------------------


def flat_rows(r: Raiser, value: Value) -> tuple[KerasTensor, np.ndarray]:
    """An image flattened as its tensor lies, and the place in the flattened value of each element there."""
    flat = r.flattened[value]
    held = r.held(flat.source)
    sizes = flat.source.shape[1:]
    places = np.arange(math.prod(sizes)).reshape(sizes)
    rows = places.transpose([axis - 1 for axis in held.order[1:]]).reshape(-1)
    return r.flattened_tensor(value, held.tensor), rows
