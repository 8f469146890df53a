"""Programs in use: threads, forks, new weights, new shapes, odd arrays."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from weakref import ref

import numpy as np
import pytest
from engines import sharing_all_steps

from kcompat import get_num_threads, layers, set_num_threads
from kcompat.errors import ArgumentError, InputError, ShapeError
from kcompat.executor import Executor, set_exact
from kcompat.ir import Builder, TensorType
from kcompat.kernels import machine
from kcompat.models import Model, Sequential
from kcompat.plan.planner import LARGE
from kcompat.plan.program import HostStep
from kcompat.reference import evaluate


def network() -> Sequential:
    return Sequential(
        [
            layers.Input((12, 12, 3)),
            layers.Conv2D(20, 3, activation="relu", padding="same"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(17, activation="tanh"),
            layers.Dense(5, activation="softmax"),
        ]
    )


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 12, 12, 3)).astype(np.float32)


def test_everything_is_compiled() -> None:
    program = Executor(network().graph()).program([(4, 12, 12, 3)])
    assert program is not None
    assert not [step for step in program.steps if isinstance(step, HostStep)]
    assert program.arena < program.tensors


def test_python_threads_predict_at_once() -> None:
    model = network()
    batches = [images(count) for count in (1, 3, 8)]
    expected = [evaluate(model.graph(), [batch])[0] for batch in batches]
    with sharing_all_steps(2), ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: model.predict_on_batch(batches[number % 3]), range(400)))
    for number, result in enumerate(results):
        np.testing.assert_allclose(result, expected[number % 3], rtol=1e-4, atol=1e-5)


def test_the_same_bits_on_any_number_of_threads() -> None:
    model, batch = network(), images(7)
    results = []
    for threads in (1, 2, 3):
        with sharing_all_steps(threads):
            results.append(Executor(model.graph())([batch])[0])
    assert len({result.tobytes() for result in results}) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_predicts() -> None:
    model, batch = network(), images(4)
    with sharing_all_steps(2):
        expected = model.predict_on_batch(batch)
        child = os.fork()
        if child == 0:
            same = all(np.array_equal(model.predict_on_batch(batch), expected) for _ in range(20))
            os._exit(0 if same else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        np.testing.assert_array_equal(model.predict_on_batch(batch), expected)


def test_a_process_may_end_right_after_a_shared_step(tmp_path: Path) -> None:
    """Members that still look for work must not run machine code whose memory is gone."""
    model = Path(__file__).resolve().parents[2] / "fixtures" / "digits" / "digits_cnn.h5"
    code = f"""
