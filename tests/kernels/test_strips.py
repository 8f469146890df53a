"""What works on a few rows of an image at a time: which nodes do, and that nothing else comes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from engines import one_row_at_a_time, sharing_all_steps, strips_of

from kcompat.executor import Executor
from kcompat.ir import Graph, TensorType, Value
from kcompat.layers.emitter import Emitter
from kcompat.plan import strips
from kcompat.plan.program import Runs, Step, runs_of
from kcompat.plan.text import program_text
from kcompat.reference import evaluate

Emit = Callable[[Emitter, Value], Value]

SHAPE = (23, 13, 8)


def graph_of(emit: Emit, shape: tuple[int, ...] = SHAPE, images: int = 1) -> Graph:
    b = Emitter()
    return b.build([emit(b, b.input(TensorType("float32", (images, *shape))))])


def image(shape: tuple[int, ...] = SHAPE, images: int = 1) -> np.ndarray:
    return np.random.default_rng(5).normal(size=(images, *shape)).astype(np.float32)


def conv(b: Emitter, x: Value, filters: int, **options: Any) -> Value:
    """A 1x1 convolution, clamped."""
    attrs = {"strides": (1, 1), "pads": "same", "dilations": (1, 1), "groups": 1, **options}
    w = np.random.default_rng(filters).normal(size=(1, 1, x.shape[-1], filters)).astype(np.float32) * 0.3
    return b.clip(b.conv(x, w, np.full(filters, 0.1, np.float32), **attrs, layout="channels_last"), low=0.0, high=6.0)


def depthwise(b: Emitter, x: Value, size: int = 3, stride: int = 1, **options: Any) -> Value:
    attrs = {"strides": (stride, stride), "pads": "same", "dilations": (1, 1), **options}
    w = np.random.default_rng(size).normal(size=(size, size, 1, x.shape[-1])).astype(np.float32) * 0.3
    return b.conv(x, w, groups=x.shape[-1], **attrs, layout="channels_last")


def thin(b: Emitter, x: Value) -> Value:
    w = np.random.default_rng(9).normal(size=(3, 3, x.shape[-1], 16)).astype(np.float32) * 0.3
    return b.conv(x, w, strides=(2, 2), pads="same", dilations=(1, 1), groups=1, layout="channels_last")


def pool(b: Emitter, x: Value) -> Value:
    return b.max_pool(x, window=(3, 3), strides=(2, 2), pads="same", dilations=(1, 1), layout="channels_last")


def excited(b: Emitter, x: Value) -> Value:
    scale = b.sigmoid(b.reduce_mean(x, axes=(1, 2), keepdims=True))
    return depthwise(b, b.silu(conv(b, b.mul(x, scale), 24)))


def branched(b: Emitter, x: Value) -> Value:
    middle = conv(b, x, 16)
    return b.add(conv(b, depthwise(b, middle), 16), b.reduce_mean(middle, axes=(1, 2), keepdims=True))


CHAINS: dict[str, Emit] = {
    "inverted residual": lambda b, x: b.add(conv(b, depthwise(b, conv(b, x, 48)), 8), x),
    "strides": lambda b, x: conv(b, depthwise(b, conv(b, x, 24), stride=2), 16),
    "valid": lambda b, x: conv(b, depthwise(b, conv(b, x, 24), pads="valid"), 16),
    "explicit padding": lambda b, x: depthwise(b, conv(b, x, 24), pads=((2, 1), (0, 2))),
    "valid with strides": lambda b, x: conv(b, depthwise(b, conv(b, x, 24), 5, 2, pads="valid"), 16),
    "windows of 5": lambda b, x: conv(b, depthwise(b, conv(b, x, 24), 5), 16),
    "windows of 2": lambda b, x: conv(b, depthwise(b, conv(b, x, 24), 2), 16),
    "two windows": lambda b, x: depthwise(b, conv(b, depthwise(b, conv(b, x, 16)), 24), 5, 2),
    "a first convolution": lambda b, x: conv(b, depthwise(b, thin(b, x)), 16),
    "skipped pixels": lambda b, x: depthwise(b, conv(b, conv(b, x, 24), 16, strides=(2, 2))),
    "pooled": lambda b, x: pool(b, conv(b, depthwise(b, x), 24)),
    "scaled by channel": excited,
    "a residual that enters": lambda b, x: conv(b, b.add(depthwise(b, x), x), 24),
}


def runs(graph: Graph, images: int = 1) -> list[Runs]:
    program = Executor(graph).program([(images, *graph.inputs[0].shape[1:])])
    assert program is not None
    assert all(isinstance(step, Step) for step in program.steps)
    return [repeated for repeated in map(runs_of, program.steps) if repeated is not None]


@pytest.mark.parametrize("height", [1, 2, 3, 7])
@pytest.mark.parametrize("name", CHAINS)
def test_strips_make_what_the_whole_image_does(name: str, height: int) -> None:
    graph = graph_of(CHAINS[name])
    whole = Executor(graph)([image()])[0]
    with strips_of(*range(height, height + 8)):
        assert runs(graph)
        alone = Executor(graph)([image()])[0]
        with sharing_all_steps(2):
            shared = Executor(graph)([image()])[0]
    assert alone.tobytes() == whole.tobytes()
    assert shared.tobytes() == whole.tobytes()
    np.testing.assert_allclose(whole, evaluate(graph, [image()])[0], 1e-4, 1e-5)


def by_row(b: Emitter, x: Value) -> Value:
    factors = np.linspace(0, 1, SHAPE[0], dtype=np.float32)[:, None, None]
    return b.sigmoid(b.mul(depthwise(b, b.sigmoid(b.mul(x, factors))), factors))


WHOLE: dict[str, Emit] = {
    "dilated rows": lambda b, x: depthwise(b, conv(b, x, 24), dilations=(2, 2)),
    "a product of windows": lambda b, x: pool(b, thin(b, conv(b, x, 24))),
    "a constant for each row": by_row,
    "one node": lambda b, x: conv(b, x, 24),
}


@pytest.mark.parametrize("name", WHOLE)
def test_what_has_other_rows_runs_as_a_whole(name: str) -> None:
    graph = graph_of(WHOLE[name])
    with strips_of(2):
        assert not runs(graph)
        actual = Executor(graph)([image()])[0]
    np.testing.assert_allclose(actual, evaluate(graph, [image()])[0], 1e-4, 1e-5)


def test_a_value_that_is_read_twice_ends_a_chain() -> None:
    graph = graph_of(branched)
    with strips_of(2):
        (repeated,) = runs(graph)
        actual = Executor(graph)([image()])[0]
    labels = [step.label for step in repeated.programs[0].steps if isinstance(step, Step)]
    assert "depthwise" in labels[0]
    np.testing.assert_allclose(actual, evaluate(graph, [image()])[0], 1e-4, 1e-5)


def test_images_of_a_batch_run_in_strips_one_by_one() -> None:
    graph = graph_of(CHAINS["two windows"], images=3)
    with one_row_at_a_time(), strips_of(2, 3), sharing_all_steps(2):
        (repeated,) = runs(graph, 3)
        assert any(runs_of(step) for step in repeated.programs[0].steps)
        actual = Executor(graph)([image(images=3)])[0]
    np.testing.assert_allclose(actual, evaluate(graph, [image(images=3)])[0], 1e-4, 1e-5)


def large(b: Emitter, x: Value) -> Value:
    return conv(b, depthwise(b, conv(b, x, 64)), 8)


def test_only_what_is_between_large_values_runs_in_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    graph = graph_of(large, (128, 96, 8))
    (repeated,) = runs(graph)
    inside = max(program.arena for program in repeated.programs)
    assert inside <= strips.STRIP_BYTES
    monkeypatch.setattr(strips, "LARGE_BYTES", 4 << 20)
    assert not runs(graph)


def test_heavy_weights_are_not_read_again_for_each_strip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strips, "WEIGHT_BYTES", 1 << 10)
    assert not runs(graph_of(large, (128, 96, 8)))


def test_the_plan_says_how_high_strips_are() -> None:
    graph = graph_of(large, (128, 96, 8))
    executor = Executor(graph)
    program = executor.program([(1, 128, 96, 8)])
    assert program is not None
    lines = program_text(program, executor.optimized([(1, 128, 96, 8)])).splitlines()
    height = -(-128 // int(lines[0].split()[1]))
    assert f"strips of {height} rows" in lines[0]
    assert f"[1,{height},96,64]" in lines[1]
    assert any("like it at edges" in line for line in lines)
