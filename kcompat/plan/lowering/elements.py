"""Elements and slices by index, and the order of elements."""

from __future__ import annotations

from collections.abc import Sequence

from ...ir import Node, Value
from ..planner import Planner, dtype_of, lowers
from ..program import Address, Argument, Key, kernel, product
from .lookup import INDICES, guard_range
from .movement import BYTES, strides_of

SIZES = (1, 4, 8)
"""Bytes of elements that kernels move."""

MOST_AXES = 8
"""As in kernels/elements.py."""

SLOTS = 16
"""As in attention.py."""

COMPARISON = 1.5
"""Nanoseconds, for estimates of work."""


@lowers("gather_elements")
def gather_elements(planner: Planner, node: Node) -> bool:
    x, indices = node.inputs
    assert x is not None
    assert indices is not None
    size, axis = dtype_of(x).itemsize, node.attrs["axis"] % x.rank
    outer, length, inner = _around(x, axis)
    if size not in SIZES or indices.dtype not in INDICES or not guard_range(planner, indices, length):
        return False
    _step(
        planner,
        node,
        kernel("elements.gather", index=indices.dtype, size=size),
        [outer, product(indices.shape[axis : axis + 1]), length, inner],
        (x, indices),
    )
    return True


@lowers("scatter_elements")
def scatter_elements(planner: Planner, node: Node) -> bool:
    x, indices, updates = node.inputs
    assert x is not None
    assert indices is not None
    assert updates is not None
    axis, reduction = node.attrs["axis"] % x.rank, node.attrs["reduction"]
    outer, length, inner = _around(x, axis)
    has_all = all(x.shape[place] == indices.shape[place] for place in range(x.rank) if place != axis)
    if not has_all or not _combines(x, indices, reduction) or not guard_range(planner, indices, length):
        return False
    _step(
        planner,
        node,
        kernel("elements.scatter", index=indices.dtype, size=dtype_of(x).itemsize, reduction=reduction),
        [outer, product(indices.shape[axis : axis + 1]), length, inner],
        (x, indices, updates),
    )
    return True


@lowers("gather_nd")
def gather_nd(planner: Planner, node: Node) -> bool:
    x, indices = node.inputs
    assert x is not None
    assert indices is not None
    batch_dims, size = node.attrs["batch_dims"], dtype_of(x).itemsize
    named = _named(x, indices, batch_dims)
    if named is None or planner.graph.updates or size not in SIZES:
        return False
    rows, batch = product(indices.shape[:-1]), product(x.shape[:batch_dims])
    run = product(x.shape[batch_dims + product(indices.shape[-1:]) :])
    _step(
        planner,
        node,
        kernel("elements.gather_slices", index=indices.dtype, size=size),
        [rows, rows // batch, product(x.shape) // batch, run],
        (x, indices),
        named,
    )
    return True


@lowers("scatter_nd")
def scatter_nd(planner: Planner, node: Node) -> bool:
    x, indices, updates = node.inputs
    assert x is not None
    assert indices is not None
    assert updates is not None
    reduction, named = node.attrs["reduction"], _named(x, indices, 0)
    if named is None or planner.graph.updates or not _combines(x, indices, reduction):
        return False
    _step(
        planner,
        node,
        kernel("elements.scatter_slices", index=indices.dtype, size=dtype_of(x).itemsize, reduction=reduction),
        [product(indices.shape[:-1]), product(x.shape), product(x.shape[product(indices.shape[-1:]) :])],
        (x, indices, updates),
        named,
    )
    return True


@lowers("argsort")
def argsort(planner: Planner, node: Node) -> bool:
    x, y = node.inputs[0], node.outputs[0]
    assert x is not None
    if x.dtype != "float32" or node.attrs["axis"] % x.rank != x.rank - 1:
        return False
    rows, length = product(x.shape[:-1]), product(x.shape[-1:])
    slots = min(SLOTS, rows)
    source, target, scratch = planner.place(x), planner.place(y), planner.scratch(4 * slots * length)
    planner.step(
        kernel("elements.argsort", descending=int(node.attrs["descending"])),
        [target, source, rows, length, scratch, slots],
        reads=[source],
        writes=[target, scratch],
        work=COMPARISON * rows * length * max(length.bit_length(), 4),
        label=f"argsort {rows}x{length}",
    )
    return True


def _around(x: Value, axis: int) -> tuple[int, int, int]:
    """How many elements there are before an axis, along it, and after it."""
    return product(x.shape[:axis]), product(x.shape[axis : axis + 1]), product(x.shape[axis + 1 :])


def _combines(x: Value, indices: Value, reduction: str) -> bool:
    return indices.dtype in INDICES and (dtype_of(x).itemsize in SIZES if reduction == "none" else x.dtype == "float32")


def _named(x: Value, indices: Value, batch_dims: int) -> list[Argument] | None:
    """How many axes a row of indices names, then size and stride, in elements, of each; None if they are too many."""
    depth = product(indices.shape[-1:])
    if depth > MOST_AXES or indices.dtype not in INDICES:
        return None
    sizes = [int(size) for size in x.shape]
    axes = zip(sizes, strides_of(sizes, 1), strict=True)
    named = list(axes)[batch_dims : batch_dims + depth]
    return [depth, *(word for axis in named for word in axis)]


def _step(
    planner: Planner,
    node: Node,
    key: Key,
    counts: Sequence[int],
    operands: Sequence[Value],
    rest: Sequence[Argument] = (),
) -> None:
    """A step whose arguments are places of the result and the operands, counts, the flag, and others."""
    target = planner.place(node.outputs[0])
    places = [planner.place(value) for value in operands]
    elements = max(product(value.shape) for value in (*operands, node.outputs[0]))
    planner.step(
        key,
        [target, *places, *counts, planner.flag(), *rest],
        reads=[place for place in places if isinstance(place, Address)],
        writes=[target],
        work=elements * (4 / BYTES + 1),
        label=f"{node.op.name} of {product(operands[1].shape)}",
    )
