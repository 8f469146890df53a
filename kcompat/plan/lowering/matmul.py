"""Products of two activations: matmul and einsum of two operands."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...ir import Node, Value
from ..planner import Planner, lowers
from ..program import Address, product
from .dense import add_product
from .movement import AXES, copy, strides_of
from .tiles import choose_tile, pack_step


@lowers("matmul")
def matmul(planner: Planner, node: Node) -> bool:
    """As an einsum: axes that an operand repeats are left out of its term."""
    x, y = node.inputs
    assert x is not None
    assert y is not None
    if x.rank < 2 or y.rank < 2 or x.dtype != "float32":
        return False
    result = node.outputs[0]
    stack = [chr(ord("a") + axis) for axis in range(result.rank - 2)]
    left = "KM" if node.attrs["transpose_a"] else "MK"
    right = "NK" if node.attrs["transpose_b"] else "KN"
    terms = []
    for value, matrix in ((x, left), (y, right)):
        aligned = stack[len(stack) - (value.rank - 2) :]
        terms.append([*aligned, *matrix])
    return _product(planner, (x, y), terms, [*stack, "M", "N"], result)


@lowers("einsum")
def einsum(planner: Planner, node: Node) -> bool:
    if len(node.inputs) != 2 or node.outputs[0].dtype != "float32":
        return False
    x, y = node.inputs
    assert x is not None
    assert y is not None
    operands, result = node.attrs["equation"].split("->")
    terms = [list(term) for term in operands.split(",")]
    if any(len(set(term)) != len(term) for term in (*terms, result)):
        return False
    return _product(planner, (x, y), terms, list(result), node.outputs[0])


class _Operand:
    """A tensor as a product reads it: named axes, sizes and bytes from element to element."""

    def __init__(self, planner: Planner, value: Value, letters: Sequence[str]) -> None:
        place = planner.place(value)
        assert isinstance(place, Address)
        self.place = place
        sizes = [int(size) for size in value.shape]
        axes = zip(letters, sizes, strides_of(sizes, 4), strict=True)
        self.axes = {letter: (size, stride) for letter, size, stride in axes if size != 1}

    def group(self, letters: Sequence[str]) -> tuple[int, int] | None:
        """Size and stride of several axes as one; None if they are not one."""
        size, stride = 1, 0
        for letter in reversed(letters):
            if letter in self.axes:
                own, step = self.axes[letter]
                if size != 1 and step != size * stride:
                    return None
                size, stride = size * own, stride if size != 1 else step
        return size, stride

    def arrange(self, planner: Planner, sizes: dict[str, int], letters: Sequence[str]) -> None:
        """Copy, so that the axes lie in this order; axes that it does not have are repeated."""
        shape = [sizes[letter] for letter in letters]
        target = planner.scratch(4 * product(shape))
        after = strides_of(shape, 4)
        axes = [
            (n, after[i], self.axes.get(letter, (1, 0))[1])
            for i, (letter, n) in enumerate(zip(letters, shape, strict=True))
        ]
        copy(planner, target, self.place, axes, 4, "arrange")
        self.place = target
        self.axes = {letter: (n, after[i]) for i, (letter, n) in enumerate(zip(letters, shape, strict=True)) if n != 1}


def _product(
    planner: Planner, values: tuple[Value, Value], terms: Sequence[Sequence[str]], result: Sequence[str], y: Value
) -> bool:
    left, right = (_Operand(planner, value, term) for value, term in zip(values, terms, strict=True))
    sizes = {letter: size for operand in (left, right) for letter, (size, _) in operand.axes.items()}
    sizes |= {letter: 1 for term in terms for letter in term if letter not in sizes}
    in_left, in_right = left.axes.keys(), right.axes.keys()
    named = [letter for letter in result if sizes[letter] != 1]
    summed = [letter for letter in terms[0] if letter in in_left and letter in in_right and letter not in result]
    if any(letter not in summed and letter not in result for letter in (*in_left, *in_right)) or len(named) > AXES:
        return False
    batch = [letter for letter in named if letter in in_left and letter in in_right]
    rows = [letter for letter in named if letter in in_left and letter not in in_right]
    columns = [letter for letter in named if letter in in_right and letter not in in_left]
    if not _fits(left, batch, rows, summed) or not _has_neighbours(left, rows, summed):
        left.arrange(planner, sizes, [*batch, *rows, *summed])
    if not _fits(right, batch, columns, summed):
        right.arrange(planner, sizes, [*batch, *summed, *columns])
    _multiply(planner, left, right, (batch, rows, columns, summed), sizes, named, y)
    return True


def _fits(operand: _Operand, *groups: Sequence[str]) -> bool:
    return all(operand.group(group) is not None for group in groups)


def _has_neighbours(operand: _Operand, *groups: Sequence[str]) -> bool:
    """Whether elements of one of the groups lie side by side, or are but one."""
    return any((operand.group(group) or (0, 0))[1] in (0, 4) for group in groups)


def _multiply(
    planner: Planner,
    left: _Operand,
    right: _Operand,
    groups: tuple[Sequence[str], ...],
    sizes: dict[str, int],
    named: Sequence[str],
    y: Value,
) -> None:
    batch, rows, columns, summed = groups
    (matrices, x_step), (m, x_stride), (_, spacing) = (left.group(group) or (1, 0) for group in (batch, rows, summed))
    (_, w_step), (n, w_column), (depth, w_row) = (right.group(group) or (1, 0) for group in (batch, columns, summed))
    tile = choose_tile(m, planner.target.lanes, n, x_stride // 4)
    panels = -(-n // tile.width)
    packed = pack_step(planner, right.place, depth, n, tile.width, (w_row, w_column), matrices, w_step)
    order = [*batch, *rows, *columns]
    target = planner.place(y)
    assert isinstance(target, Address)
    made = target if order == list(named) else planner.scratch(4 * product(y.shape))
    zeros = planner.constant(planner.packs.zeros(panels * tile.width).data)
    add_product(
        planner,
        tile,
        places=(left.place, packed, zeros, made, 0),
        sizes=(m, n, depth),
        strides=(x_stride // 4, n, n),
        limits=(-math.inf, math.inf),
        label=f"matmul {matrices}x{m}x{depth}x{n}",
        matrices=(matrices, x_step // 4, panels * tile.width * depth, 0, m * n, m * n),
        spacing=max(spacing // 4, 1),
    )
    if made is not target:
        shape = [sizes[letter] for letter in order]
        before = dict(zip(order, strides_of(shape, 4), strict=True))
        after = strides_of([sizes[letter] for letter in named], 4)
        copy(planner, target, made, [(sizes[a], after[i], before[a]) for i, a in enumerate(named)], 4, "arrange")
