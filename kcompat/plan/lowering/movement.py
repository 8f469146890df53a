"""Elements moved without change: transposes, slices, concatenation, padding."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ...ir import Node, Value
from ...operators.window import Pairs
from ..planner import Planner, dtype_of, lowers
from ..program import Address, kernel, product

AXES = 8
MATRIX, MATRICES = 2, 6
"""Axes of a matrix and of a step's many."""
FEW = 8
"""Rows or columns that are taken apart or put together in registers, at most."""
BYTES = 8.0
"""Moved per nanosecond, for estimates of work."""

Axis = tuple[int, int, int]
"""Size, bytes from element to element in the target, in the source."""


def copy(planner: Planner, target: Address, source: Address, axes: Sequence[Axis], size: int, label: str) -> None:
    """Add a copy of elements of `size` bytes."""
    axes = _merged([axis for axis in axes if axis[0] != 1])
    if size == 4 and _turned(planner, target, source, axes, label):
        return
    if size == 1 and len(axes) > 1 and axes[-1][0] < min(FEW, axes[-2][0]) and axes[-1][1:] != (1, 1):
        axes[-2:] = axes[:-3:-1]
    padded = [(1, 0, 0)] * (AXES - len(axes)) + axes
    count = product([axis[0] for axis in axes])
    planner.step(
        kernel("moves.copy"),
        [target, source, size, *(number for axis in padded for number in axis)],
        reads=[source, target],
        writes=[target],
        work=count * size / BYTES,
        label=label,
    )


def _turned(planner: Planner, target: Address, source: Address, axes: list[Axis], label: str) -> bool:
    """Add a copy as one of transposed matrices; False if it is none, or of rows too short."""
    lanes = planner.target.lanes
    if not MATRIX <= len(axes) <= MATRIX + MATRICES or axes[-1][1] != 4:
        return False
    place = next((place for place, axis in enumerate(axes[:-1]) if axis[2] == 4 and axis[1] > 0), None)
    if place is None or axes[-1][2] < 4:
        return False
    (rows, row_step, _), (columns, _, column_step) = axes[place], axes[-1]
    outer = [axis for number, axis in enumerate(axes[:-1]) if number != place]
    if columns <= FEW and row_step == 4 * columns and rows >= lanes:
        key = kernel("transposes.few", count=columns, lanes=lanes, joins=1)
    elif rows <= FEW and column_step == 4 * rows and columns >= lanes:
        key = kernel("transposes.few", count=rows, lanes=lanes, joins=0)
    else:
        lanes = next((width for width in (16, 8, 4) if width <= min(rows, columns, lanes)), 0)
        if not lanes:
            return False
        key = kernel("transposes.turn", lanes=lanes)
    matrices = [(1, 0, 0)] * (MATRICES - len(outer)) + outer
    count = product([axis[0] for axis in axes])
    planner.step(
        key,
        [target, source, rows, columns, row_step, column_step, *(number for axis in matrices for number in axis)],
        reads=[source, target],
        writes=[target],
        work=count * 4 / BYTES,
        label=label,
    )
    return True


def _merged(axes: list[Axis]) -> list[Axis]:
    """The same with neighbouring axes joined where both sides are contiguous across them."""
    merged: list[Axis] = []
    for axis in axes:
        if merged and all(merged[-1][side] == axis[0] * axis[side] for side in (1, 2)):
            axis = (merged.pop()[0] * axis[0], axis[1], axis[2])
        merged.append(axis)
    return merged


