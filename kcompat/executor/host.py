"""Steps that run their operator's NumPy meaning between kernel calls."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..ir import TensorType
from ..ir.types import numpy_name
from ..plan.program import Address, HostStep
from ..reference import run_node


def run_host(step: HostStep, arena: np.ndarray, arrays: Sequence[np.ndarray], outputs: Sequence[np.ndarray]) -> None:
    """Run a node on what is in the arena (bytes), in constants and in the arrays of a call."""

    def view(address: Address, type: TensorType) -> np.ndarray:
        """The array at a place."""
        buffer, dtype = address.buffer, np.dtype(numpy_name(type.dtype))
        if buffer.kind == "arena":
            memory, offset = arena, buffer.place + address.offset
        else:
            owner = {"input": arrays, "output": outputs}.get(buffer.kind)
            memory = buffer.array if owner is None else owner[buffer.place]  # type: ignore[assignment]
            offset = address.offset
        return np.ndarray(type.shape, dtype, memory.data if memory.flags.c_contiguous else memory, offset)  # type: ignore[arg-type]

    operands = [None if item is None else view(*item) for item in step.inputs]
    with np.errstate(all="ignore"):
        results = run_node(step.node, operands)
    for result, (address, type) in zip(results, step.outputs, strict=True):
        view(address, type)[...] = result
