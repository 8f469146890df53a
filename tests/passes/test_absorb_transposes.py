"""Dense products make their images in the layout that is asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import operators as operators
from kcompat.ir import Builder, Graph, TensorType, Value, verify
from kcompat.passes.absorb_transposes import absorb_transposes
from kcompat.reference import evaluate

X = np.random.default_rng(0).normal(size=(2, 5)).astype(np.float32)


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).uniform(0.5, 1.5, shape).astype(np.float32)


def images(between: Any, shared: bool = False) -> Graph:
    """A dense of 24 columns, what lies between, then images (3, 4, 2) with their channels put first."""
    b = Builder()
    x = b.input(TensorType("float32", ("batch", 5)))
    rows = between(b, b.dense(x, numbers(5, 24), numbers(24)))
    image = b.transpose(b.reshape(rows, shape=(-2, 3, 4, 2)), perm=(0, 3, 1, 2))
    return b.build([image, rows] if shared else [image])


def normalized(b: Builder, rows: Value) -> Value:
    y: Value = b.relu(b.batch_norm(rows, numbers(24), numbers(24), None, numbers(24)), negative_slope=0.1)
    return y


@pytest.mark.parametrize(
    "between",
    [
        lambda b, rows: rows,
        lambda b, rows: b.prelu(b.mul(rows, 2.0), numbers(24)),
        normalized,
    ],
)
def test_the_columns_move(between: Any) -> None:
    graph = images(between)
    absorbed = verify(absorb_transposes(graph))
    assert "transpose" not in [node.op.name for node in absorbed.nodes]
    np.testing.assert_array_equal(evaluate(absorbed, [X])[0], evaluate(graph, [X])[0])


@pytest.mark.parametrize(
    "graph",
    [images(lambda b, rows: rows, shared=True), images(lambda b, rows: b.softmax(rows))],
    ids=["read elsewhere", "works along the columns"],
)
def test_what_must_stay(graph: Graph) -> None:
    absorbed = verify(absorb_transposes(graph))
    assert "transpose" in [node.op.name for node in absorbed.nodes]
    np.testing.assert_array_equal(evaluate(absorbed, [X])[0], evaluate(graph, [X])[0])
