"""Operators on each element of one tensor or of several."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat import layers
from kcompat.ir import Node, Value
from kcompat.ir.graph import Result
from kcompat.ir.types import is_float

from .masks import masked_mean, masking
from .names import scope_of
from .normal import normalization
from .raiser import Order, Raiser, first, raises

_MERGES = {"add": "Add", "sub": "Subtract", "mul": "Multiply", "maximum": "Maximum", "minimum": "Minimum"}
"""Operators on two tensors that are layers."""

_PAIRS = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "div": "divide",
    "maximum": "maximum",
    "minimum": "minimum",
    "pow": "power",
    "floor_div": "floor_divide",
    "mod": "mod",
    "fmod": "fmod",
    "atan2": "arctan2",
    "equal": "equal",
    "not_equal": "not_equal",
    "less": "less",
    "less_equal": "less_equal",
    "greater": "greater",
    "greater_equal": "greater_equal",
    "logical_and": "logical_and",
    "logical_or": "logical_or",
}
"""Operators on two tensors -> functions of `keras.ops`."""

_SINGLES = {
    "abs": "absolute",
    "neg": "negative",
    "sqrt": "sqrt",
    "rsqrt": "rsqrt",
    "square": "square",
    "round": "round",
    "reciprocal": "reciprocal",
    "log": "log",
    "erf": "erf",
    "expm1": "expm1",
    "log1p": "log1p",
    "floor": "floor",
    "ceil": "ceil",
    "sign": "sign",
    "logical_not": "logical_not",
    "sin": "sin",
    "cos": "cos",
    "tan": "tan",
    "sinh": "sinh",
    "cosh": "cosh",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arcsinh",
    "acosh": "arccosh",
    "atanh": "arctanh",
}
"""Operators on one tensor -> functions of `keras.ops`."""


@raises(*_SINGLES)
def single(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    if node.op.name == "neg" and is_float(held.tensor.dtype):
        y = r.layer("Rescaling", held.tensor, scale=-1.0)
    else:
        y = r.op(_SINGLES[node.op.name], held.tensor)
    r.bind(node.outputs[0], y, held.order)


@raises("is_inf")
def is_inf(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    positive, negative = node.attrs["positive"], node.attrs["negative"]
    function = "isinf" if positive and negative else "isposinf" if positive else "isneginf"
    r.bind(node.outputs[0], r.op(function, held.tensor), held.order)


@raises("clip")
def clip(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    low, high = node.attrs["low"], node.attrs["high"]
    if low == 0 and high is not None and high > 0 and is_float(held.tensor.dtype):
        y = r.layer("ReLU", held.tensor, max_value=high)
    else:
        y = r.op("clip", held.tensor, x_min=low, x_max=high)
    r.bind(node.outputs[0], y, held.order)


@raises("cast", "float_to_int")
def cast(r: Raiser, node: Node) -> None:
    held = r.held(first(node))
    if held.tensor.dtype == node.attrs["dtype"]:
        r.bind(node.outputs[0], held.tensor, held.order)
    else:
        r.bind(node.outputs[0], r.op("cast", held.tensor, result_dtype=node.attrs["dtype"]), held.order)


# --- several tensors ---------------------------------------------------------------


def common_order(r: Raiser, values: Sequence[Value | None], rank: int) -> Order | None:
    """The order of the largest of the tensors of full rank; None if one has another rank."""
    tensors = [value for value in values if value is not None and r.known(value) is None]
    if any(value.rank != rank for value in tensors):
        return None
    largest = max(tensors, key=lambda value: sum(size != 1 for size in value.shape))
    return r.held(largest).order


def in_order(r: Raiser, value: Value | None, order: Order) -> Any:
    """A tensor in this order, or the elements of a known value as they broadcast to it."""
    assert value is not None
    array = r.known(value)
    if array is None:
        return r.tensor(value, order)
    if array.ndim == 0:
        return array
    return array.reshape((1,) * (len(order) - array.ndim) + array.shape).transpose(order)


@raises(*_PAIRS)
def pair(r: Raiser, node: Node) -> None:
    """A layer for two tensors, or for a tensor and numbers that are one for all or one a channel; else an operation."""
    if node.op.name == "div" and (normalization(r, node) or masked_mean(r, node)):
        return
    y = node.outputs[0]
    order = common_order(r, node.inputs, y.rank) or tuple(range(y.rank))
    x1, x2 = (
        in_order(r, value, order)
        if (value is not None and value.rank == y.rank) or r.known(value) is not None
        else None
        for value in node.inputs
    )
    if x1 is None or x2 is None:  # of another rank
        order = tuple(range(y.rank))
        x1, x2 = (r.operand(value) for value in node.inputs)
    r.bind(y, _paired(r, node, x1, x2), order)


def _paired(r: Raiser, node: Node, x1: Any, x2: Any) -> Any:
    arrays = [x for x in (x1, x2) if isinstance(x, np.ndarray)]
    op, dtype = node.op.name, node.inputs[0].dtype  # type: ignore[union-attr]
    if arrays and is_float(dtype):
        layer = _with_array(r, node, x1, x2)
        if layer is not None:
            return layer
    if not arrays and is_float(dtype) and op in _MERGES and _merges(x1.shape, x2.shape):
        return r.layer(_MERGES[op], _all_merged(r, node, x1, x2))
    if op == "div" and not is_float(dtype):
        return _whole_quotient(r, x1, x2)
    return r.op(_PAIRS[op], *map(_as_number, (x1, x2)))


def _all_merged(r: Raiser, node: Node, x1: Any, x2: Any) -> list[Any]:
    """Both tensors; in place of the first those of which a node of the same path has made it, for nothing else."""
    before, made = x1.call.layer, getattr(node.inputs[0], "producer", None)
    same = type(before).__name__ == _MERGES[node.op.name] and node.op.name != "sub" and made is not None
    if not same or not scope_of(node) or scope_of(node) != scope_of(made) or not r.is_read_once(first(node)):
        return [x1, x2]
    if x1.shape != x2.shape:
        return [x1, x2]
    r.names.release(before.name)
    return [*x1.call.input_tensors, x2]


def _averaged(r: Raiser, tensor: Any, scale: float) -> Any:
    """The mean of tensors that were added, where a factor makes their sum one; else None."""
    added = tensor.call.input_tensors if isinstance(tensor.call.layer, layers.Add) else []
    return r.layer("Average", list(added)) if added and math.isclose(scale * len(added), 1, rel_tol=1e-6) else None


def _rescaled(r: Raiser, node: Node, tensor: Any, scale: float, offset: float) -> Any:
    """Rescaling; one with the factor that a node of the same path has put before an offset."""
    before, value = tensor.call.layer, next(v for v in node.inputs if v is not None and r.known(v) is None)
    made = getattr(value, "producer", None)
    joined = isinstance(before, layers.Rescaling) and made is not None and scope_of(made) == scope_of(node) != ""
    if joined and scale == 1 and before.offset == 0 and r.is_read_once(value):
        r.names.release(before.name)
        return r.layer("Rescaling", tensor.call.input_tensors[0], scale=before.scale, offset=offset)
    return r.layer("Rescaling", tensor, scale=scale, offset=offset)


def _merges(first: Sequence[Any], second: Sequence[Any]) -> bool:
    """Whether a merging layer takes these shapes: one rank, and one size of batch."""
    return len(first) == len(second) > 1 and (first[0] == second[0])


def _as_number(x: Any) -> Any:
    return x.item() if isinstance(x, np.ndarray) and x.ndim == 0 and x.dtype.kind in "if" else x


def _whole_quotient(r: Raiser, x1: Any, x2: Any) -> Any:
    """Integers rounded toward zero, by the quotient of their magnitudes."""
    size = r.op("floor_divide", *(r.op("absolute", x, suffix="size") for x in (x1, x2)), suffix="quotient")
    sign = r.op("multiply", *(r.op("sign", x, suffix="sign") for x in (x1, x2)), suffix="signs")
    return r.op("multiply", size, sign)


# --- a tensor and known numbers ----------------------------------------------------


def _with_array(r: Raiser, node: Node, x1: Any, x2: Any) -> Any:
    """The layer for an array that is one number, or one number for each channel; None if there is none."""
    op = node.op.name
    first = isinstance(x1, np.ndarray)
    array, tensor = (x1, x2) if first else (x2, x1)
    source = node.inputs[0 if first else 1]
    if len(tensor.shape) < 1 or array.ndim > len(tensor.shape):
        return None
    terms = _terms(op, array, first)
    if terms is None:
        return None
    scale, offset = terms
    if array.size == 1:
        if array.ndim and tensor.shape[0] == 1 and array.ndim > len(tensor.shape):
            return None
        numbers = float(scale.reshape(())), float(offset.reshape(()))
        mean = _averaged(r, tensor, numbers[0]) if numbers[1] == 0 else None
        return _rescaled(r, node, tensor, *numbers) if mean is None else mean
    if array.ndim != len(tensor.shape) or any(
        size not in (1, dim) for size, dim in zip(array.shape, tensor.shape, strict=True)
    ):
        return None
    axes = [axis for axis, size in enumerate(array.shape) if size != 1]
    if source in r.learned and axes[0] > 0:
        before = _scaled_before(r, node, tensor, axes) if op in ("add", "sub") and not first else None
        if before is not None:
            tensor, scale = before
        return _scaled_axes(r, tensor, axes, scale, offset if op in ("add", "sub") else None)
    if axes != [array.ndim - 1]:
        return None
    scale, offset = (np.broadcast_to(x, array.shape).reshape(-1) for x in (scale, offset))
    return r.layer("Rescaling", tensor, scale=scale.tolist(), offset=offset.tolist())


def _terms(op: str, array: np.ndarray, first: bool) -> tuple[np.ndarray, np.ndarray] | None:
    """Scale and offset that do the same as the operator with an array; `first`: in front of the tensor."""
    one, zero = np.ones((), array.dtype), np.zeros((), array.dtype)
    if op == "add":
        return one, array
    if op == "sub":
        return (-one, array) if first else (one, -array)
    if op == "mul":
        return array, zero
    if op == "div" and not first and np.all(array != 0):
        return one / array, zero
    return None


def _scaled_before(r: Raiser, node: Node, tensor: Any, axes: list[int]) -> tuple[Any, np.ndarray] | None:
    """What a layer has multiplied by factors of channels, and the factors, if nothing else reads the product."""
    layer = tensor.call.layer
    value = next((v for v in node.inputs if v is not None and r.known(v) is None), None)
    made = value.producer if isinstance(value, Result) else None
    if not isinstance(layer, layers.EinsumDense) or made is None or made.op.name != "mul" or not layer.trainable:
        return None
    if layer.bias_axes is not None or value is None or not r.is_read_once(value) or axes != [len(tensor.shape) - 1]:
        return None
    kernel = layer.kernel.value
    if kernel.shape != tensor.shape[-1:]:
        return None
    r.names.release(layer.name)
    return tensor.call.input_tensors[0], kernel.reshape([1] * axes[0] + [-1])


def _scaled_axes(r: Raiser, tensor: Any, axes: list[int], scale: np.ndarray, offset: np.ndarray | None) -> Any:
    """Factors, or terms, that lie along some axes, as weights."""
    letters = "abcdefg"[: len(tensor.shape)]
    factors = [len(letters) - 1] if offset is not None else axes
    sizes = [tensor.shape[axis] for axis in factors]
    return r.layer(
        "EinsumDense",
        tensor,
        weights=(
            np.broadcast_to(scale.reshape([scale.shape[axis] for axis in axes] if scale.ndim else ()), sizes),
            None if offset is None else offset.reshape(offset.shape[axes[0] :]),
        ),
        equation=f"{letters},{''.join(letters[axis] for axis in factors)}->{letters}",
        output_shape=tensor.shape[1:],
        bias_axes=None if offset is None else "".join(letters[axis] for axis in axes),
    )


@raises("where")
def where(r: Raiser, node: Node) -> None:
    y = node.outputs[0]
    masked = masking(r, node)
    if masked is not None:
        r.bind(y, masked)
        return
    ranks = {value.rank for value in node.inputs if value is not None and r.known(value) is None}
    order = common_order(r, node.inputs, y.rank) if ranks == {y.rank} else None
    if order is None:
        r.bind(y, r.op("where", *(_as_number(r.operand(value)) for value in node.inputs)))
        return
    operands = [_as_number(in_order(r, value, order)) for value in node.inputs]
    r.bind(y, r.op("where", *operands), order)
