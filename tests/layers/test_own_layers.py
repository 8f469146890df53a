"""Layers that people write as in Keras, with a `call` made of `kcompat.ops` and layers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import kcompat as keras
from kcompat import layers, ops
from kcompat.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 4)).astype(np.float32)
Y = RNG.normal(size=(20, 3)).astype(np.float32)


class Linear(layers.Layer):
    def __init__(self, units: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units

    def build(self, input_shape: Any) -> None:
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="w")
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, x: Any) -> Any:
        return ops.matmul(x, self.w) + self.b

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "units": self.units}


class Count(layers.Layer):
    """Counts the steps of training, and takes a moving mean from its input."""

    def build(self, input_shape: Any) -> None:
        self.steps = self.add_weight(shape=(), initializer="zeros", trainable=False, dtype="int32", name="steps")
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="mean")

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.steps.assign_add(1)
            self.mean.assign(self.mean * 0.9 + ops.mean(x, axis=0) * 0.1)
        return x - self.mean


class Penalty(layers.Layer):
    def call(self, x: Any) -> Any:
        self.add_loss(0.01 * ops.sum(ops.square(x)))
        return x


class Block(layers.Layer):
    """Layers in a list, and weights in formulas of their own."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parts = [layers.Dense(4, activation="relu"), layers.Dense(4)]
        self.tied = self.add_weight(shape=(4,), initializer="ones", name="tied")

    def call(self, inputs: Any, training: bool | None = None) -> Any:
        h = inputs
        for part in self.parts:
            h = part(h)
        return h * ops.tanh(self.tied) + abs(-self.tied) + self.tied**2


def model_of(*parts: Any) -> Any:
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((4,)), *parts])
    model.compile("sgd", "mse")
    return model


def test_a_layer_of_operations_trains_like_the_layer_that_it_is() -> None:
    own, dense = model_of(Linear()), model_of(layers.Dense(3))
    dense.set_weights(own.get_weights())
    for model in (own, dense):
        model.fit(X, Y, epochs=3, batch_size=5, shuffle=False, verbose=0)
    for first, second in zip(own.get_weights(), dense.get_weights(), strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(own.layers[0](X), X @ own.layers[0].w + own.layers[0].b, rtol=1e-5, atol=1e-6)


def test_what_is_assigned_in_training_stays() -> None:
    model = model_of(Count(), layers.Dense(3))
    model.predict(X, verbose=0)
    model.fit(X, Y, epochs=2, batch_size=10, shuffle=False, verbose=0)
    mean = np.zeros(4)
    for half in (X[:10], X[10:]) * 2:
        mean = 0.9 * mean + 0.1 * half.mean(axis=0)
    assert model.layers[0].steps.numpy() == 4
    np.testing.assert_allclose(model.layers[0].mean, mean, rtol=1e-5)
    np.testing.assert_allclose(model.layers[0](X), X - mean, rtol=1e-5, atol=1e-6)


def test_losses_are_added_in_evaluation_too() -> None:
    plain, penalized = model_of(layers.Dense(3)), model_of(Penalty(), layers.Dense(3))
    penalized.set_weights(plain.get_weights())
    expected = plain.evaluate(X, Y, verbose=0, batch_size=20) + 0.01 * np.square(X).sum()
    assert penalized.evaluate(X, Y, verbose=0, batch_size=20) == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ArgumentError, match="add_loss is for use in call"):
        Penalty().add_loss(1.0)


def test_weights_in_formulas_and_layers_in_lists_are_trained() -> None:
    model = model_of(Block(), layers.Dense(3))
    assert len(model.trainable_weights) == 7
    before = model.get_weights()
    model.fit(X, Y, epochs=2, verbose=0)
    assert not any(map(np.array_equal, before, model.get_weights()))


def test_such_layers_are_saved_and_loaded(tmp_path: Path) -> None:
    model = model_of(Linear(5), Count(), layers.Dense(2))
    model.save(tmp_path / "own.keras")
    again = keras.models.load_model(tmp_path / "own.keras", custom_objects={"Linear": Linear, "Count": Count})
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))


def test_what_is_no_tensor_is_refused() -> None:
    class Wrong(layers.Layer):
        def call(self, x: Any) -> Any:
            return "text"

    with pytest.raises(ArgumentError, match=r"layer 'wrong' \(Wrong\) must give tensors"):
        Wrong(name="wrong")(X)


def test_models_with_steps_of_their_own_are_refused() -> None:
    class Stepping(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            return {}

    with pytest.raises(ArgumentError, match=r"train_step\(\) of its own .* is not supported"):
        Stepping([keras.Input((4,)), layers.Dense(2)]).compile("sgd", "mse")
