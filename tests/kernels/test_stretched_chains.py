"""Chains over short rows, some of whose operands have one element for a row."""

from __future__ import annotations

import numpy as np
import pytest
from engines import ENGINES

from kcompat.executor import Executor
from kcompat.ir import Builder, Graph, TensorType
from kcompat.reference import evaluate

SHAPES = [(7, 5, 64), (300, 10), (2, 3, 4, 1, 9), (1030, 3), (40, 255)]


def case(shape: tuple[int, ...]) -> tuple[Graph, list[np.ndarray]]:
    """where(x > m, (x - m) * scale, f): m by row, scale by column, f booleans by row."""
    rng = np.random.default_rng(len(shape))
    b = Builder()
    row = (*shape[:-1], 1)
    x, m = b.input(TensorType("float32", shape)), b.input(TensorType("float32", row))
    scale, f = b.input(TensorType("float32", shape[-1:])), b.input(TensorType("bool", row))
    y = b.mul(b.sub(x, m), scale)
    y = b.where(b.logical_and(b.greater(x, m), f), y, b.neg(y))
    sizes = [shape, row, shape[-1:]]
    arrays = [rng.normal(size=size).astype(np.float32) for size in sizes]
    return b.build([y]), [*arrays, rng.random(row) > 0.3]


@pytest.mark.parametrize("engine", ["compiled", "two_threads", "lanes_8"])
@pytest.mark.parametrize("shape", SHAPES)
def test_rows(shape: tuple[int, ...], engine: str) -> None:
    graph, arrays = case(shape)
    (expected,) = evaluate(graph, arrays)
    (result,) = ENGINES[engine].run(graph, arrays)
    np.testing.assert_array_equal(result, expected)


def test_rows_go_together() -> None:
    graph, arrays = case((300, 10))
    program = Executor(graph).program([array.shape for array in arrays])
    assert program is not None
    assert {tuple(step.arguments[:2]) for step in program.steps} == {(1, 3000)}  # type: ignore[union-attr]


@pytest.mark.parametrize("engine", ["compiled", "two_threads", "lanes_8"])
@pytest.mark.parametrize("shape", [(40, 6, 32), (5, 200, 3), (3, 7, 9, 11)])
def test_rows_that_come_again(shape: tuple[int, ...], engine: str) -> None:
    """x * cosines + flags, which are the same for all of an axis in the middle."""
    rng = np.random.default_rng(len(shape))
    b = Builder()
    again = (*shape[:-2], 1, shape[-1])
    x, cosines = b.input(TensorType("float32", shape)), b.input(TensorType("float32", again))
    flags = b.input(TensorType("bool", again))
    graph = b.build([b.where(flags, b.mul(x, cosines), x)])
    arrays = [rng.normal(size=size).astype(np.float32) for size in (shape, again)]
    arrays.append(rng.random(again) > 0.3)
    (result,) = ENGINES[engine].run(graph, arrays)
    np.testing.assert_array_equal(result, evaluate(graph, arrays)[0])
