"""Training goes on in real Keras from files that kcompat wrote, and here from those that Keras wrote."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kcompat

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6, 6, 1)).astype(np.float32)
Y = RNG.integers(0, 3, 24)
FIT: dict[str, Any] = {"batch_size": 8, "epochs": 2, "shuffle": False, "verbose": 0}

OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"learning_rate": 0.05, "momentum": 0.9},
    "Adam": {"learning_rate": 0.01, "amsgrad": True},
    "RMSprop": {"learning_rate": 0.01, "centered": True},
    "AdamW": {"learning_rate": 0.01, "clipnorm": 0.5},
    "Nadam": {"learning_rate": 0.01},
    "Adafactor": {"learning_rate": 0.01},
}


def compiled(keras: Any, optimizer: str) -> Any:
    """A convolutional network with batch statistics and a frozen layer, in Keras or in kcompat."""
    model = keras.models.Sequential(
        [
            keras.layers.Input((6, 6, 1)),
            keras.layers.Conv2D(3, 3, name="first", trainable=False),
            keras.layers.BatchNormalization(momentum=0.8),
            keras.layers.Activation("relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax", kernel_regularizer="l2"),
        ]
    )
    made = getattr(keras.optimizers, optimizer)(**OPTIMIZERS[optimizer])
    model.compile(made, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def assert_same_training(first: Any, second: Any) -> None:
    """Both go on alike: the logs, and the weights afterwards."""
    logs, expected = (each.fit(X, Y, **FIT).history for each in (first, second))
    for name in expected:
        np.testing.assert_allclose(logs[name], expected[name], rtol=1e-4)
    for weight, other in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_from_keras_and_back(optimizer: str, keras: ModuleType, tmp_path: Path) -> None:
    theirs = compiled(keras, optimizer)
    theirs.fit(X, Y, **FIT)
    theirs.save(tmp_path / "theirs.keras")
    ours = kcompat.models.load_model(tmp_path / "theirs.keras")
    assert_same_training(ours, theirs)
    ours.save(tmp_path / "ours.keras")
    back = keras.models.load_model(tmp_path / "ours.keras")
    assert int(back.optimizer.iterations) == 12
    assert_same_training(back, ours)


@pytest.mark.parametrize("optimizer", [name for name in OPTIMIZERS if name != "Adafactor"])
def test_from_hdf5_of_keras(optimizer: str, keras: ModuleType, tmp_path: Path) -> None:
    """Keras itself does not go on from such files: it restores their optimizer for no variables at all."""
    theirs = compiled(keras, optimizer)
    theirs.fit(X, Y, **FIT)
    theirs.save(tmp_path / "theirs.h5")
    ours = kcompat.models.load_model(tmp_path / "theirs.h5")
    assert_same_training(ours, theirs)
    ours.save(tmp_path / "ours.h5")
    assert keras.models.load_model(tmp_path / "ours.h5").optimizer.get_config() == theirs.optimizer.get_config()
    assert_same_training(kcompat.models.load_model(tmp_path / "ours.h5"), theirs)


@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "RMSprop", "AdamW"])
def test_from_tf_keras_and_back(optimizer: str, tmp_path: Path) -> None:
    tf_keras = pytest.importorskip("tf_keras")
    theirs = compiled(tf_keras, optimizer)
    theirs.fit(X, Y, **FIT)
    theirs.save(tmp_path / "theirs.h5")
    ours = kcompat.models.load_model(tmp_path / "theirs.h5")
    assert_same_training(ours, theirs)
    ours.save(tmp_path / "ours.h5", form="keras2")
    back = tf_keras.models.load_model(tmp_path / "ours.h5")
    assert_same_training(back, ours)


def test_event_files_are_read_by_tensorboard(tmp_path: Path) -> None:
    reading = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = compiled(kcompat, "SGD")
    board = kcompat.callbacks.TensorBoard(tmp_path, histogram_freq=1)
    history = model.fit(X, Y, **FIT, callbacks=[board]).history
    events = reading.EventAccumulator(str(tmp_path / "train"))
    events.Reload()
    tags = events.Tags()["tensors"]
    assert {"epoch_loss", "epoch_accuracy", "epoch_learning_rate", "keras", "first/kernel/histogram"} <= set(tags)
    values = [np.frombuffer(event.tensor_proto.tensor_content, np.float32)[0] for event in events.Tensors("epoch_loss")]
    np.testing.assert_allclose(values, history["loss"])
    assert [dim.size for dim in events.Tensors("first/kernel/histogram")[0].tensor_proto.tensor_shape.dim] == [30, 3]
