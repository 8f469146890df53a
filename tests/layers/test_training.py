"""What layers do in training, against what real Keras computes, and how their random numbers come."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from cases import LayerCase, all_cases
from engines import ENGINES

from kcompat import layers, models
from kcompat.converters.keras.build import build_layer
from kcompat.converters.keras.reader import model_from_config
from kcompat.converters.keras.spec import LayerSpec, Writer
from kcompat.errors import ArgumentError
from kcompat.ir import TensorType, Variable, verify
from kcompat.ir.types import ir_dtype
from kcompat.layers import Layer
from kcompat.layers.emitter import Emitter
from kcompat.operators.random import philox
from kcompat.tree import flatten

WRITERS = {"keras": Writer(3, "3.15.1"), "tf_keras": Writer(2, "2.21.0-tf")}
CASES = [case for case in all_cases() if case.training]


def make(case: LayerCase) -> Layer:
    if case.model_config is not None:
        return model_from_config({"class_name": "Functional", "config": case.model_config}, {})
    spec = LayerSpec(case.class_name, case.config["name"], case.config, module="keras.layers")
    return build_layer(spec, WRITERS[case.era], {})


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_outputs_and_new_weights(case: LayerCase, engine: str) -> None:
    """The outputs, and the weights that the layer itself changes: moving statistics, singular vectors."""
    layer = make(case)
    for training in (False, True):
        emitter = Emitter(training=training)
        values = [emitter.input(TensorType(ir_dtype(a), ("batch", *a.shape[1:]))) for a in case.inputs]
        outputs = emitter.call(layer, *case.arguments(values), **case.call_kwargs)
        if not training:
            layer.set_weights(case.weights)
            layer = ENGINES[engine].prepare(layer) if case.model_config is None else layer
    results = ENGINES[engine].run(verify(emitter.build(flatten(outputs))), case.inputs)
    for actual, expected in zip(results, case.outputs, strict=True):
        assert actual.dtype == expected.dtype
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)
    for weight, expected in zip(layer.get_weights(), case.arrays("new_weight", len(layer.weights)), strict=True):
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


def test_philox_is_random123s() -> None:
    """Known answers of Philox4x32-10: kat_vectors of Random123, counters and keys of zeros."""
    assert philox(np.zeros(2, np.uint32), 4).tolist() == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox(np.zeros(2, np.uint32), 6)[:4].tolist() == philox(np.zeros(2, np.uint32), 4).tolist()


X = np.random.default_rng(0).normal(1, 2, (64, 5, 6, 4)).astype(np.float32)
RANDOM: dict[str, tuple[Layer, tuple[int, ...]]] = {
    "dropout": (layers.Dropout(0.25, seed=3), (64, 5, 6, 4)),
    "noise_shape": (layers.Dropout(0.25, noise_shape=(None, 1, None, 1), seed=3), (64, 1, 6, 1)),
    "spatial": (layers.SpatialDropout2D(0.25, seed=3), (64, 1, 1, 4)),
    "spatial_first": (layers.SpatialDropout2D(0.25, data_format="channels_first", seed=3), (64, 5, 1, 1)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_dropout(name: str) -> None:
    layer, shape = RANDOM[name]
    y = layer(X, training=True)
    kept = y / X
    assert np.isclose(np.unique(np.round(kept, 4)), [0, 1.3333]).all()
    first = kept[tuple(slice(size) for size in shape)]
    np.testing.assert_allclose(kept, np.broadcast_to(first, X.shape), rtol=1e-5)
    spread = 4 * np.sqrt(0.25 * 0.75 / first.size)
    assert abs((first == 0).mean() - 0.25) < spread
    assert not np.array_equal(layer(X, training=True), y)
    np.testing.assert_array_equal(layer(X), X)


@pytest.mark.parametrize(
    ("layer", "mean", "deviation"),
    [
        (layers.GaussianNoise(0.5, seed=1), 1.0, np.sqrt(4 + 0.25)),
        (layers.GaussianDropout(0.2, seed=1), 1.0, np.sqrt(4 + 5 * 0.25)),
    ],
)
def test_noise(layer: Layer, mean: float, deviation: float) -> None:
    y = layer(X, training=True)
    assert abs(y.mean() - mean) < 4 * deviation / np.sqrt(X.size)
    assert abs(y.std() - deviation) < 0.1
    np.testing.assert_array_equal(layer(X), X)


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    x = np.random.default_rng(1).normal(0, 1, (200, 100)).astype(np.float32)
    y = layers.AlphaDropout(0.3, seed=2)(x, training=True)
    assert abs(y.mean()) < 0.03
    assert abs(y.std() - 1) < 0.03


def test_the_same_seed_gives_the_same_numbers() -> None:
    first, second = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    for _ in range(2):
        np.testing.assert_array_equal(first(X, training=True), second(X, training=True))
    assert first.stream.state.numpy().tolist() == [7, 2]


def test_a_layer_called_twice_draws_twice() -> None:
    x = layers.Input((6,))
    dropout = layers.Dropout(0.5, seed=1)
    model = models.Model(x, [dropout(x), dropout(x)])
    first, second = model(np.ones((8, 6)), training=True)
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_attention_drops_scores(dropout: float) -> None:
    x = X[:, 0]
    layer = layers.MultiHeadAttention(2, 3, dropout=dropout, seed=1)
    y, weights = layer(x, x, return_attention_scores=True, training=True)
    assert (weights == 0).any() == bool(dropout)
    assert np.allclose(y, layer(x, x, training=True), atol=1e-6) == (not dropout)
    assert np.allclose(layer(x, x), layer(x, x, training=False))


def test_recurrent_layers_drop_inputs_alike_in_all_steps() -> None:
    layer = layers.SimpleRNN(4, activation="linear", dropout=0.5, return_sequences=True, seed=1)
    layer.build_once((None, 6, 4))
    layer.set_weights([np.eye(4), np.zeros((4, 4)), np.zeros(4)])
    y = layer(X[:, 0], training=True)
    np.testing.assert_allclose(
        y[:, 1:] / X[:, 0, 1:], np.broadcast_to(y[:, :1] / X[:, 0, :1], y[:, 1:].shape), rtol=1e-5
    )
    assert (y == 0).any()


CELLS = {
    "simple_rnn": (layers.SimpleRNN, {}),
    "lstm": (layers.LSTM, {"recurrent_activation": "hard_sigmoid"}),
    "gru": (layers.GRU, {}),
    "gru_before": (layers.GRU, {"reset_after": False, "go_backwards": True}),
    "gru_without_bias": (layers.GRU, {"use_bias": False}),
    "conv_lstm": (layers.ConvLSTM1D, {"kernel_size": 2, "strides": 2, "dropout": 0.0}),
    "conv_lstm_same": (layers.ConvLSTM1D, {"kernel_size": 3, "padding": "same", "use_bias": False}),
}


@pytest.mark.parametrize("name", CELLS)
def test_dropped_states(name: str) -> None:
    """Written out step by step, the formula is the operator's; dropped states change all but the first step."""
    cls, options = CELLS[name]
    x = X if "kernel_size" in options else X[:, 0]
    options = {"bias_initializer": "random_normal", "return_sequences": True, **options}
    layer = cls(5, recurrent_dropout=1e-9, seed=1, **options)
    expected = layer(x)
    np.testing.assert_allclose(layer(x, training=True), expected, rtol=1e-4, atol=1e-5)
    dropping = cls(5, recurrent_dropout=0.5, seed=1, **options)
    dropping(x)
    dropping.set_weights(layer.get_weights())
    dropped = dropping(x, training=True)
    np.testing.assert_allclose(dropped[:, 0], expected[:, 0], rtol=1e-4, atol=1e-5)
    assert not np.allclose(dropped[:, 1:], expected[:, 1:], atol=1e-3)


