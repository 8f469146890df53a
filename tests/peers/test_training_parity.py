"""The same training by real Keras on TensorFlow and by kcompat: equal logs and weights after 24 steps."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import kcompat

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

SAMPLES = 22
Made = tuple[Any, dict[str, Any], Any, Any, dict[str, Any]]
CASES: dict[str, Callable[[Any, np.random.Generator], Made]] = {}


def case(function: Callable[[Any, np.random.Generator], Made]) -> Callable[[Any, np.random.Generator], Made]:
    """Enter what makes, with Keras or kcompat: a model, arguments of compile, x, y, options of fit."""
    CASES[function.__name__] = function
    return function


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=(SAMPLES, *shape)).astype(np.float32)


def numbers(rng: np.random.Generator, high: int, *shape: int) -> np.ndarray:
    return rng.integers(0, high, (SAMPLES, *shape)).astype(np.int32)


def one_hot(rng: np.random.Generator, classes: int) -> np.ndarray:
    return np.eye(classes, dtype=np.float32)[numbers(rng, classes)]


def chain(k: Any, *parts: Any) -> Any:
    return k.models.Sequential(list(parts))


@case
def steps_of_images(k, rng):
    L = k.layers
    steps = [L.TimeDistributed(L.Conv2D(2, 3, activation="relu")), L.TimeDistributed(L.Flatten())]
    model = chain(k, L.Input((4, 6, 6, 1)), *steps, L.LSTM(3), L.Dense(1))
    return model, {"loss": "mse", "metrics": ["mae"]}, normal(rng, 4, 6, 6, 1), normal(rng, 1), {}


@case
def binary_metrics(k, rng):
    model = chain(k, k.layers.Input((5,)), k.layers.Dense(4, "selu"), k.layers.Dense(1, "sigmoid"))
    metrics = ["accuracy", "Precision", "Recall", "AUC"]
    settings = {"loss": "binary_crossentropy", "metrics": metrics, "optimizer": "rmsprop"}
    return model, settings, normal(rng, 5), numbers(rng, 2), {}


@case
def classes_with_weights(k, rng):
    model = chain(k, k.layers.Input((5,)), k.layers.Dense(3, "softmax"))
    settings = {"loss": "crossentropy", "metrics": ["accuracy"], "weighted_metrics": ["accuracy"]}
    return model, settings, normal(rng, 5), one_hot(rng, 3), {"class_weight": {0: 2.0, 1: 0.5}}


@case
def weights_of_steps(k, rng):
    model = chain(k, k.layers.Input((6, 3)), k.layers.GRU(4, return_sequences=True), k.layers.Dense(2))
    settings = {"loss": "mse", "weighted_metrics": ["mae"], "optimizer": "nadam"}
    weight = rng.uniform(size=(SAMPLES, 6)).astype(np.float32)
    return model, settings, normal(rng, 6, 3), normal(rng, 6, 2), {"sample_weight": weight}


@case
def logits(k, rng):
    L = k.layers
    model = chain(k, L.Input((5,)), L.BatchNormalization(), L.Dense(4, "mish"), L.Dense(3))
    settings = {
        "loss": k.losses.SparseCategoricalCrossentropy(from_logits=True),
        "metrics": ["sparse_categorical_accuracy"],
    }
    return model, settings, normal(rng, 5), numbers(rng, 3, 1), {}


@case
def a_shared_layer(k, rng):
    a, b, shared = k.layers.Input((4,)), k.layers.Input((4,)), k.layers.Dense(3, "tanh")
    model = k.models.Model([a, b], k.layers.Dot(1, normalize=True)([shared(a), shared(b)]))
    settings = {"loss": "hinge", "optimizer": "ftrl"}
    return model, settings, [normal(rng, 4), normal(rng, 4)], np.sign(normal(rng, 1)), {}


@case
def kept_states(k, rng):
    L = k.layers
    model = chain(k, L.Input(batch_shape=(11, 4, 2)), L.LSTM(3, stateful=True), L.Dense(1))
    return model, {"loss": "mae", "optimizer": "adamax"}, normal(rng, 4, 2), normal(rng, 1), {"batch_size": 11}


@case
def normalisations(k, rng):
    L = k.layers
    parts = [
        L.GroupNormalization(2),
        L.Conv2D(4, 3, strides=2, padding="same"),
        L.LayerNormalization(axis=[1, 2]),
        L.UnitNormalization(),
        L.PReLU(),
        L.GlobalAveragePooling2D(),
    ]
    model = chain(k, L.Input((6, 6, 4)), *parts, L.Dense(2))
    return model, {"loss": "huber", "optimizer": "adadelta"}, normal(rng, 6, 6, 4), normal(rng, 2), {}


@case
def spectral_norms(k, rng):
    L = k.layers
    model = chain(
        k,
        L.Input((5,)),
        L.SpectralNormalization(L.Dense(4)),
        L.RMSNormalization(),
        L.Dense(2, kernel_constraint="unit_norm"),
    )
    optimizer = k.optimizers.SGD(0.1, momentum=0.5, clipvalue=0.1)
    return model, {"loss": "log_cosh", "optimizer": optimizer}, normal(rng, 5), normal(rng, 2), {}


@case
def masked_embeddings(k, rng):
    L = k.layers
    embedding = L.Embedding(8, 3, mask_zero=True, embeddings_regularizer="l2")
    model = chain(k, L.Input((7,), dtype="int32"), embedding, L.GlobalAveragePooling1D(), L.Dense(3, "softmax"))
    optimizer = k.optimizers.Adagrad(0.1)
    settings = {"loss": "sparse_categorical_crossentropy", "metrics": ["acc"], "optimizer": optimizer}
    return model, settings, numbers(rng, 8, 7), numbers(rng, 3), {}


@case
def masked_statistics(k, rng):
    L = k.layers
    parts = [L.Masking(), L.BatchNormalization(), L.LSTM(3, return_sequences=True), L.TimeDistributed(L.Dense(2))]
    model = chain(k, L.Input((5, 3)), *parts)
    x = normal(rng, 5, 3) * (rng.uniform(size=(SAMPLES, 5, 1)) < 0.6).astype(np.float32)
    return model, {"loss": "mse", "metrics": ["mse"], "weighted_metrics": ["mse"]}, x, normal(rng, 5, 2), {}


@case
def images_to_images(k, rng):
    L = k.layers
    x = L.Input((8, 8, 1))
    c = L.Conv2D(3, 3, padding="same", activation="relu")(x)
    d = L.Conv2DTranspose(3, 2, strides=2, activation="elu")(L.MaxPooling2D()(c))
    model = k.models.Model(x, L.Conv2D(1, 1, activation="sigmoid")(L.Concatenate()([c, d])))
    settings = {"loss": "binary_focal_crossentropy", "optimizer": k.optimizers.Lamb(0.01), "metrics": ["mae"]}
    return model, settings, normal(rng, 8, 8, 1), numbers(rng, 2, 8, 8, 1).astype(np.float32), {}


@case
def a_rate_in_pieces(k, rng):
    model = chain(k, k.layers.Input((5,)), k.layers.Dense(3, "softplus"), k.layers.Dense(1, "exponential"))
    rate = k.optimizers.schedules.PiecewiseConstantDecay([2, 5], [0.01, 0.005, 0.001])
    settings = {"loss": "poisson", "optimizer": k.optimizers.RMSprop(rate, momentum=0.9, centered=True)}
    return model, settings, normal(rng, 5), numbers(rng, 4, 1).astype(np.float32), {}


@case
def convolutional_memory(k, rng):
    L = k.layers
    model = chain(k, L.Input((3, 5, 5, 1)), L.ConvLSTM2D(2, 3), L.Flatten(), L.Dense(1))
    return model, {"loss": "mse", "optimizer": "adamw"}, normal(rng, 3, 5, 5, 1), normal(rng, 1), {}


@case
def volumes(k, rng):
    L = k.layers
    parts = [L.Conv3D(2, 2, activation="gelu"), L.AveragePooling3D(2, padding="same"), L.BatchNormalization()]
    model = chain(k, L.Input((5, 5, 5, 1)), *parts, L.Flatten(), L.Dense(2, "softmax"))
    return model, {"loss": "kl_divergence", "optimizer": "sgd"}, normal(rng, 5, 5, 5, 1), one_hot(rng, 2), {}


@case
def weights_of_outputs(k, rng):
    L = k.layers
    x = L.Input((4,))
    h = L.Dense(4, "relu", activity_regularizer="l1")(x)
    model = k.models.Model(x, [L.Dense(1, name="p")(h), L.Dense(2, "softmax", name="q")(h)])
    settings = {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "loss_weights": [0.2, 1.5],
        "metrics": [["mae"], ["accuracy"]],
        "weighted_metrics": [[], ["accuracy"]],
    }
    weights = [rng.uniform(size=SAMPLES).astype(np.float32) for _ in range(2)]
    return model, settings, normal(rng, 4), [normal(rng, 1), numbers(rng, 2)], {"sample_weight": weights}


@pytest.mark.parametrize("name", CASES)
def test_training(name: str, keras: ModuleType) -> None:
    results = []
    weights: Any = None
    for library in (keras, kcompat):
        model, settings, x, y, options = CASES[name](library, np.random.default_rng(5))
        weights = model.get_weights() if weights is None else weights
        model.set_weights(weights)
        model.compile(**{"optimizer": "adam", **settings})
        options = {"batch_size": 8, "epochs": 8, "shuffle": False, "verbose": 0, **options}
        logs = model.fit(x, y, **options).history
        logs |= model.evaluate(x, y, verbose=0, batch_size=options["batch_size"], return_dict=True)
        results.append((logs, model.get_weights()))
    (expected, arrays), (actual, own) = results
    assert list(actual) == list(expected)
    for key, values in expected.items():
        np.testing.assert_allclose(actual[key], values, rtol=1e-4, atol=1e-5, err_msg=key)
    for array, other in zip(own, arrays, strict=True):
        np.testing.assert_allclose(array, other, rtol=1e-4, atol=1e-5)
