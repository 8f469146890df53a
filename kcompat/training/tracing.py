"""People's own functions of tensors, made of `kcompat.ops`, as IR."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..ir import Value
from ..layers.emitter import Emitter
from ..layers.input import InputLayer
from ..layers.symbolic import Call, KerasTensor, public_shape
from ..tree import flatten, map_structure


def trace(b: Emitter, function: Callable[..., Any], *operands: Value) -> Value:
    """What a Python function of tensors gives for Values: it is called once, with KerasTensors.

    Raises ArgumentError if it does not give a tensor.
    """
    tensors = [_placeholder(value, index) for index, value in enumerate(operands)]
    result = function(*tensors)
    if isinstance(result, (int, float, np.ndarray, np.generic)):
        return b.constant(np.asarray(result, np.float32))
    if not isinstance(result, KerasTensor):
        raise ArgumentError(f"{function!r} must give one tensor made with kcompat.ops, received {result!r}")
    known = dict(zip(tensors, operands, strict=True))
    for call in _needed(result, known):
        args, kwargs = map_structure(
            lambda leaf: known[leaf] if isinstance(leaf, KerasTensor) else leaf, (call.args, call.kwargs)
        )
        known.update(zip(call.output_tensors, flatten(b.call(call.layer, *args, **kwargs)), strict=True))
    return known[result]


def _placeholder(value: Value, index: int) -> KerasTensor:
    return InputLayer(batch_shape=public_shape(value.type), dtype=value.dtype, name=f"operand_{index}").tensor


def _needed(result: KerasTensor, known: dict[KerasTensor, Value]) -> list[Call]:
    """The calls that make a tensor of known ones, in an order in which they can run."""
    ordered: dict[Call, None] = {}
    stack = [(result, False)]
    while stack:
        tensor, ready = stack.pop()
        if tensor in known or tensor.call in ordered:
            continue
        if ready:
            ordered[tensor.call] = None
            continue
        stack.append((tensor, True))
        stack.extend((source, False) for source in tensor.call.input_tensors)
    return list(ordered)