def copy_bytes(planner: Planner, target: Address, source: Address, count: int) -> None:
    """Add a copy of contiguous bytes."""
    size = 8 if count % 8 == 0 else 4 if count % 4 == 0 else 1
    copy(planner, target, source, [(count // size, size, size)], size, "copy")


def strides_of(shape: Sequence[int], size: int) -> list[int]:
    """Bytes from element to element along each axis of a contiguous array."""
    strides = [size] * len(shape)
    for axis in range(len(shape) - 2, -1, -1):
        strides[axis] = strides[axis + 1] * shape[axis + 1]
    return strides


def _shape(value: Value) -> list[int]:
    return [int(size) for size in value.shape]


def _sides(planner: Planner, node: Node) -> tuple[Value, Value, Address, Address, int] | None:
    """Operand and result, their places and the bytes of an element; None if no kernel can copy them."""
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    size = dtype_of(x).itemsize
    if max(x.rank, y.rank) > AXES or dtype_of(x).hasobject or 0 in y.shape or 0 in x.shape:
        return None
    source, target = planner.place(x), planner.place(y)
    assert isinstance(source, Address)
    assert isinstance(target, Address)
    return x, y, source, target, size


@lowers("transpose")
def transpose(planner: Planner, node: Node) -> bool:
    sides = _sides(planner, node)
    if sides is None:
        return False
    x, y, source, target, size = sides
    before, after = strides_of(_shape(x), size), strides_of(_shape(y), size)
    axes = [(_shape(y)[i], after[i], before[axis]) for i, axis in enumerate(node.attrs["perm"])]
    copy(planner, target, source, axes, size, f"transpose {node.attrs['perm']}")
    return True


@lowers("broadcast_to")
def broadcast_to(planner: Planner, node: Node) -> bool:
    sides = _sides(planner, node)
    if sides is None:
        return False
    x, y, source, target, size = sides
    shape = [1] * (y.rank - x.rank) + _shape(x)
    before, after = strides_of(shape, size), strides_of(_shape(y), size)
    axes = [
        (n, after[i], 0 if shape[i] == 1 else before[i]) for i, n in enumerate(_shape(y))
    ]  # fmt: skip
    copy(planner, target, source, axes, size, "broadcast")
    return True


@lowers("slice")
def slice_(planner: Planner, node: Node) -> bool:
    sides = _sides(planner, node)
    if sides is None:
        return False
    x, y, source, target, size = sides
    attrs = node.attrs
    before, after = strides_of(_shape(x), size), strides_of(_shape(y), size)
    steps = list(before)
    for axis, start, stop, step in zip(attrs["axes"], attrs["starts"], attrs["stops"], attrs["steps"], strict=True):
        axis %= x.rank
        first, _, stride = slice(start, stop, step).indices(_shape(x)[axis])
        source += first * before[axis]
        steps[axis] = before[axis] * stride
    axes = [(n, after[i], steps[i]) for i, n in enumerate(_shape(y))]
    copy(planner, target, source, axes, size, "slice")
    return True


@lowers("concat")
def concat(planner: Planner, node: Node) -> bool:
    y = node.outputs[0]
    size = dtype_of(y).itemsize
    if y.rank > AXES or dtype_of(y).hasobject:
        return False
    axis, target = node.attrs["axis"] % y.rank, planner.place(y)
    assert isinstance(target, Address)
    after = strides_of(_shape(y), size)
    for value in node.inputs:
        assert value is not None
        source = planner.place(value)
        assert isinstance(source, Address)
        if 0 not in value.shape:
            before = strides_of(_shape(value), size)
            copy(planner, target, source, [*zip(_shape(value), after, before, strict=True)], size, "concat")
        target += _shape(value)[axis] * after[axis]
    return True


@lowers("pad")
def pad_node(planner: Planner, node: Node) -> bool:
    sides = _sides(planner, node)
    pads = node.attrs["pads"]
    if sides is None or any(low < 0 or high < 0 for low, high in pads):
        return False
    if node.attrs["mode"] != "constant":
        return _pad_with_own(planner, node, *sides)
    x, _, source, target, size = sides
    value = planner.constant(np.array([node.attrs["value"]], dtype_of(x)))
    pad_into(planner, target, source, _shape(x), pads, size, value)
    return True


def _pad_with_own(
    planner: Planner, node: Node, x: Value, y: Value, source: Address, target: Address, size: int
) -> bool:
    """Copies of the elements and, around them, of those at the edges; False if they repeat more than once."""
    mode, before, after = node.attrs["mode"], strides_of(_shape(x), size), strides_of(_shape(y), size)
    own = {"reflect": 1, "symmetric": 0, "edge": 0}[mode]
    if mode != "edge" and any(max(pair) > n - own for n, pair in zip(_shape(x), node.attrs["pads"], strict=True)):
        return False
    turn = 0 if mode == "edge" else -1
    regions = []
    for n, (low, high) in zip(_shape(x), node.attrs["pads"], strict=True):
        nearest = 0 if mode == "edge" else low - 1 + own
        parts = [(low, 0, nearest, turn), (n, low, 0, 1), (high, low + n, n - 1 - own, turn)]
        regions.append([part for part in parts if part[0]])
    for region in itertools.product(*regions):
        first = sum(part[1] * stride for part, stride in zip(region, after, strict=True))
        taken = sum(part[2] * stride for part, stride in zip(region, before, strict=True))
        sizes = [(part[0], to, part[3] * of) for part, to, of in zip(region, after, before, strict=True)]
        copy(planner, target + first, source + taken, sizes, size, f"pad {mode}")
    return True


def pad(planner: Planner, x: Value, pads: Pairs) -> tuple[Address, list[int]]:
    """A channels-last float32 image with zeros around its spatial axes; where it is and its spatial sizes."""
    source, shape = planner.place(x), _shape(x)
    assert isinstance(source, Address)
    if not any(low or high for low, high in pads):
        return source, shape[1:-1]
    wide = [(0, 0), *pads, (0, 0)]
    padded = [low + n + high for n, (low, high) in zip(shape, wide, strict=True)]
    target = planner.scratch(4 * product(padded))
    pad_into(planner, target, source, shape, wide, 4, planner.constant(planner.packs.zeros(1).data))
    return target, padded[1:-1]


def pad_into(
    planner: Planner,
    target: Address,
    source: Address,
    shape: Sequence[int],
    pads: Sequence[tuple[int, int]],
    size: int,
    value: Address,
) -> None:
    """Add a copy with elements of `size` bytes around it; axes without any are one with that before them."""
    axes: list[tuple[int, int, int]] = []
    for n, (low, high) in zip(shape, pads, strict=True):
        if axes and not low and not high:
            total, before, inside = axes.pop()
            axes.append((total * n, before * n, inside * n))
        else:
            axes.append((low + n + high, low, n))
    planner.step(
        kernel("moves.pad"),
        [target, source, value, size, *itertools.chain(*[(1, 0, 1)] * (AXES - len(axes)), *axes)],
        reads=[source, value],
        writes=[target],
        work=product([axis[0] for axis in axes]) * size / BYTES,
        label="pad",
    )
