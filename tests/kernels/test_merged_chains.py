"""Chains with several results, which variables become in place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engines import ENGINES

from kcompat.executor import Executor
from kcompat.ir import Builder, Graph, TensorType, Variable
from kcompat.reference import evaluate

COMPILED = ["compiled", "two_threads", "lanes_8", "lanes_4"]
SHAPE = (70, 41)
Emit = Callable[[Builder, Any, Any, Any], tuple[Any, Any]]


def moving(b: Builder, g: Any, m: Any, w: Any) -> tuple[Any, Any]:
    """A mean of gradients, and the weight that it moves."""
    new = b.add(m, b.mul(b.sub(g, m), 0.1))
    return new, b.sub(w, b.div(new, b.add(b.sqrt(b.abs(new)), 0.5)))


def reading_the_old(b: Builder, g: Any, m: Any, w: Any) -> tuple[Any, Any]:
    """The weight's move reads the mean as it was, after the new one has been computed."""
    new = b.mul(b.add(m, g), 0.5)
    return new, b.sub(w, b.mul(new, m))


def exchanging(b: Builder, g: Any, m: Any, w: Any) -> tuple[Any, Any]:
    """Each becomes what the other's old value makes of it."""
    new = b.add(w, g)
    return new, b.sub(m, b.mul(new, 0.25))


def case(emit: Emit) -> tuple[Graph, list[Variable]]:
    rng = np.random.default_rng(0)
    variables = [Variable(name, SHAPE) for name in ("m", "w")]
    for variable in variables:
        variable.assign(rng.normal(size=SHAPE))
    b = Builder()
    m, w = (b.parameter(variable) for variable in variables)
    results = emit(b, b.input(TensorType("float32", SHAPE)), m, w)
    for variable, result in zip(variables, results, strict=True):
        b.update(variable, result)
    return b.build([b.reduce_sum(w, axes=(0, 1))]), variables


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("emit", [moving, reading_the_old, exchanging])
def test_variables_that_one_chain_makes(emit: Emit, engine: str) -> None:
    g = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    expected, wanted = case(emit)
    graph, variables = case(emit)
    for _ in range(3):
        evaluate(expected, [g])
        ENGINES[engine].run(graph, [g])
    for variable, other in zip(variables, wanted, strict=True):
        np.testing.assert_allclose(variable.value, other.value, rtol=1e-5, atol=1e-6)


def test_one_step_makes_both() -> None:
    graph, _ = case(moving)
    program = Executor(graph).program([SHAPE])
    assert program is not None
    assert [len(step.writes) for step in program.steps if "update" in step.label] == [2]  # type: ignore[union-attr]
