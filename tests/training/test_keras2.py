"""Optimizers of Keras 1 and 2 in the words of Keras 3."""

from __future__ import annotations

import numpy as np
import pytest

import kcompat
from kcompat.errors import ConfigError
from kcompat.ir import Variable
from kcompat.layers import Dense, Input
from kcompat.training.optimizers import SGD, Adagrad, Adam, Nadam, RMSprop
from kcompat.training.optimizers.keras2 import read_optimizer
from kcompat.training.optimizers.schedules import ExponentialDecay, InverseTimeDecay

V1 = {"lr": 0.1, "decay": 0.0}
V2 = {"name": "x", "learning_rate": 0.1, "decay": 0.0}
NEW = {"name": "x", "learning_rate": 0.1, "jit_compile": False, "is_legacy_optimizer": False, "use_ema": False}


def read(name, config, form="keras2"):
    return read_optimizer({"class_name": name, "config": config}, form)


def test_decay_becomes_a_schedule():
    for config in ({**V1, "decay": 0.5}, {**V2, "decay": 0.5}):
        schedule = read("SGD", config)._values["learning_rate"]
        assert isinstance(schedule, InverseTimeDecay)
        np.testing.assert_allclose([schedule(0), schedule(2)], [0.1, 0.05], rtol=1e-6)
    with pytest.raises(ConfigError, match=r"'Adam': decay=0\.1 of a schedule"):
        read("Adam", {**V2, "decay": 0.1, "learning_rate": {"class_name": "ExponentialDecay", "config": {}}})


def test_schedules_of_keras_2():
    config = {"initial_learning_rate": 0.5, "decay_steps": 10, "decay_rate": 0.9, "staircase": False, "name": None}
    read_one = read("Custom>SGD", {**NEW, "learning_rate": {"class_name": "ExponentialDecay", "config": config}})
    assert isinstance(read_one._values["learning_rate"], ExponentialDecay)


def test_clipnorm_was_global():
    assert read("SGD", {**V1, "clipnorm": 2.0}).global_clipnorm == 2.0
    assert read("SGD", {**V2, "clipnorm": 2.0}).clipnorm == 2.0


def test_epsilons():
    assert read("Adam", {**V1, "epsilon": None}).epsilon == 1e-7
    assert read("RMSprop", V1).epsilon_outside
    assert read("RMSprop", V2).epsilon_outside
    assert not read("RMSprop", {**V2, "momentum": 0.9}).epsilon_outside
    assert not read("Custom>RMSprop", NEW).epsilon_outside
    assert read("Adagrad", V2).epsilon_outside
    assert read("Adagrad", V1).initial_accumulator_value == 0
    assert read("Adagrad", V2).initial_accumulator_value == 0.1


def test_epsilon_outside_of_the_root():
    for cls, start in ((RMSprop, 0.0), (Adagrad, 0.0)):
        options = {"rho": 0.5} if cls is RMSprop else {"initial_accumulator_value": start}
        variable = Variable("w", ())
        cls(1.0, epsilon=0.5, epsilon_outside=True, **options).apply([2.0], [variable])
        square = 2.0 if cls is RMSprop else 4.0
        np.testing.assert_allclose(variable.value, -2 / (np.sqrt(square) + 0.5), rtol=1e-6)


def test_nadam_warmed_up_slowly():
    assert read("Nadam", {**V2, "decay": 0.004}).schedule_decay == 0.004
    assert read("Nadam", {"lr": 0.1, "schedule_decay": 0.02}).schedule_decay == 0.02
    assert read("Custom>Nadam", NEW).schedule_decay == 1
    variable, slow = Variable("w", ()), Nadam(1.0, schedule_decay=0.5)
    slow.apply([1.0], [variable])
    ratio = 0.9 * (1 - 0.5 * 0.96**0.5)
    np.testing.assert_allclose(slow.product.value, ratio, rtol=1e-6)


def test_families():
    assert read("SGD", {**NEW, "is_legacy_optimizer": True, "clipnorm": 1.0}).clipnorm == 1.0
    assert isinstance(read_optimizer("adam", "keras2"), Adam)
    assert isinstance(read_optimizer("rmsprop"), RMSprop)


def test_archives_may_hold_optimizers_of_the_family_before():
    spec = {"module": "keras.optimizers.legacy", "class_name": "SGD", "config": {**V2, "decay": 0.5}}
    assert isinstance(read_optimizer(spec, "keras2_archive")._values["learning_rate"], InverseTimeDecay)
    nadam = {"module": "keras.optimizers.legacy", "class_name": "Nadam", "config": {**V2, "decay": 0.004}}
    assert read_optimizer(nadam, "keras2_archive").schedule_decay == 0.004


def test_nadam_finds_the_product_of_its_momenta_again():
    """Files of tf_keras do not hold it."""
    first, second = Nadam(0.1), Nadam(0.1)
    variable = Variable("w", (2,), path="w")
    for optimizer in (first, second):
        optimizer.build([variable])
    for _ in range(5):
        first.apply([np.ones(2, np.float32)], [variable])
    second.iteration.assign(5)
    second.restore_product()
    np.testing.assert_allclose(second.product, first.product, rtol=1e-5)


def test_what_has_no_equal_is_refused():
    with pytest.raises(ConfigError, match="'SGD': use_ema of Keras 2"):
        read("Custom>SGD", {**NEW, "use_ema": True})
    with pytest.raises(ConfigError, match="'TFOptimizer' is not known"):
        read("TFOptimizer", {})
    with pytest.raises(ConfigError, match="class_name and config"):
        read_optimizer(3)


def test_keras_3_is_not_told_what_it_cannot_do(tmp_path):
    model = kcompat.Sequential([Input((2,)), Dense(1)])
    model.compile(RMSprop(epsilon_outside=True), loss="mse")
    with pytest.warns(UserWarning, match=r"'RMSprop' computes as in Keras 2 \(epsilon_outside\)"):
        model.save(tmp_path / "model.keras")
    model.compile(SGD(0.25, sums_rows=True), loss="mse")
    model.save(tmp_path / "model.keras")
    again = kcompat.load_model(tmp_path / "model.keras")
    assert "sums_rows" not in again.training_state.config["optimizer"]["config"]
    assert float(again.optimizer.learning_rate) == 0.25
