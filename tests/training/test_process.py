"""`keras.config`, `keras.mixed_precision` and `keras.random`."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import pytest

import kcompat as keras
from kcompat import settings
from kcompat.errors import ArgumentError

X, Y = np.ones((16, 6), np.float32), np.ones((16, 3), np.float32)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    settings.set_dtype_policy(None)
    keras.config.set_max_epochs(None)
    keras.config.set_max_steps_per_epoch(None)
    keras.config.enable_interactive_logging()


def compiled() -> keras.Model:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    model.compile("sgd", "mse")
    return model


def test_the_policy_of_the_process() -> None:
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    assert keras.config.dtype_policy().name == keras.layers.Dense(2).dtype_policy.name == "mixed_bfloat16"
    assert keras.dtype_policies.get(None).variable_dtype == "float32"
    with pytest.raises(ArgumentError, match="dtype policy 'float12'"):
        keras.config.set_dtype_policy("float12")


def test_limits_of_training() -> None:
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(1)
    model = compiled()
    history = model.fit(X, Y, batch_size=4, epochs=5, verbose=0)
    assert len(history.epoch) == 2
    assert int(model.optimizer.iterations) == 2


def test_progress_goes_to_the_log(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    keras.config.disable_interactive_logging()
    with caplog.at_level(logging.INFO, "kcompat"):
        compiled().fit(X, Y, verbose=2)
    assert "loss" in caplog.text
    assert not capsys.readouterr().out


def test_settings_of_training_as_a_config() -> None:
    config = compiled().get_compile_config()
    other = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3)])
    other.compile_from_config(config)
    assert isinstance(other.optimizer, keras.optimizers.SGD)
    assert other.loss == "mse"


def test_random_numbers() -> None:
    random = keras.random
    generator = random.SeedGenerator(3)
    first, second = random.normal((400,), seed=generator), random.normal((400,), seed=generator)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(first, random.normal((400,), seed=random.SeedGenerator(3)))
    assert abs(first.mean()) < 0.2
    assert abs(first.std() - 1) < 0.2
    assert set(random.randint((200,), 2, 5, seed=1).tolist()) == {2, 3, 4}
    assert random.categorical(np.log(np.float32([[1e-9, 1]])), 5, seed=1).tolist() == [[1] * 5]
    assert sorted(random.shuffle(np.arange(9), seed=1).tolist()) == list(range(9))
    assert np.abs(random.truncated_normal((500,), seed=1)).max() <= 2
    dropped = random.dropout(np.ones(1000, np.float32), 0.25, seed=1)
    np.testing.assert_allclose(np.unique(dropped), [0.0, 4 / 3], rtol=1e-6)


def test_what_a_variational_autoencoder_draws_changes_from_step_to_step() -> None:
    class Sampling(keras.layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seed_generator = keras.random.SeedGenerator(1)

        def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
            mean, log_variance = inputs
            noise = keras.random.normal(keras.ops.shape(mean), seed=self.seed_generator)
            return mean + keras.ops.exp(0.5 * log_variance) * noise

    inputs = keras.Input((6,))
    drawn = Sampling()([keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)])
    model = keras.Model(inputs, drawn)
    assert not np.allclose(model.predict(X, verbose=0), model.predict(X, verbose=0))
    model.compile("sgd", "mse")
    model.fit(X, Y[:, :2], verbose=0)
