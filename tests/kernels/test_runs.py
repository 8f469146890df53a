"""What works on a few rows of the batch at a time: which nodes do, and that nothing else comes out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from engines import compiled, one_row_at_a_time, sharing_all_steps

from kcompat.executor import Executor
from kcompat.ir import Graph, TensorType, Value
from kcompat.layers.emitter import Emitter
from kcompat.plan import parts
from kcompat.plan.program import Program, Step, runs_of
from kcompat.plan.text import program_text
from kcompat.reference import evaluate

BATCH, SHAPE = 16, (12, 12, 24)


def images(count: int = BATCH) -> np.ndarray:
    return np.random.default_rng(7).normal(size=(count, *SHAPE)).astype(np.float32)


def graph_of(emit: Callable[[Emitter, Value], list[Value]]) -> Graph:
    b = Emitter()
    return b.build(emit(b, b.input(TensorType("float32", ("batch", *SHAPE)))))


def convolved(b: Emitter, x: Value) -> Value:
    w = np.random.default_rng(1).normal(size=(3, 3, 24, 24)).astype(np.float32) * 0.1
    return b.conv(x, w, strides=(1, 1), pads="same", dilations=(1, 1), groups=1, layout="channels_last")


def network(b: Emitter, x: Value) -> list[Value]:
    """Two outputs, of which the first is read further; a dense whose weights are more than its images."""
    first = b.relu(convolved(b, x))
    second = b.add(b.sigmoid(convolved(b, first)), first)
    w = np.random.default_rng(2).normal(size=(12 * 12 * 24, 40)).astype(np.float32) * 0.02
    return [first, b.softmax(b.dense(b.reshape(second, shape=(-1, 12 * 12 * 24)), w), axes=(1,))]


def runs(graph: Graph, batch: int = BATCH) -> list[Program]:
    """What runs again and again."""
    program = Executor(graph).program([(batch, *SHAPE)])
    assert program is not None
    assert all(isinstance(step, Step) for step in program.steps)
    return [only for repeated in map(runs_of, program.steps) if repeated is not None for only in repeated.programs]


def rows(graph: Graph, batch: int = BATCH) -> list[int]:
    """How many rows of the batch each of them works on."""
    return [int(program.inputs[0].shape[0]) for program in runs(graph, batch)]


@pytest.fixture
def small_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "CACHE_BYTES", 96 * 1024)


@pytest.mark.usefixtures("small_caches")
def test_images_that_leave_the_caches_run_a_few_at_a_time() -> None:
    graph = graph_of(network)
    (repeated,) = runs(graph)
    assert rows(graph) == [2]
    assert not [step for step in repeated.steps if isinstance(step, Step) and "dense" in step.label]
    alone = Executor(graph)([images()])
    with sharing_all_steps(2):
        shared = Executor(graph)([images()])
    for one, other, expected in zip(alone, shared, evaluate(graph, [images()]), strict=True):
        assert one.tobytes() == other.tobytes()
        np.testing.assert_allclose(one, expected, 1e-4, 1e-5)


@pytest.mark.usefixtures("small_caches")
def test_the_memory_of_a_run_is_not_that_of_the_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    (repeated,) = runs(graph_of(network))
    monkeypatch.setattr(parts, "CACHE_BYTES", 1 << 30)
    whole = Executor(graph_of(network)).program([(BATCH, *SHAPE)])
    assert whole is not None
    assert repeated.arena * 4 < whole.arena


@pytest.mark.usefixtures("small_caches")
def test_a_batch_that_does_not_divide_runs_row_by_row() -> None:
    assert rows(graph_of(network), 17) == [1]


def test_what_fits_the_caches_runs_as_a_whole() -> None:
    assert not runs(graph_of(network))
    assert not runs(graph_of(network), 1)


def attended(b: Emitter, x: Value, samples: int) -> list[Value]:
    """Attention of twelve heads, with a mask for so many samples."""
    seen = np.random.default_rng(3).random((samples, 1, 12, 12)) < 0.7
    x = b.relu(x)
    return [b.add(b.attention(x, x, x, seen, scale=0.2), x)]


@pytest.mark.usefixtures("small_caches")
def test_attention_runs_a_few_samples_at_a_time_unless_its_mask_is_of_the_whole_batch() -> None:
    for samples, count in ((1, 1), (BATCH, 0)):
        graph = graph_of(partial(attended, samples=samples))
        labels = [step.label for repeated in runs(graph) for step in repeated.steps if isinstance(step, Step)]
        assert sum("attention" in label for label in labels) == count
        (ours,), (expected,) = Executor(graph)([images()]), evaluate(graph, [images()])
        np.testing.assert_allclose(ours, expected, 1e-4, 1e-5)


def cut(b: Emitter, x: Value, start: int | None, stop: int | None, step: int = 1) -> Value:
    return b.slice(x, axes=(0,), starts=(start,), stops=(stop,), steps=(step,))


def exchanged(b: Emitter, x: Value) -> Value:
    quarters = b.transpose(b.reshape(x, shape=(4, 4, *SHAPE)), perm=(1, 0, 2, 3, 4))
    return b.reshape(quarters, shape=(BATCH, *SHAPE))


MIXING: dict[str, Callable[[Emitter, Value], Value]] = {
    "softmax over rows": lambda b, x: b.softmax(x, axes=(0,)),
    "mean of rows": lambda b, x: b.sub(x, b.reduce_mean(x, axes=(0,), keepdims=True)),
    "rows moved": lambda b, x: b.concat(cut(b, x, 1, None), cut(b, x, 0, 1), axis=0),
    "rows turned round": lambda b, x: cut(b, x, None, None, -1),
    "rows exchanged": exchanged,
    "a constant for each row": lambda b, x: b.mul(x, np.linspace(0, 1, BATCH, dtype=np.float32)[:, None, None, None]),
}


@pytest.mark.parametrize("name", MIXING)
def test_what_mixes_rows_sees_all_of_them(name: str) -> None:
    """Between two nodes that do not, and that run row by row."""
    graph = graph_of(lambda b, x: [b.abs(convolved(b, MIXING[name](b, b.relu(convolved(b, x)))))])
    with one_row_at_a_time():
        assert set(rows(graph)) <= {1}
        actual = compiled(threads=2)(graph, [images()])
    np.testing.assert_allclose(actual[0], evaluate(graph, [images()])[0], 1e-4, 1e-5)


@pytest.mark.usefixtures("small_caches")
def test_the_plan_says_what_runs_how_often() -> None:
    graph = graph_of(network)
    executor = Executor(graph)
    program = executor.program([(BATCH, *SHAPE)])
    assert program is not None
    lines = program_text(program, executor.optimized([(BATCH, *SHAPE)])).splitlines()
    assert "8 runs of 2 rows" in lines[0]
    assert lines[1].startswith("       0  ")
    assert any("bytes for each thread" in line for line in lines)
