"""Clamps in the store of the product before them, however they are written."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kcompat.executor import Executor
from kcompat.ir import Graph, TensorType
from kcompat.layers.emitter import Emitter
from kcompat.passes.pipelines import optimize
from kcompat.reference import evaluate

BOUNDS = (-math.inf, -1.0, 0.0, 0.5, math.inf)
SHAPE = (3, 8)


def graph_of(clamp: Callable[[Emitter, Any], Any]) -> Graph:
    b = Emitter()
    x = b.input(TensorType("float32", SHAPE))
    w = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    return b.build([clamp(b, b.dense(x, w, np.linspace(-1, 1, 16, dtype=np.float32)))])


def check(graph: Graph, names: list[str]) -> None:
    assert [node.op.name for node in optimize(graph).nodes] == names
    x = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    x[1, 2] = np.nan
    np.testing.assert_allclose(Executor(graph)([x])[0], evaluate(graph, [x])[0], rtol=1e-5, atol=1e-6)


def test_bounds_that_are_operands_clamp_like_attributes() -> None:
    def clamp(b: Emitter, y: Any) -> Any:
        return b.minimum(b.maximum(-0.5, y), np.full((1, 1), 0.75, np.float32))

    check(graph_of(clamp), ["fused_dense"])
    (node,) = optimize(graph_of(clamp)).nodes
    assert (node.attrs["low"], node.attrs["high"]) == (-0.5, 0.75)


@pytest.mark.parametrize("first", list(itertools.product(BOUNDS, BOUNDS)))
def test_two_clamps(first: tuple[float, float]) -> None:
    """One after another in either order, also where the lower bound is above the upper one."""
    for low, high in itertools.product(BOUNDS, BOUNDS):

        def clamp(b: Emitter, y: Any, low: float = low, high: float = high) -> Any:
            y = b.minimum(b.maximum(y, first[0]), first[1])
            return b.minimum(b.maximum(y, low), high)

        graph = graph_of(clamp)
        assert optimize(graph).nodes[0].op.name == "fused_dense"
        x = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
        np.testing.assert_allclose(Executor(graph)([x])[0], evaluate(graph, [x])[0], rtol=1e-5, atol=1e-6)


def test_what_is_no_clamp_stays() -> None:
    bounds = np.linspace(-1, 1, 16, dtype=np.float32)
    check(graph_of(lambda b, y: b.maximum(y, bounds)), ["dense", "chain"])
    check(graph_of(lambda b, y: b.maximum(y, math.nan)), ["dense", "chain"])
    check(graph_of(lambda b, y: b.minimum(y, np.zeros((1, 1, 1), np.float32))), ["dense", "chain"])
