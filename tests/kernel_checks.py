"""What tests of kernels have in common: graphs on compiled kernels against the operators' meanings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from engines import sharing_all_steps

from kcompat.executor import Executor
from kcompat.ir import TensorType, Value
from kcompat.ir.types import ir_dtype
from kcompat.layers.emitter import Emitter
from kcompat.plan.program import HostStep
from kcompat.reference import evaluate

LANES = (16, 8, 4)


def random(seed: int, *shape: int, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def check(build: Callable[..., Any], *arrays: np.ndarray, lanes: int) -> str:
    """Holds what `build(emitter, *inputs)` gives to its meaning, and two threads to one; the labels of the steps."""
    b = Emitter()
    made = build(b, *(b.input(TensorType(ir_dtype(array), array.shape)) for array in arrays))
    graph = b.build([made] if isinstance(made, Value) else list(made))
    executor = Executor(graph, lanes=lanes)
    program = executor.program([array.shape for array in arrays])
    assert program is not None
    assert [step.node.op.name for step in program.steps if isinstance(step, HostStep)] == []
    alone, expected = executor(arrays), evaluate(graph, arrays)
    with sharing_all_steps(2):
        shared = Executor(graph, lanes=lanes)(arrays)
    for ours, other, meaning in zip(alone, shared, expected, strict=True):
        assert ours.tobytes() == other.tobytes()
        np.testing.assert_allclose(ours, meaning, rtol=1e-4, atol=1e-5)
    return " ".join(step.label for step in program.steps if not isinstance(step, HostStep))