@pytest.mark.parametrize(
    ("layer", "x", "message"),
    [
        (layers.RandAugment(name="augment"), X, "layer 'augment' .*not supported in training"),
    ],
)
def test_what_cannot_be_trained_is_refused_by_name(layer: Layer, x: np.ndarray, message: str) -> None:
    layer(x)
    with pytest.raises(ArgumentError, match=message):
        layer(x, training=True)


def penalties(layer: Layer, x: np.ndarray) -> list[Any]:
    emitter = Emitter(collects_losses=True)
    emitter.call(layer, emitter.input(TensorType("float32", ("batch", *x.shape[1:]))))
    return ENGINES["meaning"].run(emitter.build(emitter.losses), [x])


def test_activity_is_penalized_per_sample() -> None:
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    expected = (0.1 * np.abs(X).sum() + 0.2 * np.square(X).sum()) / len(X)
    np.testing.assert_allclose(penalties(layer, X), [expected], rtol=1e-5)
    dense = layers.Dense(3, activity_regularizer="l2")
    np.testing.assert_allclose(penalties(dense, X), [0.01 * np.square(dense(X)).sum() / len(X)], rtol=1e-5)


def test_setting_trainable_reaches_layers_inside() -> None:
    inner = models.Sequential([layers.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    model = models.Sequential([inner, layers.Dense(2)])
    model.trainable = False
    assert model.trainable_weights == []
    assert len(model.non_trainable_weights) == 8
    model.trainable = True
    inner.layers[1].trainable = False
    assert [w.name for w in model.trainable_weights] == ["kernel", "bias", "kernel", "bias"]
    before = inner.layers[1].get_weights()
    model(X[:, 0, 0], training=True)
    assert all(map(np.array_equal, before, inner.layers[1].get_weights()))


def test_assigning_replaces_a_variable_within_the_graph() -> None:
    emitter, variable = Emitter(), Variable("v", (2,))
    emitter.assign(variable, emitter.add(variable, 1.0))
    graph = emitter.build([emitter.mul(variable, 2.0)])
    assert ENGINES["meaning"].run(graph, [])[0].tolist() == [2.0, 2.0]
    assert variable.numpy().tolist() == [1.0, 1.0]
