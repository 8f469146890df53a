"""Layers that come back as they were from ONNX: what kcompat writes, it recognises."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from kcompat import Sequential, layers
from kcompat.converters.onnx import model_from_proto
from kcompat.converters.onnx.raising import to_keras
from kcompat.converters.onnx.writing.model import model_proto
from kcompat.layers import Layer
from kcompat.models import Functional

L = layers

SEQUENCES: dict[str, Callable[[], list[Layer]]] = {
    "lstm": lambda: [L.Embedding(9, 4, mask_zero=True), L.LSTM(3)],
    "stacked": lambda: [L.Embedding(9, 4, mask_zero=True), L.GRU(3, return_sequences=True), L.SimpleRNN(2), L.Dense(2)],
    "backwards": lambda: [L.Embedding(9, 4, mask_zero=True), L.LSTM(3, go_backwards=True)],
    "bidirectional": lambda: [
        L.Embedding(9, 4, mask_zero=True),
        L.Bidirectional(L.LSTM(3, return_sequences=True)),
        L.Bidirectional(L.GRU(2)),
        L.Dense(1, activation="sigmoid"),
    ],
    "tagged": lambda: [
        L.Embedding(9, 4, mask_zero=True),
        L.Bidirectional(L.LSTM(3, return_sequences=True)),
        L.Dense(5, activation="softmax"),
    ],
    "dense_between": lambda: [L.Embedding(9, 4, mask_zero=True), L.Dense(3, activation="relu"), L.LSTM(2)],
    "pooled": lambda: [L.Embedding(9, 4, mask_zero=True), L.GlobalAveragePooling1D(), L.Dense(2)],
    "without_mask": lambda: [L.Embedding(9, 4), L.LSTM(3, return_sequences=True), L.BatchNormalization(), L.GRU(2)],
}

FEATURES: dict[str, Callable[[], list[Layer]]] = {
    "masking": lambda: [L.Masking(-1.0), L.LSTM(3, return_sequences=True), L.LSTM(2)],
    "masking_norm": lambda: [L.Masking(0.0), L.BatchNormalization(), L.GRU(3)],
    "batch_norm": lambda: [L.Conv1D(4, 3), L.BatchNormalization(), L.ReLU(), L.GlobalMaxPooling1D()],
    "relu": lambda: [L.ReLU(max_value=4.0, negative_slope=0.125, threshold=0.5), L.ReLU(threshold=1.0), L.Softmax()],
    "unit_norm": lambda: [L.UnitNormalization(), L.Flatten(), L.Dense(2)],
    "back_and_forth": lambda: [L.SimpleRNN(3, return_sequences=True, go_backwards=True), L.SimpleRNN(2)],
}


def with_random_weights(parts: list[Layer], shape: tuple[int | None, ...], dtype: str) -> Sequential:
    model = Sequential([layers.Input(shape, dtype=dtype), *parts])
    rng = np.random.default_rng(0)
    for variable in model.variables:
        variable.assign(
            rng.uniform(0.5, 1.5, variable.shape) * rng.choice([-1, 1], variable.shape) ** ("var" not in variable.path)
        )
    return model


def raised(model: Sequential) -> Functional:
    return to_keras(model_from_proto(model_proto(model)))


def kinds(model: Functional | Sequential) -> list[str]:
    return [type(layer).__name__ for layer in model.layers if not isinstance(layer, layers.InputLayer)]


@pytest.mark.parametrize("steps", [7, None], ids=["fixed", "open"])
@pytest.mark.parametrize("name", SEQUENCES)
def test_of_tokens(name: str, steps: int | None) -> None:
    model = with_random_weights(SEQUENCES[name](), (steps,), "int32")
    again = raised(model)
    assert kinds(again) == kinds(model)
    tokens = np.random.default_rng(1).integers(0, 9, (5, 7))
    tokens *= np.random.default_rng(2).random((5, 7)) > 0.4
    tokens[:, 0] = 3
    tokens[2, 4:] = 0
    np.testing.assert_allclose(again(tokens), model(tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FEATURES)
def test_of_features(name: str) -> None:
    model = with_random_weights(FEATURES[name](), (6, 3), "float32")
    again = raised(model)
    assert kinds(again) == kinds(model)
    x = np.random.default_rng(1).normal(size=(4, 6, 3)).astype("f4")
    x[1, 3:], x[2, :2], x[3, 2] = 0, -1, -1
    np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)


def test_shared_layers() -> None:
    a, b = layers.Input((4,)), layers.Input((4,))
    tower = Sequential([layers.Dense(3, activation="relu"), layers.BatchNormalization(), layers.Dense(2)])
    model = Functional([a, b], layers.Subtract()([tower(a), tower(b)]))
    again = to_keras(model_from_proto(model_proto(model)))
    assert sorted(kinds(again)) == ["BatchNormalization", "Dense", "Dense", "Subtract"]
    x = np.random.default_rng(1).normal(size=(2, 3, 4)).astype("f4")
    np.testing.assert_allclose(again(list(x)), model(list(x)), rtol=1e-4, atol=1e-5)


def test_steps_of_images() -> None:
    each = [L.Conv2D(2, 3, activation="relu"), L.MaxPooling2D(), L.Flatten()]
    model = with_random_weights([*map(L.TimeDistributed, each), L.LSTM(2)], (3, 6, 6, 2), "float32")
    again = raised(model)
    assert kinds(again) == kinds(model)
    assert [type(layer.layer) for layer in again.layers[1:4]] == [L.Conv2D, L.MaxPooling2D, L.Flatten]
    x = np.random.default_rng(1).normal(size=(2, 3, 6, 6, 2)).astype("f4")
    np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)


def test_merges() -> None:
    """Layers of several tensors and of two sequences, without nodes between them."""
    a, b, c = (layers.Input((3, 4)) for _ in range(3))
    kept = [
        L.Add()([a, b, c]),
        L.Average()([a, b, c]),
        L.Maximum()([a, b, c]),
        L.Dot((2, 2), normalize=True)([a, b]),
        L.Attention(use_scale=True)([a, b, c]),
        L.AdditiveAttention()([a, b]),
    ]
    model = Functional([a, b, c], kept)
    for variable in model.variables:
        variable.assign(np.full(variable.shape, 0.7, "f4"))
    again = to_keras(model_from_proto(model_proto(model)))
    assert sorted(kinds(again)) == sorted(kinds(model))
    x = list(np.random.default_rng(1).normal(size=(3, 2, 3, 4)).astype("f4"))
    for actual, expected in zip(again(x), model(x), strict=True):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_normalization() -> None:
    norm = layers.Normalization()
    norm.adapt(np.random.default_rng(0).normal(2, 3, (50, 5)))
    model = Sequential([layers.Input((5,)), norm, layers.Dense(2)])
    again = raised(model)
    assert kinds(again) == ["Normalization", "Dense"]
    x = np.random.default_rng(1).normal(2, 3, (4, 5)).astype("f4")
    np.testing.assert_allclose(again(x), model(x), rtol=1e-4, atol=1e-5)
