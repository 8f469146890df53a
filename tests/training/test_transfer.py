"""Transfer learning: Keras's guide with its imports changed, and features of frozen layers that are kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import kcompat as keras
from kcompat import layers, models, utils
from kcompat.models import frozen_prefix
from kcompat.training.step import Emitter

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 8, 8, 1)).astype(np.float32)
Y = RNG.integers(0, 2, 40)


def base() -> models.Model:
    utils.set_random_seed(3)
    inputs = layers.Input((8, 8, 1))
    x = layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = layers.BatchNormalization(name="norm", momentum=0.5)(x)
    return models.Model(inputs, layers.Conv2D(4, 3, activation="relu", name="last")(x), name="base")


def with_head(inner: models.Model, *before: Any) -> models.Model:
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for layer in before:
        x = layer(x)
    x = inner(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2, seed=1)(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="head")(x))


def test_keras_s_guide() -> None:
    """Freeze, train the head, unfreeze, compile with a lower rate, go on.

    Source: keras.io/guides/transfer_learning. Keras 3.15.1 lets fit override the call's training=False, so that
    statistics move once the layer is unfrozen.
    """
    base_model = base()
    base_model.trainable = False
    model = with_head(base_model)
    assert len(model.trainable_weights) == 2
    model.compile(
        optimizer=keras.optimizers.Adam(),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    frozen = base_model.get_weights()
    history = model.fit(X, Y, epochs=3, verbose=0, validation_data=(X, Y))
    assert sorted(history.history) == ["binary_accuracy", "loss", "val_binary_accuracy", "val_loss"]
    assert all(map(np.array_equal, base_model.get_weights(), frozen))
    base_model.trainable = True
    assert len(model.trainable_weights) == 8
    model.compile(
        optimizer=keras.optimizers.Adam(1e-3),
        loss=keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy()],
    )
    losses = model.fit(X, Y, epochs=10, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not any(map(np.array_equal, base_model.get_weights(), frozen))


def trained(cache: bool, **options: Any) -> tuple[dict[str, Any], list[np.ndarray]]:
    inner = base()
    inner.trainable = False
    model = with_head(inner)
    model.get_layer("head").kernel.regularizer = keras.regularizers.L2(0.1)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    utils.set_random_seed(4)
    history = model.fit(X, Y, epochs=3, batch_size=16, verbose=0, cache_frozen=cache, **options)
    return history.history, model.get_weights()


@pytest.mark.parametrize("options", [{}, {"validation_split": 0.25}, {"validation_data": (X, Y), "shuffle": False}])
def test_kept_features_change_nothing(options: dict[str, Any]) -> None:
    (logs, weights), (expected_logs, expected) = trained(True, **options), trained(False, **options)
    assert list(logs) == list(expected_logs)
    for name in logs:
        np.testing.assert_allclose(logs[name], expected_logs[name], rtol=1e-5)
    for array, other in zip(weights, expected, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-5, atol=1e-7)


def test_frozen_layers_run_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    emit = layers.Conv2D.emit

    def counted(self: Any, b: Emitter, x: Any) -> Any:
        seen.append(b.training)
        return emit(self, b, x)

    inner = base()
    inner.trainable = False
    model = with_head(inner)
    model.compile("adam", "binary_crossentropy")
    prefix = frozen_prefix.find(model)
    assert prefix is not None
    assert prefix.inside[0].layer.name == "base"
    monkeypatch.setattr(layers.Conv2D, "emit", counted)
    outputs = prefix.emit_outputs(b := Emitter(training=True), [b.input(v.type) for v in prefix.training_inputs()])
    assert len(outputs) == 1
    assert not seen


@pytest.mark.parametrize("before", [layers.GaussianNoise(0.1), layers.Dropout(0.5), layers.BatchNormalization()])
def test_a_random_or_trained_beginning_is_not_kept(before: Any) -> None:
    inner = base()
    inner.trainable = False
    assert frozen_prefix.find(with_head(inner)) is not None
    assert frozen_prefix.find(with_head(inner, before)) is None
    inner.trainable = True
    assert frozen_prefix.find(with_head(inner)) is None


def test_evaluating_within_a_callback_takes_the_data() -> None:
    inner = base()
    inner.trainable = False
    model = with_head(inner)
    model.compile("adam", "binary_crossentropy")
    seen: list[float] = []

    def look(epoch: int, logs: Any) -> None:
        seen.append(model.evaluate(X, Y, verbose=0))

    model.fit(
        X, Y, epochs=2, verbose=0, cache_frozen=True, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=look)]
    )
    assert seen[-1] == pytest.approx(model.evaluate(X, Y, verbose=0))
