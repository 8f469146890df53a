"""Kernels that training steps need, against the NumPy meanings: no step is left to the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engines import ENGINES

from kcompat.errors import InputError
from kcompat.executor import Executor
from kcompat.ir import Builder, Graph, Variable
from kcompat.ir.types import TensorType, ir_dtype
from kcompat.plan.program import HostStep
from kcompat.reference import evaluate

COMPILED = ["compiled", "two_threads", "lanes_8", "lanes_4"]
RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 4, 6)).astype(np.float32)
LABELS = RNG.integers(0, 6, (3, 5, 4))


def graph_of(make: Callable[..., Any], arrays: list[np.ndarray]) -> Graph:
    b = Builder()
    made = make(b, *[b.input(TensorType(ir_dtype(array), array.shape)) for array in arrays])
    return b.build(list(made) if isinstance(made, (list, tuple)) else [made])


def hosts(graph: Graph) -> list[str]:
    program = Executor(graph).program([value.shape for value in graph.inputs])
    assert program is not None
    return [step.node.op.name for step in program.steps if isinstance(step, HostStep)]


def check(make: Callable[..., Any], arrays: list[np.ndarray], engine: str, tolerance: float = 1e-4) -> None:
    graph = graph_of(make, arrays)
    assert hosts(graph) == []
    for actual, expected in zip(ENGINES[engine].run(graph, arrays), evaluate(graph, arrays), strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=tolerance, atol=0.1 * tolerance)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("op", ["argmax", "argmin"])
def test_places_of_extremes(op: str, axis: int, engine: str) -> None:
    x = np.round(X)
    x[1, 2, 3, 4] = x[0, 1, 2, 0] = np.nan
    check(lambda b, x: getattr(b, op)(x, axis=axis), [x], engine, 0)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("dtype", ["int32", "int64", "uint32"])
@pytest.mark.parametrize("op", ["add", "sub", "mul"])
def test_whole_numbers_wrap_around(op: str, dtype: str, engine: str) -> None:
    limits = np.iinfo(dtype)
    x = RNG.integers(limits.min, limits.max, 7, dtype)
    one = np.array(limits.max, dtype)
    with np.errstate(over="ignore"):
        check(lambda b, x, y, z: [getattr(b, op)(*p) for p in ((x, x), (x, y), (z, x))], [x, one, one], engine, 0)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_classes(dtype: str, engine: str) -> None:
    labels = LABELS.astype(dtype)
    check(lambda b, y, x: b.sparse_softmax_cross_entropy(y, x), [labels, X * 20], engine)
    check(lambda b, y: b.one_hot(b.sub(y, 2), depth=3), [labels], engine, 0)


@pytest.mark.parametrize("engine", COMPILED)
def test_sigmoid_cross_entropy(engine: str) -> None:
    labels = RNG.random(X.shape, np.float32)
    check(lambda b, y, x: b.sigmoid_cross_entropy(y, x), [labels, X * 30], engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("shape", [(1,), (2,), (3,), (5, 3), (64, 33)])
def test_random_bits(shape: tuple[int, ...], engine: str) -> None:
    state = np.array([2**32 - 3, 2**31 + 5], np.uint32)
    check(lambda b, x, s: b.random_uniform(x, s), [np.zeros(shape, np.float32), state], engine, 0)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("axes", [(0, 1, 2), (0, 2), (3,), (0, 2, 3)])
def test_moments(axes: tuple[int, ...], engine: str) -> None:
    for keepdims in (False, True):
        check(lambda b, x, k=keepdims: b.moments(x, axes=axes, keepdims=k), [X + 3], engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("op", ["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"])
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions_over_axes_apart(op: str, keepdims: bool, engine: str) -> None:
    for axes in ((0, 2), (1, 3), (0, 1, 3), (-1, 0)):
        check(lambda b, x, a=axes: getattr(b, op)(x, axes=a, keepdims=keepdims), [X], engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("axis", [1, -1])
def test_normalisation_by_computed_statistics(axis: int, engine: str) -> None:
    vectors = [RNG.random(X.shape[axis], np.float32) + 0.1 for _ in range(4)]
    for count in (2, 3, 4):
        check(lambda b, *v: b.batch_norm(*v, axis=axis), [X, *vectors[:count]], engine)


@pytest.mark.parametrize("engine", COMPILED)
@pytest.mark.parametrize("pair", ["xy", "yx", "x0", "1y"])
def test_choices(pair: str, engine: str) -> None:
    def choose(b: Builder, x: Any, y: Any) -> Any:
        values = {"x": x, "y": y, "0": b.constant(0.0, "float32"), "1": b.constant(1.0, "float32")}
        return b.where(b.greater(x, 0.5), *(values[name] for name in pair))

    check(choose, [X, X[::-1].copy()], engine, 0)


class Training:
    """A table of rows that a graph adds what is gathered from it to: (count,) indices below `size`."""

    def __init__(self, axis: int, dtype: str) -> None:
        self.table = Variable("table", (5, 3, 4))
        self.table.assign(RNG.normal(size=(5, 3, 4)))
        self.axis, self.dtype = axis, dtype

    def graph(self, shape: tuple[int, ...]) -> Graph:
        b = Builder()
        indices = b.input(TensorType(self.dtype, shape))
        x = b.parameter(self.table)
        places = b.reshape(b.cast(indices, dtype="int32") if self.dtype == "float32" else indices, shape=(-1,))
        rows = b.gather(x, places, axis=self.axis)
        b.update(self.table, b.add(x, b.gather_gradient(rows, places, x, axis=self.axis)))
        return b.build([rows])


@pytest.mark.parametrize("dtype", ["int32", "int64", "float32"])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_gathering_while_the_table_changes(axis: int, dtype: str) -> None:
    training = Training(axis, dtype)
    indices = RNG.integers(0, 3, (4, 2)).astype(dtype)
    graph = training.graph(indices.shape)
    assert hosts(graph) == []
    before = training.table.numpy()
    expected = evaluate(graph, [indices])
    after = training.table.numpy()
    training.table.assign(before)
    np.testing.assert_array_equal(Executor(graph)([indices])[0], expected[0])
    np.testing.assert_allclose(training.table.value, after, rtol=1e-5)
    assert not np.array_equal(before, after)


@pytest.mark.parametrize("wrong", [-1, 5])
def test_no_variable_changes_where_an_index_is_wrong(wrong: int) -> None:
    training = Training(0, "int32")
    executor = Executor(training.graph((3,)))
    before = training.table.numpy()
    with pytest.raises(InputError, match=str(wrong)):
        executor([np.array([0, wrong, 1], np.int32)])
    np.testing.assert_array_equal(training.table.value, before)
    executor([np.array([0, 4, 1], np.int32)])
    assert not np.array_equal(training.table.value, before)
