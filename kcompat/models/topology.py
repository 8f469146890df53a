"""Orders the layer calls of a functional model as Keras does, without recursion."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ArgumentError
from ..layers.base import Layer
from ..layers.symbolic import Call, KerasTensor


def order_calls(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[list[Call], list[Layer]]:
    """Calls in an order in which they can run, and layers in Keras's order.

    Layers are sorted by depth (the longest way to an output), deepest first, equal depths by
    the order in which a depth-first walk from the outputs meets them. Source: `map_graph` in
    keras/src/ops/function.py. Raises ArgumentError if an output does not depend on the inputs alone.
    """
    calls, first_met = _walk(inputs, outputs)
    call_depth, layer_depth = _depths(calls)
    for tensor in inputs:
        if tensor.call not in call_depth and tensor.call.is_input:
            call_depth[tensor.call] = layer_depth[tensor.call.layer] = 0
            first_met[tensor.call.layer] = -1
            calls.insert(0, tensor.call)
    layers = sorted(layer_depth, key=lambda layer: (-layer_depth[layer], first_met[layer]))
    return calls, layers


def _walk(inputs: Sequence[KerasTensor], outputs: Sequence[KerasTensor]) -> tuple[list[Call], dict[Layer, int]]:
    """Post-order of the calls that the outputs need, and when each layer was first met."""
    given = set(inputs)
    ordered: list[Call] = []
    finished: set[Call] = set()
    first_met: dict[Layer, int] = {}
    for output in outputs:
        stack = [(output, False)]
        while stack:
            tensor, expanded = stack.pop()
            call = tensor.call
            if expanded:
                finished.add(call)
                ordered.append(call)
            elif call in finished or (tensor in given and not call.is_input):
                continue
            else:
                _check_source(tensor, given)
                first_met.setdefault(call.layer, len(first_met))
                stack.append((tensor, True))
                stack.extend((source, False) for source in reversed(call.input_tensors))
    return ordered, first_met


def _check_source(tensor: KerasTensor, given: set[KerasTensor]) -> None:
    if tensor.call.is_input and tensor not in given:
        raise ArgumentError(
            f"graph disconnected: {tensor.call.layer} is needed and is not among the model's inputs "
            f"({', '.join(t.name for t in given)})"
        )


def _depths(calls: list[Call]) -> tuple[dict[Call, int], dict[Layer, int]]:
    """Longest way to an output, of each call and of each layer over all its calls."""
    inside = set(calls)
    call_depth: dict[Call, int] = {}
    layer_depth: dict[Layer, int] = {}
    for call in reversed(calls):
        depth = max(call_depth.setdefault(call, 0), layer_depth.get(call.layer, 0))
        call_depth[call] = layer_depth[call.layer] = depth
        for tensor in call.input_tensors:
            if tensor.call in inside:
                call_depth[tensor.call] = max(depth + 1, call_depth.get(tensor.call, 0))
    return call_depth, layer_depth


def check_distinct_names(layers: Sequence[Layer]) -> None:
    """Raises ArgumentError if two layers share a name."""
    seen: dict[str, Layer] = {}
    for layer in layers:
        if seen.setdefault(layer.name, layer) is not layer:
            raise ArgumentError(f"two layers are named '{layer.name}'; names in a model must be distinct")
