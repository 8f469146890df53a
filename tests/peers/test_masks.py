"""Masks and states of whole models: what Keras 3 and tf_keras compute, and what their files mean here."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kcompat
from kcompat.models import load_model

from .conftest import quietly

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

RNG = np.random.default_rng(5)
GAPS = np.array([[1, 0, 1, 1], [0, 0, 0, 1], [1, 1, 0, 0], [0, 1, 0, 0]], bool)


def gapped(shift: int) -> np.ndarray:
    """Sequences (4, 4, 3) with steps of zeros, other ones for every shift."""
    return (RNG.normal(size=(4, 4, 3)) * np.roll(GAPS, shift, 1)[..., None]).astype(np.float32)


SEQUENCES = [gapped(0), gapped(1)]
TOKENS = RNG.integers(0, 3, (4, 5, 2)).astype(np.int32)


def merged(keras: ModuleType, name: str, masks: tuple[bool, bool], **config: Any) -> Any:
    layers = keras.layers
    inputs = [layers.Input((4, 3)), layers.Input((4, 3))]
    masked = [layers.Masking()(x) if mask else x for x, mask in zip(inputs, masks, strict=True)]
    y = getattr(layers, name)(**config)(masked)
    return keras.Model(inputs, [y, layers.LSTM(2, return_sequences=True)(y)]), SEQUENCES


def chain(keras: ModuleType, *names_and_configs: Any) -> Any:
    layers = keras.layers
    x = y = layers.Input((4, 3))
    y = layers.Masking()(y)
    for name, config in names_and_configs:
        y = getattr(layers, name)(**config)(y)
    return keras.Model(x, y), SEQUENCES[0]


def bidirectional(keras: ModuleType, inner: str, merge_mode: str, **config: Any) -> Any:
    layer = getattr(keras.layers, inner)(3, return_sequences=True, **config)
    return chain(keras, ("Bidirectional", {"layer": layer, "merge_mode": merge_mode}))


def words_and_sentences(keras: ModuleType) -> Any:
    """Inner masks: of words inside of sentences, then of sentences without words."""
    layers = keras.layers
    tokens = layers.Input((5, 2), dtype="int32")
    words = layers.Embedding(3, 4, mask_zero=True)(tokens)
    sentences = layers.TimeDistributed(layers.LSTM(3))(words)
    return keras.Model(tokens, sentences), TOKENS


def inner_model(keras: ModuleType) -> Any:
    layers = keras.layers
    words = layers.Input((2,), dtype="int32")
    encoded = layers.GRU(3)(layers.Embedding(3, 4, mask_zero=True)(words))
    tokens = layers.Input((5, 2), dtype="int32")
    sentences = layers.TimeDistributed(keras.Model(words, encoded))(tokens)
    return keras.Model(tokens, layers.LSTM(2)(sentences)), TOKENS


MODELS = {
    **{
        f"{name}_{masks}": lambda keras, name=name, masks=masks: merged(keras, name, masks)
        for name in ("Add", "Average", "Concatenate", "Maximum", "Minimum", "Multiply", "Subtract")
        for masks in ((True, True), (True, False))
    },
    "concatenate_time": lambda keras: merged(keras, "Concatenate", (True, True), axis=1),
    "passing": lambda keras: chain(
        keras,
        ("Dense", {"units": 4, "activation": "relu"}),
        ("Dropout", {"rate": 0.5}),
        ("LayerNormalization", {}),
        ("Activation", {"activation": "tanh"}),
        ("SimpleRNN", {"units": 3, "return_sequences": True}),
        ("TimeDistributed", {"layer": keras.layers.Dense(2)}),
        ("GRU", {"units": 2}),
    ),
    "stopping": lambda keras: chain(
        keras, ("Conv1D", {"filters": 2, "kernel_size": 2}), ("LSTM", {"units": 2, "return_sequences": True})
    ),
    "pooled": lambda keras: chain(keras, ("Dense", {"units": 2}), ("GlobalAveragePooling1D", {})),
    "bidirectional_lstm": lambda keras: bidirectional(keras, "LSTM", "concat"),
    "bidirectional_gru": lambda keras: bidirectional(keras, "GRU", "ave", reset_after=False),
    "bidirectional_rnn": lambda keras: bidirectional(keras, "SimpleRNN", "mul"),
    "words_and_sentences": words_and_sentences,
    "inner_model": inner_model,
}


def assert_same(actual: Any, expected: Any) -> None:
    several = isinstance(expected, list)
    for a, b in zip(actual if several else [actual], expected if several else [expected], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_models(name: str) -> None:
    """The same code with kcompat in Keras's place."""
    model, data = MODELS[name](quietly("keras"))
    own, _ = MODELS[name](kcompat)
    own.set_weights(model.get_weights())
    assert_same(own.predict(data, verbose=0), model.predict(data, verbose=0))


@pytest.mark.parametrize("peer", ["keras", "tf_keras"])
@pytest.mark.parametrize("name", MODELS)
def test_files(name: str, peer: str, tmp_path: Path) -> None:
    model, data = MODELS[name](quietly(peer))
    path = tmp_path / ("model.keras" if peer == "keras" else "model.h5")
    model.save(path)
    assert_same(load_model(path).predict(data, verbose=0), model.predict(data, verbose=0))


@pytest.mark.parametrize("peer", ["keras", "tf_keras"])
def test_states_go_from_batch_to_batch(peer: str, tmp_path: Path) -> None:
    module = quietly(peer)
    layers = module.layers
    x = layers.Input(batch_shape=(2, 4, 3))
    y = layers.LSTM(3, stateful=True, return_sequences=True)(x)
    y = layers.Bidirectional(layers.GRU(2, stateful=True))(y)
    model = module.Model(x, y)
    path = tmp_path / ("model.keras" if peer == "keras" else "model.h5")
    model.save(path)
    loaded = load_model(path)
    for _ in range(2):
        expected = model.predict(SEQUENCES[0], batch_size=2, verbose=0)
        np.testing.assert_allclose(loaded.predict(SEQUENCES[0], verbose=0), expected, rtol=1e-4, atol=1e-5)
