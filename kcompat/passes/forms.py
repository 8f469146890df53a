"""Values under other orders of their axes: what the layout pass keeps while it rewrites a graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np

from ..ir import Builder, Constant, Graph, Node, Parameter, Value
from ..ir.types import Dim
from ..operators.shape import INFER, KEEP

Perm = tuple[int, ...]
"""Axis i of what is held is axis perm[i] of the value."""


def turned(rank: int, target: str) -> Perm:
    """The form that holds a value of the other layout as the target has it."""
    if rank < 3:
        return plain_form(rank)
    return (0, rank - 1, *range(1, rank - 1)) if target == "channels_first" else (0, *range(2, rank), 1)


def plain_form(rank: int) -> Perm:
    return tuple(range(rank))


class Relayout:
    """A graph on its way: the new builder, and in which forms it holds the values of the old graph."""

    def __init__(self, graph: Graph, target: str, moved_inputs: Collection[Value], wanted: set[Value]) -> None:
        self.b = Builder()
        self.target = target
        self.forms: dict[Value, dict[Perm, Value]] = {}
        self.preferred: dict[Value, Perm] = {}
        self.mixed: dict[Value, tuple[Value, Mixed]] = {}
        self.fixed: set[Value] = set()
        self.wanted = wanted
        for value in graph.inputs:
            self._enter(value, value in moved_inputs)

    def _enter(self, value: Value, moved: bool) -> None:
        perm = turned(value.rank, self.target)
        if moved:
            shape = [value.shape[axis] for axis in perm]
            self.hold(value, perm, self.b.input(value.type.with_shape(shape), value.name))
            return
        self.hold(value, plain_form(value.rank), self.b.input(value.type, value.name))
        if value in self.wanted:
            self.form(value, perm)
            self.preferred[value] = perm

    # --- what is held --------------------------------------------------------------

    def hold(self, value: Value, perm: Perm, new: Value) -> None:
        """Say that `new` is the value in this form."""
        self.forms.setdefault(value, {})[perm] = new
        self.preferred.setdefault(value, perm)

    def is_fixed(self, value: Value) -> bool:
        """Whether the value does not depend on the inputs, so that turning it costs nothing at run time."""
        return isinstance(value, (Constant, Parameter)) or value in self.fixed

    def natural(self, value: Value) -> Perm:
        """The form in which the value is best read."""
        return self.preferred.get(value, plain_form(value.rank))

    def plain(self, value: Value) -> Value:
        return self.form(value, plain_form(value.rank))

    def form(self, value: Value, perm: Perm) -> Value:
        """The value in a form; elements are moved if it is not held so."""
        held = self.forms.setdefault(value, {})
        if not held:
            held[plain_form(value.rank)] = self._unmixed(value) if value in self.mixed else value
        if perm not in held:
            source = plain_form(value.rank) if plain_form(value.rank) in held else next(iter(held))
            held[perm] = self.moved(held[source], tuple(source.index(axis) for axis in perm))
        return held[perm]

    def moved(self, x: Value, perm: Perm) -> Value:
        """A transposition, or a reshape where only axes of size one change places."""
        if perm == plain_form(x.rank):
            return x
        if isinstance(x, Constant):
            return Constant(np.transpose(x.data, perm), x.name)
        shape = _reshape_target(x.shape, perm)
        return self.b.transpose(x, perm=perm) if shape is None else self.b.reshape(x, shape=shape)

    def _unmixed(self, value: Value) -> Value:
        x, mixed = self.mixed[value]
        lead = (KEEP,) * (value.rank - 1)
        stored = [mixed.sizes[axis] for axis in mixed.order]
        split = self.b.reshape(x, shape=(*lead, *stored))
        back = [value.rank - 1 + mixed.order.index(axis) for axis in range(len(stored))]
        ordered = self.b.transpose(split, perm=(*range(value.rank - 1), *back))
        return self.b.reshape(ordered, shape=(*lead, x.shape[-1]))

    # --- emitting ------------------------------------------------------------------

    def emit(self, node: Node, inputs: Iterable[Value | None], **attrs: Any) -> tuple[Value, ...]:
        """The node on other operands, with some attributes changed."""
        operands = list(inputs)
        results = self.b.apply(node.op, *operands, **{**node.attrs, **attrs})
        if all(value is None or self.is_fixed(value) for value in node.inputs) and node.inputs:
            self.fixed.update(node.outputs)
        return results if isinstance(results, tuple) else (results,)

    def give(self, node: Node, results: Sequence[Value], *perms: Perm) -> None:
        """Hold a node's results, each in its form; the last form counts for all that follow."""
        for place, (old, new) in enumerate(zip(node.outputs, results, strict=True)):
            self.hold(old, perms[min(place, len(perms) - 1)], new)

    def common(self, values: Sequence[Value], rank: int, wanted: bool) -> Perm:
        """The form in which the fewest of several operands of one rank must be moved."""
        moving = [v for v in values if v.rank == rank and not self.is_fixed(v)]
        forms = list(dict.fromkeys(self.natural(v) for v in moving)) or [plain_form(rank)]
        target = turned(rank, self.target)

        def cost(perm: Perm) -> tuple[int, int]:
            moves = sum(perm not in self.forms.get(v, {plain_form(rank): v}) and _is_large(v) for v in moving)
            return moves, (perm != target) if wanted else forms.index(perm)

        return min(forms, key=cost)

    def aligned(self, value: Value, perm: Perm) -> Value:
        """An operand that broadcasts, under the form `perm` of the result."""
        missing = len(perm) - value.rank
        if not missing:
            return self.form(value, perm)
        if perm == plain_form(len(perm)) or value.rank == 0:
            return self.plain(value)
        full = (*range(missing), *(missing + axis for axis in range(value.rank)))
        x = self.plain(value)
        if isinstance(x, Constant):
            x = Constant(x.data.reshape((1,) * missing + x.data.shape), x.name)
        else:
            x = self.b.expand_dims(x, axes=tuple(range(missing)))
        assert len(full) == len(perm)
        return self.moved(x, perm)


class Mixed:
    """The last axis of a value, whose positions come in another order.

    It counts through axes of `sizes` in row-major order; what is held counts through them in `order`.
    """

    def __init__(self, sizes: Sequence[int], order: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.order = tuple(order)

    @property
    def places(self) -> np.ndarray:
        """Position j of what is held is position places[j] of the value."""
        count = np.arange(int(np.prod(self.sizes)))
        return count.reshape(self.sizes).transpose(self.order).ravel()


def _is_large(value: Value) -> bool:
    """Whether there is more than one element per sample, so that turning it is work."""
    return any(dim != 1 for dim in value.shape[1:])


def _reshape_target(shape: Sequence[Dim], perm: Perm) -> tuple[int, ...] | None:
    """The target of the reshape that a transposition amounts to, None where elements must move."""
    long = [axis for axis in perm if shape[axis] != 1]
    if long != sorted(long):
        return None
    target = [_kept(shape[axis], axis == place) for place, axis in enumerate(perm)]
    return tuple(target) if target.count(INFER) <= 1 else None


def _kept(dim: Dim, in_place: bool) -> int:
    if isinstance(dim, int):
        return dim
    return KEEP if in_place else INFER
