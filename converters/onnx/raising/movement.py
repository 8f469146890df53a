"""Elements in other places: transposes, slices, pads, joins, and what is taken by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import is_float
from kcompat.layers.symbolic import KerasTensor
from kcompat.operators.window import Pairs

from .canonical import Rewriter, idiom
from .elementwise import common_order, in_order
from .masks import makes_mask
from .raiser import Raised, Raiser, first, raises
from .windows import cropped, zero_padding


@raises("transpose")
def transpose(r: Raiser, node: Node) -> None:
    """No layer: the tensor holds the result in another order."""
    held = r.held(first(node))
    r.bind(node.outputs[0], held.tensor, tuple(node.attrs["perm"].index(axis) for axis in held.order))


@raises("concat")
def concat(r: Raiser, node: Node) -> None:
    y = node.outputs[0]
    if len(node.inputs) == 1:
        r.alias(y, first(node))
        return
    order = common_order(r, node.inputs, y.rank)
    assert order is not None
    axis = order.index(node.attrs["axis"] % y.rank)
    parts = [in_order(r, value, order) for value in node.inputs]
    if is_float(y.dtype) and axis > 0 and all(r.known(value) is None for value in node.inputs):
        tensor = r.layer("Concatenate", parts, axis=-1 if axis == y.rank - 1 else axis)
    else:
        tensor = r.op("concatenate", parts, axis=axis)
    r.bind(y, tensor, order)


@raises("slice")
def slice_(r: Raiser, node: Node) -> None:
    """Cropping where a block is left of each spatial axis, else x[...]."""
    x = first(node)
    held = r.held(x)
    bounds = [slice(None)] * x.rank
    for axis, *item in zip(*(node.attrs[name] for name in ("axes", "starts", "stops", "steps")), strict=True):
        bounds[held.place(axis)] = slice(*item)
    if all(_is_whole(item, size) for item, size in zip(bounds, held.tensor.shape, strict=True)):
        r.bind(node.outputs[0], held.tensor, held.order)
        return
    steps = [item.step or 1 for item in bounds]
    ended = [_without_step(*pair) for pair in zip(bounds, held.tensor.shape, strict=True)]
    amounts = _cropped_amounts(held, ended) if min(steps) > 0 and steps[0] == steps[-1] == 1 else None
    if amounts is not None:
        y = cropped(r, held.tensor, amounts) if any(map(any, amounts)) else held.tensor
        if max(steps) > 1:
            y = r.layer(f"MaxPooling{x.rank - 2}D", y, pool_size=1, strides=tuple(steps[1:-1]))
    else:
        y = r.op("get_item", held.tensor, tuple(_plain(item) for item in bounds))
    r.bind(node.outputs[0], y, held.order)


def _is_whole(item: slice, size: int | None) -> bool:
    whole = size is not None and range(size)[item] == range(size)
    return whole or (item.start in (None, 0) and item.stop is None and item.step in (None, 1))


def _without_step(item: slice, size: int | None) -> slice:
    """The positions from the first that is taken to the last, with those between."""
    if size is None or (item.step or 1) < 2:
        return item
    taken = range(size)[item]
    return slice(taken.start, taken[-1] + 1) if taken else item


def _plain(item: slice) -> slice:
    return slice(item.start, item.stop, None if item.step == 1 else item.step)


def _cropped_amounts(held: Raised, bounds: list[slice]) -> tuple[tuple[int, int], ...] | None:
    """What is cut from the ends of the axes between the first and the last, if that is all."""
    sizes = held.tensor.shape
    if not 3 <= len(sizes) <= 5 or not is_float(held.tensor.dtype):
        return None
    if not (_is_whole(bounds[0], sizes[0]) and _is_whole(bounds[-1], sizes[-1])):
        return None
    amounts = []
    for item, size in zip(bounds[1:-1], sizes[1:-1], strict=True):
        if _is_whole(item, size):
            amounts.append((0, 0))
            continue
        if size is None or item.step not in (None, 1):
            return None
        start, stop, _ = item.indices(size)
        amounts.append((start, size - stop))
    return tuple(amounts)


@raises("pad")
def pad(r: Raiser, node: Node) -> None:
    """ZeroPadding for zeros around the axes between the first and the last, else an operation."""
    x = first(node)
    held, mode, value = r.held(x), node.attrs["mode"], node.attrs["value"]
    pads = [node.attrs["pads"][axis] for axis in held.order]
    inner = not any(pads[0]) and not any(pads[-1]) and 3 <= x.rank <= 5
    if inner and mode == "constant" and value == 0 and is_float(x.dtype):
        r.bind(node.outputs[0], zero_padding(r, held.tensor, tuple(pads[1:-1])), held.order)
        return
    tensor = held.tensor
    cut = [(max(-low, 0), max(-high, 0)) for low, high in pads]
    if any(map(any, cut)):
        key = tuple(slice(low or None, -high or None) for low, high in cut)
        tensor = r.op("get_item", tensor, key, suffix="crop")
    added = tuple((max(low, 0), max(high, 0)) for low, high in pads)
    if not any(map(any, added)):
        y = tensor
    elif mode == "edge":
        y = _repeated_edges(r, tensor, added)
    else:
        named = {"constant_values": value} if mode == "constant" else {}
        y = r.op("pad", tensor, pad_width=added, mode=mode, named=named)
    r.bind(node.outputs[0], y, held.order)


def _repeated_edges(r: Raiser, tensor: KerasTensor, pads: Pairs) -> KerasTensor:
    """Padding with the outermost elements, which Keras lacks, as taking them again."""
    for axis, (low, high) in enumerate(pads):
        if low or high:
            size = tensor.shape[axis]
            if size is None:
                raise r.refusal("padding with edges needs sizes that are known; give the model's input_shapes")
            places = np.clip(np.arange(-low, size + high), 0, size - 1).astype(np.int32)
            tensor = r.op("take", tensor, places, axis=axis, suffix="edge")
    return tensor


@idiom("gather")
def gather_from_end(b: Rewriter, node: Node) -> Value | None:
    """x at `where(i < 0, i + size, i)`: operations of Keras count negative positions from the end themselves.

    Embedding does not: it refuses them where it runs.
    """
    wrapped = b.made_by(node.inputs[1], "where")
    if wrapped is None:
        return None
    condition, shifted, plain = wrapped.inputs
    less, total = b.made_by(condition, "less"), b.made_by(shifted, "add")
    if less is None or total is None or less.inputs[0] is not plain or total.inputs[0] is not plain:
        return None
    if not b.is_number(less.inputs[1], 0) or b.number(total.inputs[1]) != first(node).shape[node.attrs["axis"]]:
        return None
    return None if plain is None else b.rewritten("gather", first(node), plain, axis=node.attrs["axis"])


@raises("gather")
def gather(r: Raiser, node: Node) -> None:
    """Embedding for rows of a known matrix, else an operation."""
    x, indices = first(node), node.inputs[1]
    assert indices is not None
    table, axis, places = r.known(x), node.attrs["axis"] % x.rank, r.known(indices)
    if table is not None and table.ndim == 2 and axis == 0 and is_float(x.dtype) and places is None:
        held = r.held(_before_cast(indices))
        options = {"input_dim": table.shape[0], "output_dim": table.shape[1], "mask_zero": makes_mask(r, node)}
        y = r.layer("Embedding", held.tensor, weights=(table,), **options)
        r.bind(node.outputs[0], y, (*held.order, indices.rank))
        return
    if table is None and places is not None and places.ndim == 1:
        held = r.held(x)
        r.bind(node.outputs[0], r.op("take", held.tensor, places, axis=held.place(axis)), held.order)
        return
    if table is None and places is not None and places.ndim == 0:
        _one_position(r, node, axis, int(places))
        return
    r.bind(node.outputs[0], r.op("take", r.operand(x), r.operand(indices), axis=axis))


def _before_cast(indices: Value) -> Value:
    """Indices as they were before they became whole numbers, which Embedding does itself."""
    while isinstance(indices, Result) and indices.producer.op.name in ("cast", "float_to_int"):
        source = first(indices.producer)
        if indices.dtype not in ("int32", "int64") or not source.dtype.startswith(("float", "int")):
            break
        indices = source
    return indices


def _one_position(r: Raiser, node: Node, axis: int, index: int) -> None:
    x = first(node)
    held = r.held(x)
    left = [a for a in range(x.rank) if a != axis]
    order, place, size = tuple(left.index(a) for a in held.order if a != axis), held.place(axis), x.shape[axis]
    if x.rank == 3 and place == 1 and is_float(x.dtype) and isinstance(size, int) and held.tensor.shape[2]:
        index %= size
        y = cropped(r, held.tensor, ((index, size - index - 1),)) if size > 1 else held.tensor
        y = r.layer("Flatten", y)
    else:
        key = tuple(index if a == axis else slice(None) for a in held.order)
        y = r.op("get_item", held.tensor, key)
    r.bind(node.outputs[0], y, order)


@raises("gather_elements")
def gather_elements(r: Raiser, node: Node) -> None:
    operands = [r.operand(value) for value in node.inputs]
    r.bind(node.outputs[0], r.op("take_along_axis", *operands, axis=node.attrs["axis"]))


@raises("tile")
def tile(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    repeats = tuple(node.attrs["repeats"][axis] for axis in held.order)
    r.bind(node.outputs[0], r.op("tile", held.tensor, repeats=repeats), held.order)


@raises("repeat")
def repeat(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    y = r.op("repeat", held.tensor, repeats=node.attrs["count"], axis=held.place(node.attrs["axis"]))
    r.bind(node.outputs[0], y, held.order)


@raises("broadcast_to")
def broadcast_to(r: Raiser, node: Node) -> None:
    """A tensor repeated along axes of size one; along the batch by adding it to zeros that have one."""
    x, y = first(node), node.outputs[0]
    if y.type.is_static and r.known(x) is None:
        r.bind(y, r.op("broadcast_to", r.tensor(x), shape=y.shape))
        return
    if x.rank == y.rank and x.shape == y.shape:
        r.alias(y, x)
        return
    batch = r.graph.inputs[0]
    along = [axis for axis, size in enumerate(y.shape) if batch.shape and size == batch.shape[0] is not None]
    if r.known(x) is None or len(along) != 1 or sum(not isinstance(size, int) for size in y.shape) > 1:
        raise r.refusal(f"repeating {x.type} to {y.type} needs sizes that are known; give the model's input_shapes")
    source = r.raised[batch].tensor
    column = r.op("get_item", source, (slice(None), *[0] * (len(source.shape) - 1)), suffix="column")
    zeros = r.op("zeros_like", column, suffix="zeros", result_dtype=y.dtype)
    place = along[0]
    beside = r.op("reshape", zeros, suffix="reshape", newshape=tuple(-1 if a == place else 1 for a in range(y.rank)))
    array = np.broadcast_to(r.known(x), [1 if a == place else size for a, size in enumerate(y.shape)])  # type: ignore
    r.bind(y, r.op("add", beside, array))


def is_static(shape: tuple[Any, ...]) -> bool:
    return all(isinstance(size, int) for size in shape)


@raises("one_hot")
def one_hot(r: Raiser, node: Node) -> None:
    tensor = r.tensor(first(node))
    r.bind(
        node.outputs[0],
        r.op("one_hot", tensor, num_classes=node.attrs["depth"], result_dtype=node.attrs["dtype"]),
    )
