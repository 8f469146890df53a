"""Products between features and heads, whichever way elements are moved before and behind them.

Exporters write the projections of attention as products of flattened steps, of all three at once, or with steps in
front of the batch. Which element comes from where is found by moving the numbers of the elements, for a small batch.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kcompat.errors import KcompatError
from kcompat.ir import Constant, Node, Value
from kcompat.ir.graph import Result

from .raiser import Raiser, first

_MOVES = ("transpose", "reshape", "squeeze", "expand_dims", "gather", "slice", "concat")


@dataclass(frozen=True)
class Projection:
    """A map between features and heads: its operand or result, kernel and bias with an axis for the heads.

    between: the nodes of which none is needed where a layer does all of it.
    """

    value: Value
    kernel: np.ndarray
    bias: np.ndarray | None
    between: tuple[Node, ...] = ()


def into_heads(r: Raiser, value: Value) -> Projection | None:
    """How (batch, steps, heads, size) is made of (batch, steps, features)."""
    path, source = _back(value)
    dense = source.producer if isinstance(source, Result) and source.producer.op.name == "dense" else None
    if dense is None:
        return None
    kernel, bias = (r.known(operand) for operand in dense.inputs[1:])
    if kernel is None or (dense.inputs[2] is not None and bias is None):
        return None
    for x, entry in _sources(first(dense)):
        columns = _columns(x, entry, path, kernel.shape[1], value) if x.rank == 3 else None
        if columns is not None:
            return Projection(x, kernel[:, columns], None if bias is None else bias[columns])
    return None


def out_of_heads(r: Raiser, value: Value) -> Projection | None:
    """How (batch, steps, features) is made of (batch, steps, heads, size)."""
    path, dense = _forth(r, value, "dense")
    kernel, bias = (None, None) if dense is None else (r.known(operand) for operand in dense.inputs[1:])
    if dense is None or kernel is None or (dense.inputs[2] is not None and bias is None):
        return None
    places = _rows(value, path, kernel.shape[0])
    if places is None:
        return None
    steps, order, shape = places
    ordered = np.empty_like(kernel)
    ordered[order] = kernel
    for result, exit_ in _results(r, dense.outputs[0]):
        numbers = np.arange(math.prod(shape) * kernel.shape[1]).reshape(*shape, kernel.shape[1])
        moved = _moved(numbers, exit_)
        if (
            moved is not None
            and moved.shape[:-1] == _concrete(value)[:2]
            and _is_in_order(moved, steps, kernel.shape[1])
        ):
            heads = ordered.reshape(*_concrete(value)[2:], -1)
            return Projection(result, heads, bias, (*path, dense, *exit_[:-1]))
    return None


# --- paths of moves ----------------------------------------------------------------


def _is_move(node: Node) -> bool:
    return node.op.name in _MOVES and all(isinstance(value, Constant) for value in node.inputs[1:])


def _back(value: Value) -> tuple[list[Node], Value]:
    """The moves that make a value, in their order, and what they start from."""
    path: list[Node] = []
    while isinstance(value, Result) and _is_move(value.producer):
        path.insert(0, value.producer)
        value = first(value.producer)
    return path, value


def _sources(value: Value) -> Iterator[tuple[Value, list[Node]]]:
    """Each value from which moves make this one, with the moves, nearest first."""
    path: list[Node] = []
    yield value, path
    while isinstance(value, Result) and _is_move(value.producer):
        path, value = [value.producer, *path], first(value.producer)
        yield value, path


def _forth(r: Raiser, value: Value, op: str) -> tuple[list[Node], Node | None]:
    """The moves to the one node of an operator that reads a value."""
    path: list[Node] = []
    while r.is_read_once(value):
        user = r.users[value][0]
        if user.op.name == op and user.inputs[0] is value:
            return path, user
        if not _is_move(user):
            break
        path.append(user)
        value = user.outputs[0]
    return path, None


def _results(r: Raiser, value: Value) -> Iterator[tuple[Value, list[Node]]]:
    """Each value that moves alone make of this one, with the moves, nearest first."""
    path: list[Node] = []
    yield value, path
    while r.is_read_once(value) and _is_move(r.users[value][0]):
        path = [*path, r.users[value][0]]
        value = path[-1].outputs[0]
        yield value, path


# --- where elements go -------------------------------------------------------------


def _concrete(value: Value) -> tuple[int, ...]:
    """A value's shape with a small size for the batch. Raises ValueError for other open sizes."""
    if not all(isinstance(size, int) for size in value.shape[1:]):
        raise ValueError
    batch = value.shape[0]
    return (batch if isinstance(batch, int) else 2, *value.shape[1:])


def _numbered(value: Value) -> np.ndarray | None:
    """The numbers of a value's elements."""
    try:
        shape = _concrete(value)
    except ValueError:
        return None
    return np.arange(math.prod(shape)).reshape(shape)


def _moved(numbers: np.ndarray | None, path: Iterable[Node]) -> np.ndarray | None:
    for node in path:
        if numbers is None:
            return None
        known = [value.data for value in node.inputs[1:] if isinstance(value, Constant)]
        try:
            numbers = node.op.meaning(numbers, *known, **node.attrs)
        except (KcompatError, ValueError, IndexError):  # sizes that do not fit a small batch
            return None
    return numbers


def _columns(x: Value, entry: Sequence[Node], path: Sequence[Node], width: int, value: Value) -> np.ndarray | None:
    """The column of the product that each head and place in it has, if every step is made of the same step of x."""
    given = _moved(_numbered(x), entry)
    if given is None:
        return None
    features = x.shape[2]
    rows = given.reshape(-1, features)
    if not np.array_equal(rows, rows[:, :1] + np.arange(features)) or np.any(rows[:, 0] % features):
        return None
    made = _moved(np.arange(len(rows) * width).reshape(*given.shape[:-1], width), path)
    if made is None or made.ndim != 4 or made.shape[:2] != _concrete(x)[:2]:
        return None
    row, columns = made // width, made % width
    steps = np.arange(row[..., 0, 0].size).reshape(row.shape[:2])
    same = np.all(row == row[:, :, :1, :1]) and np.all(columns == columns[:1, :1])
    return columns[0, 0] if same and np.array_equal(rows[row[..., 0, 0], 0] // features, steps) else None


def _rows(value: Value, path: Sequence[Node], width: int) -> tuple[np.ndarray, np.ndarray, tuple[int, ...]] | None:
    """What the rows of a product are made of: the step of each, the place of each element in it, and their shape."""
    moved = _moved(_numbered(value), path)
    if moved is None or moved.shape[-1] != width or math.prod(_concrete(value)[2:]) != width:
        return None
    rows = moved.reshape(-1, width)
    steps, places = rows // width, rows % width
    if np.any(steps != steps[:, :1]) or np.any(places != places[:1]):
        return None
    return steps[:, 0], places[0], moved.shape[:-1]


def _is_in_order(moved: np.ndarray, steps: np.ndarray, width: int) -> bool:
    """Whether a result has the steps in their order, and the columns of the product in theirs."""
    rows = moved.reshape(-1, moved.shape[-1])
    whole = moved.shape[-1] == width and np.array_equal(rows % width, np.broadcast_to(np.arange(width), rows.shape))
    return whole and np.array_equal(steps[rows[:, 0] // width], np.arange(len(rows)))
