"""Kernels of sequence models on shapes that layers' reference cases lack: many units, heads and steps, batches that do
not divide into blocks, masks; against the operators' meanings, on one thread and on two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from kernel_checks import LANES, check, random

from kcompat.errors import InputError
from kcompat.executor import Executor
from kcompat.ir import TensorType, Value, Variable
from kcompat.layers.emitter import Emitter
from kcompat.plan.lowering import recurrent

CELLS = {"lstm": (4, 2), "gru": (3, 1), "simple_rnn": (1, 1)}


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_layers(cell: str, batch: int, lanes: int) -> None:
    gates, states = CELLS[cell]
    units, times, features = 37, 9, 11
    w, u = random(1, features, gates * units, scale=0.3), random(2, units, gates * units, scale=0.2)
    bias = random(3, *([2] if cell == "gru" else []), gates * units)
    first = [random(4 + place, batch, units) for place in range(states)]
    check(
        lambda b, x, *given: getattr(b, cell)(x, w, u, bias, *given),
        random(0, batch, times, features), *first, lanes=lanes,
    )  # fmt: skip


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("zero_masked", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_masked_steps_backwards(cell: str, zero_masked: bool, lanes: int) -> None:
    gates, states = CELLS[cell]
    batch, times, features, units = 7, 12, 5, 20
    w, u = random(1, features, gates * units, scale=0.3), random(2, units, gates * units, scale=0.2)
    mask = np.random.default_rng(3).random((batch, times)) < 0.6
    options = {"go_backwards": True, "zero_masked": zero_masked}

    def build(b: Emitter, x: Value, real: Value) -> Any:
        return getattr(b, cell)(x, w, u, None, *[None] * states, real, **options)

    check(build, random(0, batch, times, features), mask, lanes=lanes)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("batch", [1, 6])
def test_gru_that_resets_before(batch: int, lanes: int) -> None:
    units, features = 33, 8
    w, u, bias = random(1, features, 3 * units, scale=0.3), random(2, units, 3 * units, scale=0.2), random(3, 3 * units)
    check(
        lambda b, x: b.gru(x, w, u, bias, reset_after=False, recurrent_activation="hard_sigmoid"),
        random(0, batch, 10, features), lanes=lanes,
    )  # fmt: skip


@pytest.mark.parametrize("batch", [1, 9])
def test_both_directions_run_together(batch: int) -> None:
    units, features = 24, 16
    weights = [(random(i, features, 96, scale=0.3), random(i + 5, units, 96, scale=0.2)) for i in range(2)]

    def build(b: Emitter, x: Value) -> Value:
        (w, u), (v, t) = weights
        return b.concat(b.lstm(x, w, u)[0], b.lstm(x, v, t, go_backwards=True)[0], axis=2)

    assert " x2" in check(build, random(0, batch, 20, features), lanes=16)


def test_stacked_layers_wait_for_each_other() -> None:
    w, u = random(1, 24, 96, scale=0.3), random(2, 24, 96, scale=0.2)
    steps = check(lambda b, x: b.lstm(b.lstm(x, w, u)[0], w, u)[1], random(0, 4, 15, 24), lanes=16)
    assert " x2" not in steps


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(
    "options",
    [{}, {"causal": True}, {"window": 7}, {"causal": True, "zero_masked": True, "with_weights": True}],
    ids=str,
)
@pytest.mark.parametrize("with_mask", [False, True])
def test_attention(with_mask: bool, options: dict[str, Any], lanes: int) -> None:
    batch, queries, times, heads, groups, size, value_size = 2, 45, 61, 6, 3, 24, 40
    arrays = [random(0, batch, queries, heads, size), random(1, batch, times, groups, size)]
    arrays += [random(2, batch, times, groups, value_size)]
    if with_mask:
        seen = np.random.default_rng(4).random((batch, 1, queries, times)) < 0.5
        seen[0, 0, 3] = False
        arrays.append(seen)
    check(lambda b, *operands: b.attention(*operands, scale=0.2, **options), *arrays, lanes=lanes)


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize("transpose_b", [False, True])
@pytest.mark.parametrize("transpose_a", [False, True])
def test_matmul(transpose_a: bool, transpose_b: bool, lanes: int) -> None:
    x = random(0, 3, 2, *((50, 37) if transpose_a else (37, 50)))
    y = random(1, 2, *((41, 50) if transpose_b else (50, 41)))
    check(lambda b, x, y: b.matmul(x, y, transpose_a=transpose_a, transpose_b=transpose_b), x, y, lanes=lanes)


EINSUMS = {
    "abc,cde->abde": ((2, 30, 48), (48, 3, 20)),
    "abcd,cde->abe": ((2, 30, 3, 16), (3, 16, 33)),
    "aecd,abcd->acbe": ((2, 17, 3, 20), (2, 23, 3, 20)),
    "ab,ab->a": ((33, 70), (33, 70)),
    "ij,kj->ki": ((18, 40), (21, 40)),
    "a,b->ab": ((19,), (35,)),
}


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("equation", EINSUMS)
def test_einsum(equation: str, constant: bool) -> None:
    x, y = (random(place, *shape) for place, shape in enumerate(EINSUMS[equation]))
    if constant:
        check(lambda b, x: b.einsum(x, y, equation=equation), x, lanes=16)
    else:
        check(lambda b, x, y: b.einsum(x, y, equation=equation), x, y, lanes=16)


def test_projections_take_in_their_bias() -> None:
    w, bias = random(1, 32, 4, 8), random(2, 4, 8)
    labels = check(lambda b, x: b.add(b.einsum(x, w, equation="abc,cde->abde"), bias), random(0, 3, 20, 32), lanes=16)
    assert "chain" not in labels


@pytest.mark.parametrize("axes", [(-1,), (1,), (1, 2), (0, 2)], ids=str)
def test_normalisation(axes: tuple[int, ...]) -> None:
    x = random(0, 6, 50, 35, scale=4.0)
    weights = np.ones(3, int)
    weights[list(axes)] = np.array(x.shape)[list(axes)]
    gamma, beta = random(1, *weights), random(2, *weights)
    check(lambda b, x: b.layer_norm(x, gamma, beta, axes=axes), x, lanes=16)
    check(lambda b, x: b.rms_norm(x, gamma, axes=axes), x, lanes=16)
    check(lambda b, x: b.l2_normalize(x, axes=axes), x, lanes=16)


def test_group_normalisation() -> None:
    check(lambda b, x: b.group_norm(x, random(1, 36), random(2, 36), groups=4), random(0, 3, 9, 7, 36), lanes=16)


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_gather(dtype: str) -> None:
    table, indices = random(0, 100, 33), np.random.default_rng(1).integers(0, 100, (7, 21)).astype(dtype)
    check(lambda b, i: b.gather(table, i), indices, lanes=16)
    check(lambda b, x, i: b.gather(x, i, axis=1), random(2, 5, 100, 3), indices, lanes=16)


@pytest.mark.parametrize("outside", [-1, 100])
def test_gather_refuses_indices_outside(outside: int) -> None:
    b = Emitter()
    indices = np.arange(100, dtype=np.int32)
    graph = b.build([b.gather(random(0, 100, 8), b.input(TensorType("int32", (100,))))])
    executor = Executor(graph)
    before = executor([indices])[0]
    indices[7] = outside
    with pytest.raises(InputError, match=f"{outside} at"):
        executor([indices])
    indices[7] = 7
    np.testing.assert_array_equal(executor([indices])[0], before)


@pytest.mark.parametrize("target", ["float32", "float64", "int32", "int64", "bool"])
@pytest.mark.parametrize("source", ["float32", "float64", "int32", "int64", "bool", "uint8"])
def test_cast(source: str, target: str) -> None:
    x = np.array([0, 1, 2.7, 100.2, 0.4, 3] * 9).astype(source)
    check(lambda b, x: b.cast(x, dtype=target), x, lanes=16)


@pytest.mark.parametrize("op", ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])
@pytest.mark.parametrize("dtype", ["int32", "int64", "float64"])
def test_comparisons(op: str, dtype: str) -> None:
    x, y = (np.random.default_rng(seed).integers(0, 4, (9, 11)).astype(dtype) for seed in (0, 1))
    check(lambda b, x, y: getattr(b, op)(x, y), x, y, lanes=16)
    check(lambda b, x: getattr(b, op)(x, np.array(2, dtype)), x, lanes=16)


@pytest.mark.parametrize("axes", [(2,), (0, 1)], ids=str)
@pytest.mark.parametrize("op", ["reduce_max", "reduce_min"])
def test_whether_any_or_all_are_true(op: str, axes: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).random((5, 4, 9)) < 0.3
    check(lambda b, x: getattr(b, op)(x, axes=axes), x, lanes=16)


@pytest.mark.parametrize("method", ["nearest", "bilinear", "bicubic", "area"])
def test_resize(method: str) -> None:
    x = random(0, 2, 13, 9, 21)
    check(lambda b, x: b.resize(x, axes=(1, 2), scales=(2, 3), method=method, coordinates="half_pixel"), x, lanes=16)
    check(lambda b, x: b.resize(x, axes=(2, 1), sizes=(5, 13), method=method, coordinates="half_pixel"), x, lanes=16)


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool"])
def test_repetition(dtype: str) -> None:
    x = np.random.default_rng(0).integers(0, 2, (5, 4, 9)).astype(dtype)
    check(lambda b, x: b.repeat(x, axis=1, count=3), x, lanes=16)
    check(lambda b, x: b.tile(x, repeats=(2, 1, 3)), x, lanes=16)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_softmax_and_gates_along_any_axis(axis: int) -> None:
    x = random(0, 6, 14, 18, scale=3.0)
    check(lambda b, x: b.softmax(x, axes=(axis,)), x, lanes=16)
    check(lambda b, x: b.log_softmax(x, axes=(axis,)), x, lanes=16)
    check(lambda b, x: b.glu(x, axis=axis), x, lanes=16)


# --- the way back ---------------------------------------------------------------

TIMES, FEATURES = 6, 5


def operands(cell: str, batch: int, units: int, has_states: bool, is_masked: bool) -> list[np.ndarray]:
    """y is what the cell makes of the others; then the gradients by its outputs."""
    gates, states = CELLS[cell]
    wide = gates * units
    shapes = [(batch, TIMES, FEATURES), (FEATURES, wide), (units, wide), (2, wide) if cell == "gru" else (wide,)]
    shapes += [(batch, units)] * states * has_states
    arrays = [random(number, *shape, scale=0.4) for number, shape in enumerate(shapes)]
    if is_masked:
        arrays.append(np.random.default_rng(0).random((batch, TIMES)) > 0.3)
    last = [random(30 + place, batch, units) for place in range(states)] if has_states else []
    return [*arrays, random(20, batch, TIMES, units), *last]


def there_and_back(cell: str, has_states: bool, is_masked: bool, options: dict[str, Any]) -> Callable[..., Any]:
    """What builds a cell and its gradients from `operands`."""
    states = CELLS[cell][1]

    def build(b: Any, x: Any, w: Any, u: Any, bias: Any, *rest: Any) -> list[Any]:
        given = rest[:states] if has_states else [None] * states
        mask = rest[states * has_states] if is_masked else None
        dy, *last = rest[states * has_states + is_masked :]
        made = getattr(b, cell)(x, w, u, bias, *given, mask, **options)
        last = last or [None] * states
        gradient = getattr(b, f"{cell}_gradient")
        return [*made, *gradient(made[0], x, w, u, bias, *given, mask, dy, *last, **options)]

    return build


@pytest.mark.parametrize("lanes", LANES)
@pytest.mark.parametrize(("has_states", "is_masked"), [(False, False), (True, True)])
@pytest.mark.parametrize(
    ("batch", "units", "options"),
    [(5, 10, {}), (1, 16, {"go_backwards": True}), (6, 16, {"zero_masked": True})],
)
@pytest.mark.parametrize("cell", CELLS)
def test_gradients_of_cells(
    cell: str, batch: int, units: int, options: dict[str, Any], has_states: bool, is_masked: bool, lanes: int
) -> None:
    build = there_and_back(cell, has_states, is_masked, options)
    check(build, *operands(cell, batch, units, has_states, is_masked), lanes=lanes)


@pytest.mark.parametrize(("has_states", "is_masked"), [(False, True), (True, False)])
@pytest.mark.parametrize("options", [{}, {"go_backwards": True}])
@pytest.mark.parametrize("cell", CELLS)
def test_training_goes_through_a_few_sequences_at_a_time(
    cell: str, options: dict[str, Any], has_states: bool, is_masked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recurrent, "CACHE_BYTES", 0)

    def build(b: Emitter, *values: Value) -> Any:
        count = Variable("count", ())
        b.update(count, b.add(b.state(count), 1.0))
        return there_and_back(cell, has_states, is_masked, options)(b, *values)

    labels = check(build, *operands(cell, 19, 10, has_states, is_masked), lanes=16)
    assert labels.count(f"{cell} gradient 8x{TIMES}x10") == 2
    assert f"{cell} gradient 3x{TIMES}x10" in labels


def test_a_gru_of_the_first_generation_with_weights_that_change() -> None:
    x, w, u = random(0, 3, TIMES, FEATURES), random(1, FEATURES, 30, scale=0.4), random(2, 10, 30, scale=0.4)
    check(lambda b, *values: b.gru(*values, reset_after=False), x, w, u, random(3, 30), lanes=16)