import kcompat, numpy
from kcompat.executor import team
team.PATIENCE = 1 << 40
kcompat.load_model({str(model)!r})(numpy.zeros((256, 8, 8, 1), numpy.float32))
assert team._team is not None
"""
    environment = {**os.environ, "KCOMPAT_NUM_THREADS": "2"}
    for _ in range(3):
        command = [sys.executable, "-c", code]
        subprocess.run(command, env=environment, cwd=tmp_path, timeout=300, check=True, capture_output=True)


def test_frames_are_used_again() -> None:
    executor, batch = Executor(network().graph()), images(2)
    for _ in range(50):
        executor([batch])
    assert [len(bound._free) for bound in executor._bound.values() if bound is not None] == [1]


def test_new_weights_are_seen() -> None:
    model, batch = network(), images(2)
    before = model.predict_on_batch(batch)
    model.set_weights([weight * 0.5 for weight in model.get_weights()])
    after = model.predict_on_batch(batch)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, evaluate(model.graph(), [batch])[0], rtol=1e-4, atol=1e-5)


def test_arrays_of_any_layout_and_dtype() -> None:
    model, batch = network(), images(3)
    expected = model.predict_on_batch(batch)
    for odd in (np.asfortranarray(batch), batch[::-1].copy()[::-1], batch.astype(np.float64)):
        np.testing.assert_array_equal(model.predict_on_batch(odd), expected)


def test_a_wrong_shape_names_the_layer() -> None:
    b = Builder()
    with b.origin("layer 'both' (Add)"):
        x, y = (b.input(TensorType("float32", (None,)), name) for name in "xy")
        z = b.add(x, y)
    with pytest.raises(ShapeError, match="layer 'both'"):
        Executor(b.build([z]))([np.zeros(2, np.float32), np.zeros(3, np.float32)])


@pytest.mark.parametrize("count", [0, -1, 2.0, True, None])
def test_wrong_numbers_of_threads(count: object) -> None:
    with pytest.raises(ArgumentError, match="number of threads"):
        set_num_threads(count)  # type: ignore[arg-type]


def test_number_of_threads() -> None:
    before = get_num_threads()
    set_num_threads(3)
    assert get_num_threads() == 3
    set_num_threads(before)
    assert sys.modules["kcompat.executor"].get_num_threads() == before


def small() -> Sequential:
    return Sequential([layers.Input((6,)), layers.Dense(4, activation="relu"), layers.Dense(3)])


def test_a_small_model_is_called_without_detours() -> None:
    model, rows = small(), np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
    first = model(rows)
    assert list(model.executor.quick_calls) == [((2, 6),)]
    np.testing.assert_array_equal(model(rows), first)
    assert model(rows) is not model(rows)
    for odd in (rows.astype(np.float64), np.asfortranarray(rows), rows.tolist(), rows.view(np.matrix)):
        np.testing.assert_array_equal(np.asarray(model(odd)), first)
    assert model(rows[:1]).shape == (1, 3)
    with pytest.raises(InputError, match="takes shape"):
        model(rows[:, :5])


def test_a_quick_call_sees_new_weights_and_layers() -> None:
    model, rows = small(), np.ones((1, 6), np.float32)
    model(rows)
    model.layers[-1].bias.assign(model.layers[-1].bias.value + 1)
    np.testing.assert_allclose(model(rows), evaluate(model.graph(), [rows])[0], rtol=1e-5)
    model.add(layers.Dense(2))
    assert model(rows).shape == (1, 2)


def test_quick_calls_from_threads_do_not_mix() -> None:
    model = small()
    rows = [np.full((1, 6), value, np.float32) for value in range(4)]
    expected = [model(row) for row in rows]
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda number: model(rows[number % 4]), range(4000)))
    assert all(np.array_equal(result, expected[number % 4]) for number, result in enumerate(results))


def test_several_inputs_and_outputs_are_called_without_detours() -> None:
    tokens, rows = layers.Input((3,), dtype="int32"), layers.Input((4,))
    looked_up = layers.Flatten()(layers.Embedding(10, 2)(tokens))
    joined = layers.Concatenate()([looked_up, rows])
    model = Model([tokens, rows], {"a": layers.Dense(2)(joined), "b": [layers.Dense(3)(joined)]})
    arrays = [np.array([[1, 2, 9]], np.int32), np.ones((1, 4), np.float32)]
    first = model(arrays)
    assert list(model.executor.quick_calls) == [((1, 3), (1, 4))]
    for again in (model(arrays), model(tuple(arrays)), model([arrays[0].astype(np.int64), arrays[1]])):
        np.testing.assert_array_equal(again["a"], first["a"])
        np.testing.assert_array_equal(again["b"][0], first["b"][0])
    for wrong in ([arrays[0]], [*arrays, None], [arrays[0], None], arrays[::-1]):
        with pytest.raises(InputError):
            model(wrong)
    with pytest.raises(InputError, match="10"):
        model([np.array([[1, 2, 10]], np.int32), arrays[1]])
    np.testing.assert_array_equal(model(arrays)["a"], first["a"])


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [("max 100000", 1000, 1 << 20), ("250000 100000", 2, 2), ("50000 100000", 0, 0), ("nonsense", 1000, 1 << 20)],
)
def test_a_containers_quota(text: str, least: int, most: int, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert least <= machine.quota(str(file)) <= most
    assert machine.quota(str(tmp_path / "absent")) >= 1000


def test_exact_arithmetic_can_be_asked_for() -> None:
    layer = layers.Conv2D(64, 3, padding="same")
    model = Sequential([layers.Input((28, 28, 64)), layer])
    x = np.random.default_rng(0).normal(size=(1, 28, 28, 64)).astype(np.float32)
    quick = model.predict_on_batch(x)
    set_exact(True)
    try:
        own = model.predict_on_batch(x)
    finally:
        set_exact(False)
    assert own.tobytes() == Executor(model.graph(), exact=True)([x])[0].tobytes() != quick.tobytes()
    assert model.predict_on_batch(x).tobytes() == quick.tobytes()
    with pytest.raises(ArgumentError, match="True or False"):
        set_exact(1)  # type: ignore[arg-type]


def members() -> int:
    return sum(thread.name == "kcompat" for thread in threading.enumerate())


def test_the_number_of_threads_changes_while_others_predict() -> None:
    model, batch = network(), images(8)
    expected = evaluate(model.graph(), [batch])[0]
    with sharing_all_steps(2), ThreadPoolExecutor(4) as pool:
        results = [pool.submit(model.predict_on_batch, batch) for _ in range(300)]
        for count in (3, 2, 5, 1, 4) * 4:
            set_num_threads(count)
            np.testing.assert_allclose(model.predict_on_batch(batch), expected, rtol=1e-4, atol=1e-5)
        for result in results:
            np.testing.assert_allclose(result.result(), expected, rtol=1e-4, atol=1e-5)


def test_threads_that_are_no_longer_asked_for_end() -> None:
    model, batch = network(), images(8)
    for count in (6, 2):
        with sharing_all_steps(count):
            model.predict_on_batch(batch)
    deadline = time.monotonic() + 20
    while members() > 1 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert members() == 1


def deep() -> Sequential:
    """Weights of several kinds that are large enough to be held in one form alone."""
    return Sequential(
        [
            layers.Input((6, 6, 64)),
            layers.Conv2D(72, 3, strides=2, use_bias=False),
            layers.BatchNormalization(),
            layers.Conv2D(144, 2, groups=2, activation="relu"),
            layers.BatchNormalization(),
            layers.Flatten(),
            layers.Dense(300, kernel_initializer="he_normal"),
        ]
    )


def test_large_weights_are_held_once() -> None:
    model = deep()
    before = [weight.numpy() for weight in model.weights]
    x = np.random.default_rng(0).normal(size=(2, 6, 6, 64)).astype(np.float32)
    expected = evaluate(model.graph(), [x])[0]
    kept = [ref(weight.value) for weight in model.weights]
    np.testing.assert_allclose(model(x), expected, rtol=1e-4, atol=1e-5)
    gc.collect()
    for weight, array, value in zip(model.weights, kept, before, strict=True):
        assert (array() is None) == (value.nbytes >= LARGE)
        np.testing.assert_array_equal(weight.value, value)
    np.testing.assert_allclose(model(x[:1]), expected[:1], rtol=1e-4, atol=1e-5)


def test_weights_held_in_another_form_are_trained_and_saved(tmp_path: Path) -> None:
    model, same = deep(), deep()
    same.set_weights(model.get_weights())
    x = np.random.default_rng(1).normal(size=(4, 6, 6, 64)).astype(np.float32)
    model(x)
    model.save_weights(tmp_path / "w.weights.h5")
    for one in (model, same):
        one.compile("sgd", "mse")
        one.train_on_batch(x, np.ones((4, 300), np.float32))
    np.testing.assert_array_equal(model(x), same(x))
    model.load_weights(tmp_path / "w.weights.h5")
    model.train_on_batch(x, np.ones((4, 300), np.float32))
    for one, other in zip(model.get_weights(), same.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
