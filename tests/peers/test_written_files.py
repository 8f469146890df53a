"""Real Keras 3 and tf_keras load what kcompat writes, without a warning, and predict what was recorded."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from golden import GoldenFile, golden_files

import kcompat.layers as layers
from kcompat.converters.keras import archive_write, hdf5_write
from kcompat.errors import SaveError
from kcompat.layers import Dense, Input
from kcompat.models import Functional, Model, Sequential, load_model

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

DIGITS = Path(__file__).resolve().parents[2] / "fixtures" / "digits"

ERAS = ("keras2_2", "tfkeras2_21", "keras3")
"""One era of each way of writing; `tests/converters` writes and reads back those of all eras."""

WHOLE = [
    file
    for file in golden_files("load")
    if not file.unknown_layers
    and file.kind.startswith("model")
    and "mixed_" not in file.path
    and file.record["era"] in ERAS
]
"""Half precision is left out: Keras rounds after every step and kcompat does not."""


@pytest.fixture(scope="session")
def tf_keras() -> ModuleType:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tf_keras

    return tf_keras


def loaded(peer: ModuleType, path: Path, **options: Any) -> Any:
    """A peer's model; its warnings about weights are errors."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*(loading|variable|weight).*")
        return peer.models.load_model(path, **options)


def check(file: GoldenFile, model: Any) -> None:
    """Assert that a peer's model predicts what was recorded."""
    inputs = file.arrays("input")
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    outputs = list(outputs.values()) if isinstance(outputs, dict) else outputs
    outputs = outputs if isinstance(outputs, list) else [outputs]
    tolerance = {"rtol": 1e-4, "atol": 1e-5, **(file.record.get("tol") or {})}
    for array, expected in zip(outputs, file.arrays("output"), strict=True):
        np.testing.assert_allclose(array, expected, **tolerance)


def written(file: GoldenFile, path: Path, **options: Any) -> Path:
    """The golden model, written by kcompat; the test ends well where it must be refused."""
    try:
        if path.suffix == ".keras":
            archive_write.save(file.load(), path, include_optimizer=False)
        else:
            hdf5_write.save(file.load(), path, include_optimizer=False, **options)
    except SaveError as error:
        pytest.skip(f"cannot be said in this form: {error}")
    return path


@pytest.mark.parametrize("file", WHOLE, ids=str)
def test_keras_loads_archives(file: GoldenFile, keras: ModuleType, tmp_path: Path) -> None:
    check(file, loaded(keras, written(file, tmp_path / "m.keras"), compile=False))


@pytest.mark.parametrize("file", WHOLE, ids=str)
def test_keras_loads_hdf5(file: GoldenFile, keras: ModuleType, tmp_path: Path) -> None:
    check(file, loaded(keras, written(file, tmp_path / "m.h5"), compile=False))


@pytest.mark.parametrize("file", WHOLE, ids=str)
def test_tf_keras_loads_hdf5(file: GoldenFile, tf_keras: ModuleType, tmp_path: Path) -> None:
    check(file, loaded(tf_keras, written(file, tmp_path / "m.h5", form="keras2"), compile=False))


# --- training goes on ---------------------------------------------------------------


def test_keras_continues_training_where_the_original_would(keras: ModuleType, tmp_path: Path) -> None:
    """The digits model after one more step on the same data: with and without the way through kcompat."""
    original = loaded(keras, DIGITS / "digits_cnn.keras")
    archive_write.save(load_model(DIGITS / "digits_cnn.keras"), tmp_path / "m.keras")
    again = loaded(keras, tmp_path / "m.keras")
    x = np.random.default_rng(0).normal(size=(8, *original.input_shape[1:])).astype(np.float32)
    y = np.arange(8) if "sparse" in str(original.loss) else np.eye(10, dtype=np.float32)[:8]
    original.train_on_batch(x, y)
    again.train_on_batch(x, y)
    assert int(again.optimizer.iterations) == int(original.optimizer.iterations) > 100
    for array, expected in zip(again.get_weights(), original.get_weights(), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-6, atol=1e-7)


def test_hdf5_holds_the_settings_and_optimizer_that_keras_writes(keras: ModuleType, tmp_path: Path) -> None:
    """Keras 3 itself does not restore the optimizer from .h5 files, so that files are compared."""
    loaded(keras, DIGITS / "digits_cnn.keras").save(tmp_path / "k.h5")
    hdf5_write.save(load_model(DIGITS / "digits_cnn.keras"), tmp_path / "m.h5")
    written, expected = (load_model(tmp_path / name).training_state for name in ("m.h5", "k.h5"))
    assert written is not None
    assert expected is not None
    assert written.config == expected.config
    arrays = list(written.optimizer_weights.values())
    assert len(arrays) > 10
    for array, wanted in zip(arrays, expected.optimizer_weights.values(), strict=True):
        np.testing.assert_array_equal(array, wanted)
        assert array.dtype == wanted.dtype


def test_tf_keras_restores_the_optimizer_of_its_own_file(tf_keras: ModuleType, tmp_path: Path) -> None:
    original = loaded(tf_keras, DIGITS / "digits_cnn.h5")
    hdf5_write.save(load_model(DIGITS / "digits_cnn.h5"), tmp_path / "m.h5", form="keras2")
    again = loaded(tf_keras, tmp_path / "m.h5")
    assert type(again.optimizer) is type(original.optimizer)
    assert again.optimizer.get_config() == original.optimizer.get_config()
    pairs = list(zip(again.optimizer.variables, original.optimizer.variables, strict=True))
    assert len(pairs) > 10
    for variable, expected in pairs:
        np.testing.assert_array_equal(variable.numpy(), expected.numpy())


