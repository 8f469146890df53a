"""Where symbolic tensors come from."""

from __future__ import annotations

from ..layers.symbolic import KerasTensor


def get_source_inputs(tensor: KerasTensor) -> list[KerasTensor]:
    """The inputs on which a tensor depends, in the order in which its computation meets them."""
    found: dict[KerasTensor, None] = {}
    seen: set[KerasTensor] = set()
    stack = [tensor]
    while stack:
        current = stack.pop()
        if current in seen:
            continue
        seen.add(current)
        if current.call.is_input:
            found[current] = None
        stack.extend(reversed(current.call.input_tensors))
    return list(found)
