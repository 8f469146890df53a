"""Models of files that have run before: they predict the same, and are the file's model for all else."""

from __future__ import annotations

import copy
import gc
import os
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcompat
from kcompat import layers
from kcompat.cli.warm import warm
from kcompat.errors import InputError
from kcompat.executor import kept
from kcompat.models import Functional, Sequential, load_model
from kcompat.models.prepared import PreparedModel

DIGITS = Path(__file__).resolve().parents[2] / "fixtures" / "digits"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of kept code alone: kernels stay where they are."""
    monkeypatch.setattr(kept, "cache_root", lambda: str(tmp_path / "cache"))
    return tmp_path / "cache"


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, 8, 8, 1)).astype(np.float32)


def is_prepared(model: Any) -> bool:
    return type(model) is PreparedModel


def entries(cache: Path) -> list[Path]:
    return sorted(cache.rglob("*.code"))


def prepared(path: Path, *batches: Any) -> Any:
    """The model of a file that has run on these."""
    for batch in batches:
        load_model(path)(batch)
    model = load_model(path)
    assert is_prepared(model)
    return model


@pytest.fixture(params=[".keras", ".h5", ".onnx"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    if request.param != ".onnx":
        return DIGITS / f"digits_cnn{request.param}"
    file = tmp_path / "digits.onnx"
    load_model(DIGITS / "digits_cnn.keras").export(file)
    return file


def test_it_predicts_the_same_bits_without_becoming_the_model(path: Path) -> None:
    first = load_model(path)
    assert not is_prepared(first)
    expected = first.predict(images(5), verbose=0)
    model = load_model(path)
    for result in (model.predict(images(5), verbose=0), model(images(5)), model.predict_on_batch(images(5))):
        np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(model(images(5).astype(np.float64)), expected)
    assert model.input_shape[1:] == (8, 8, 1)
    assert model.output_shape[1:] == (10,)
    assert is_prepared(model)


def test_it_is_the_model_when_more_is_asked(path: Path) -> None:
    model, plain = prepared(path, images(2)), load_model(path)
    assert isinstance(model, kcompat.Model)
    assert [weight.shape for weight in model.weights] == [weight.shape for weight in plain.weights]
    assert type(model) is type(plain)
    np.testing.assert_array_equal(model(images(2)), plain(images(2)))


ASKED: dict[str, Callable[[Any], Any]] = {
    "layers": lambda model: model.layers,
    "trainable": lambda model: setattr(model, "trainable", False),
    "repr": repr,
    "dir": dir,
    "class": lambda model: model.__class__.__name__ == "Sequential" or pytest.fail("another class"),
    "stacked": lambda model: Sequential([model, layers.Softmax()]).predict(images(2), verbose=0),
    "copied": lambda model: copy.deepcopy(model),
    "input": lambda model: model(layers.Input((8, 8, 1))),
    "compile": lambda model: model.compile("adam", "categorical_crossentropy"),
}


@pytest.mark.parametrize("asked", ASKED)
def test_whatever_is_asked_reads_the_model(asked: str) -> None:
    model = prepared(DIGITS / "digits_cnn.keras", images(2))
    ASKED[asked](model)
    assert model.count_params() == load_model(DIGITS / "digits_cnn.keras").count_params()
    assert type(model) is Sequential


def test_nothing_else_refers_to_the_model_that_it_becomes() -> None:
    model = prepared(DIGITS / "digits_cnn.keras", images(2))
    assert model.layers
    gc.collect()
    assert sum(type(thing) is Sequential and thing.__dict__ is model.__dict__ for thing in gc.get_objects()) == 1


def test_it_is_pickled_where_the_model_is() -> None:
    model, plain = prepared(DIGITS / "digits_cnn.keras", images(2)), load_model(DIGITS / "digits_cnn.keras")
    assert plain.layers
    try:
        expected = pickle.loads(pickle.dumps(plain))(images(2))
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        with pytest.raises(type(error)):
            pickle.dumps(model)
    else:
        np.testing.assert_array_equal(pickle.loads(pickle.dumps(model))(images(2)), expected)


def test_other_shapes_take_the_model() -> None:
    path = DIGITS / "digits_cnn.keras"
    model = prepared(path, images(4))
    expected = load_model(path)
    assert expected.layers
    for count, stays in ((12, True), (7, False)):
        results = [model.predict(images(count), batch_size=4, verbose=0) for model in (model, expected)]
        np.testing.assert_array_equal(*results)
        assert is_prepared(model) == stays


def test_each_shape_is_kept(cache: Path) -> None:
    path = DIGITS / "digits_cnn.keras"
    one, two = load_model(path)(images(1)), load_model(path)(images(2))
    assert len(entries(cache)) == 2
    for batch, expected in ((images(1), one), (images(2), two)):
        model = load_model(path)
        np.testing.assert_array_equal(model(batch), expected)
        assert is_prepared(model)


def test_wrong_inputs_are_refused_by_the_model() -> None:
    for wrong in (images(2)[:, :7], images(2)[..., 0, 0], np.array(["a", "b"]), {"what": images(2)}):
        with pytest.raises(InputError):
            prepared(DIGITS / "digits_cnn.keras", images(2)).predict(wrong, verbose=0)


def test_a_kernel_that_refuses_its_inputs(tmp_path: Path) -> None:
    Sequential([layers.Input((3,), dtype="int32"), layers.Embedding(5, 2)]).save(tmp_path / "rows.keras")
    model = prepared(tmp_path / "rows.keras", np.zeros((1, 3), np.int32))
    with pytest.raises(InputError, match="Embedding"):
        model(np.full((1, 3), 9, np.int32))


def test_the_file_may_change_or_vanish_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    path.write_bytes((DIGITS / "digits_cnn.keras").read_bytes())
    models = [prepared(path, images(2)), load_model(path)]
    expected = load_model(DIGITS / "digits_cnn.keras").get_weights()
    path.write_bytes(bytes(path.stat().st_size))
    assert all(map(np.array_equal, models[0].get_weights(), expected))
    path.unlink()
    assert all(map(np.array_equal, models[1].get_weights(), expected))


def test_it_can_be_trained_and_saved(tmp_path: Path) -> None:
    model = prepared(DIGITS / "digits_cnn.keras", images(2))
    before = model.predict(images(2), verbose=0)
    model.compile("sgd", "categorical_crossentropy")
    model.fit(images(8), np.eye(10, dtype=np.float32)[:8], verbose=0)
    after = model.predict(images(2), verbose=0)
    assert not np.array_equal(before, after)
    model.save(tmp_path / "trained.keras")
    np.testing.assert_array_equal(load_model(tmp_path / "trained.keras")(images(2)), after)


CHANGES: dict[str, Callable[[Any], Any]] = {
    "weights": lambda model: model.layers[-1].bias.assign(np.ones(10)),
    "setting": lambda model: setattr(model.layers[-1], "activation", "relu"),
    "layers": lambda model: model.add(layers.Softmax()),
    "dropped": lambda model: model.pop(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_model_that_was_changed_is_not_kept(cache: Path, change: str) -> None:
    model = load_model(DIGITS / "digits_cnn.keras")
    CHANGES[change](model)
    model(images(2))
    assert not entries(cache)


def test_other_contents_are_other_models(tmp_path: Path) -> None:
    path = DIGITS / "digits_cnn.keras"
    model = prepared(path, images(2))
    model.layers[-1].bias.assign(np.ones(10))
    model.save(tmp_path / "other.keras")
    assert not is_prepared(load_model(tmp_path / "other.keras"))
    assert is_prepared(load_model(path))


def test_names_of_the_caller_keep_it_from_being_used() -> None:
    prepared(DIGITS / "digits_cnn.keras", images(2))
    assert not is_prepared(load_model(DIGITS / "digits_cnn.keras", custom_objects={"Own": layers.Dense}))


def test_settings_are_part_of_what_it_follows_from() -> None:
    prepared(DIGITS / "digits_cnn.keras", images(2))
    kcompat.backend.set_image_data_format("channels_first")
    try:
        assert not is_prepared(load_model(DIGITS / "digits_cnn.keras"))
    finally:
        kcompat.backend.set_image_data_format("channels_last")


def test_exact_arithmetic_takes_the_model(cache: Path) -> None:
    model = prepared(DIGITS / "digits_cnn.keras", images(2))
    kcompat.set_exact(True)
    try:
        model(images(2))
        assert not is_prepared(model)
        other = load_model(DIGITS / "digits_cnn.h5")
        other(images(2))
        assert not is_prepared(other)
        assert len(entries(cache)) == 1
    finally:
        kcompat.set_exact(False)


@pytest.mark.parametrize("damage", ["truncated", "changed", "empty"])
def test_unsound_files_are_made_again(cache: Path, damage: str) -> None:
    path = DIGITS / "digits_cnn.keras"
    load_model(path)(images(2))
    (entry,) = entries(cache)
    sound = entry.read_bytes()
    changed = bytearray(sound)
    changed[len(sound) // 2] ^= 0xFF
    entry.write_bytes({"truncated": sound[: len(sound) // 2], "changed": bytes(changed), "empty": b""}[damage])
    model = load_model(path)
    assert not is_prepared(model)
    model(images(2))
    assert is_prepared(load_model(path))


def test_new_sources_make_it_again(cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    source = tmp_path / "source.py"
    source.write_text("x = 1")
    monkeypatch.setattr(kept, "_sources", lambda: [str(source)])
    prepared(DIGITS / "digits_cnn.keras", images(2))
    os.utime(source, (1, 1))
    model = load_model(DIGITS / "digits_cnn.keras")
    assert not is_prepared(model)
    model(images(2))
    source.unlink()
    assert not is_prepared(load_model(DIGITS / "digits_cnn.keras"))


def test_a_folder_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(kept, "cache_root", lambda: str(tmp_path / "file"))
    first = load_model(DIGITS / "digits_cnn.keras")(images(2))
    np.testing.assert_array_equal(load_model(DIGITS / "digits_cnn.keras")(images(2)), first)


def test_what_was_used_longest_ago_makes_room(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST", 2)
    path = DIGITS / "digits_cnn.keras"
    for count in (1, 2):
        load_model(path)(images(count))
    one, two = entries(cache)
    os.utime(one, (2, 2))
    os.utime(two, (1, 1))
    load_model(path)(images(3))
    assert [entry.name.partition("x")[0] for entry in entries(cache)] == ["1", "3"]
    monkeypatch.setattr(kept, "BUDGET", 0)
    load_model(path)(images(4))
    assert not entries(cache)
    assert not list((cache / "code").iterdir())


def test_large_files_are_not_kept(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LARGEST", 1000)
    load_model(DIGITS / "digits_cnn.keras")(images(2))
    assert not entries(cache)


@pytest.mark.parametrize("ending", ["keras", "onnx"])
def test_warming_keeps_each_batch(cache: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"digits.{ending}"
    load_model(DIGITS / "digits_cnn.keras").save(path)
    for _ in range(2):
        warm(load_model(path), (1, 2))
        assert len(entries(cache)) == 2
    model = load_model(path)
    model.predict(images(1), verbose=0)
    assert is_prepared(model)


def test_nothing_is_kept_where_that_is_asked(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KCOMPAT_KEEP_MODELS", "0")
    load_model(DIGITS / "digits_cnn.keras")(images(2))
    assert not entries(cache)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    a, b = layers.Input((3,), name="a"), layers.Input((2,), name="b")
    both = layers.Concatenate()([b, a])
    Functional([a, b], [layers.Dense(2)(both), layers.ReLU()(both)]).save(tmp_path / "both.keras")
    given = [np.ones((2, 3), np.float32), np.full((2, 2), -1, np.float32)]
    expected = load_model(tmp_path / "both.keras").predict(given, verbose=0)
    model = load_model(tmp_path / "both.keras")
    results = model.predict(given, verbose=0)
    assert is_prepared(model)
    assert type(results) is type(expected) is list
    assert all(map(np.array_equal, results, expected))
    by_name = model.predict({"b": given[1], "a": given[0]}, verbose=0)
    assert all(map(np.array_equal, by_name, expected))


def test_outputs_by_name_are_not_kept(cache: Path, tmp_path: Path) -> None:
    x = layers.Input((3,))
    Functional(x, {"y": layers.Dense(2)(x)}).save(tmp_path / "named.keras")
    load_model(tmp_path / "named.keras")(np.ones((1, 3), np.float32))
    assert not entries(cache)


def test_states_and_steps_of_the_host_are_not_kept(cache: Path, tmp_path: Path) -> None:
    Sequential([layers.Input((4, 3), batch_size=2), layers.LSTM(2, stateful=True)]).save(tmp_path / "state.keras")
    first, later = (load_model(tmp_path / "state.keras") for _ in range(2))
    steps = np.ones((2, 4, 3), np.float32)
    assert not np.array_equal(first(steps), first(steps))
    assert not np.array_equal(later(steps), later(steps))
    assert not entries(cache)


def test_threads_that_ask_at_once() -> None:
    model, plain = prepared(DIGITS / "digits_cnn.keras", images(2)), load_model(DIGITS / "digits_cnn.keras")
    expected, wrong = plain(images(2)), []

    def ask(number: int) -> None:
        for turn in range(40):
            if number == 3 and turn == 20:
                assert model.layers
            if not np.array_equal(model(images(2)), expected):
                wrong.append(number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert type(model) is Sequential