# --- weights alone, and models from code --------------------------------------------


def nested(lib: Any) -> Any:
    """A frozen and a shared nested model, one of whose outputs is an output of the whole."""
    a, b = lib.Input((3,), name="a"), lib.Input((3,), name="b")
    x = lib.Input((3,))
    inner = lib.Model(x, lib.layers.BatchNormalization()(lib.layers.Dense(3)(x)), name="inner")
    frozen = lib.Sequential([lib.Input((3,)), lib.layers.Dense(3), lib.layers.BatchNormalization()], name="frozen")
    frozen.trainable = False
    first, second = inner(a), inner(frozen(b))
    return lib.Model([a, b], [second, lib.layers.Dense(2, name="last")(lib.layers.Add()([first, second]))])


@pytest.mark.parametrize("ending", [".weights.h5", ".h5"])
def test_keras_loads_weights_into_a_model_of_its_own(ending: str, keras: ModuleType, tmp_path: Path) -> None:
    import kcompat.keras as mine

    model, path = nested(mine), tmp_path / f"w{ending}"
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.size).uniform(0.5, 1, weight.shape))
    archive_write.save_weights(model, path) if ending == ".weights.h5" else hdf5_write.save_weights(model, path)
    peer = nested(keras)
    peer.load_weights(path)
    data = [np.random.default_rng(seed).normal(size=(2, 3)).astype(np.float32) for seed in (1, 2)]
    for array, expected in zip(peer.predict(data, verbose=0), model.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_keras_counts_the_calls_of_nested_models_alike(ending: str, keras: ModuleType, tmp_path: Path) -> None:
    original, data = nested(keras), [np.ones((2, 3), np.float32), np.full((2, 3), 2, np.float32)]
    original.save(tmp_path / f"k{ending}")
    model = load_model(tmp_path / f"k{ending}")
    model.save(tmp_path / f"m{ending}")
    expected = original.predict(data, verbose=0)
    for found in (model, loaded(keras, tmp_path / f"m{ending}", compile=False)):
        for array, wanted in zip(found.predict(data, verbose=0), expected, strict=True):
            np.testing.assert_allclose(array, wanted, rtol=1e-4, atol=1e-5)


def hard_sigmoids() -> Model:
    hard = "hard_sigmoid_keras2"
    return Sequential(
        [
            Input((5, 4)),
            layers.Conv1D(4, 2, activation=hard),
            layers.LSTM(3, recurrent_activation=hard, return_sequences=True),
            layers.Bidirectional(layers.GRU(3, recurrent_activation=hard)),
            layers.Activation(hard),
            Dense(2, activation=hard),
        ]
    )


@pytest.mark.parametrize("ending", [".keras", ".h5", ".keras2.h5"])
def test_hard_sigmoid_of_keras_2(ending: str, keras: ModuleType, tf_keras: ModuleType, tmp_path: Path) -> None:
    model, path = hard_sigmoids(), tmp_path / f"m{ending}"
    form = "keras2" if "keras2" in ending else "keras3"
    model.save(path, form=form)
    data = np.random.default_rng(0).normal(size=(3, 5, 4)).astype(np.float32) * 4
    expected = model.predict(data, verbose=0)
    peer = tf_keras if form == "keras2" else keras
    again = loaded(peer, path, compile=False)
    np.testing.assert_allclose(again.predict(data, verbose=0), expected, rtol=1e-4, atol=1e-5)
    if form == "keras3":
        again.save(tmp_path / f"again{ending}")
        found = load_model(tmp_path / f"again{ending}")
        assert found.layers[-1].get_config()["activation"] == "hard_sigmoid_keras2"
        np.testing.assert_array_equal(found.predict(data, verbose=0), expected)


def test_keras_loads_bfloat16(keras: ModuleType, tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(2, dtype="bfloat16")])
    archive_write.save(model, tmp_path / "m.keras")
    again = loaded(keras, tmp_path / "m.keras", compile=False)
    for array, expected in zip(again.get_weights(), load_model(tmp_path / "m.keras").get_weights(), strict=True):
        np.testing.assert_array_equal(array.astype(np.float32), expected)


def test_shards_of_keras_are_read(keras: ModuleType, tmp_path: Path) -> None:
    peer = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4) for _ in range(5))])
    peer.save_weights(tmp_path / "w.weights.json", max_shard_size=2e-7)
    assert len(list(tmp_path.glob("*.weights.h5"))) > 1
    model = Sequential([Input((4,)), *(Dense(4) for _ in range(5))])
    model.load_weights(tmp_path / "w.weights.json")
    for array, expected in zip(model.get_weights(), peer.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_chunked_names_are_read_by_keras(keras: ModuleType, tmp_path: Path) -> None:
    names = [f"{index:04}" + "n" * 60 for index in range(1200)]
    x = Input((1,))
    y = x
    for name in names:
        y = layers.Rescaling(1.0, name=name)(y)
    model = Functional(x, Dense(2, name="last")(y))
    hdf5_write.save_weights(model, tmp_path / "m.h5")
    kx = keras.Input((1,))
    peer = keras.Model(kx, keras.layers.Dense(2, name="last")(kx))
    peer.load_weights(tmp_path / "m.h5")
    for array, expected in zip(peer.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)
