"""The models that `training.py` measures, made of the layers of Keras and kcompat alike, and of torch's."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

CLASSES = 10
WORDS, LENGTH = 10_000, 100

SHAPES: dict[str, tuple[int, ...]] = {
    "mlp_seed": (784,),
    "mnist_cnn": (28, 28, 1),
    "cifar_vgg": (32, 32, 3),
    "dropout_mlp": (784,),
    "batch_norm_cnn": (32, 32, 3),
    "lstm": (100, 32),
    "text_cnn": (LENGTH,),
    "transformer": (LENGTH,),
}
"""By model: the shape of a sample; those of the last two are numbers of words."""


def takes_words(model: str) -> bool:
    return model in ("text_cnn", "transformer")


def samples(model: str, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs in [0, 1), or numbers of words, and classes as vectors."""
    generator = np.random.default_rng(0)
    shape = (count, *SHAPES[model])
    x: np.ndarray = generator.random(shape, np.float32)
    if takes_words(model):
        x = generator.integers(0, WORDS, shape).astype(np.int32)
    return x, np.eye(CLASSES, dtype=np.float32)[generator.integers(0, CLASSES, count)]


# --- Keras and kcompat ----------------------------------------------------------


def keras_model(library: Any, model: str) -> Any:
    """The compiled model."""
    layers = library.layers
    x = inputs = library.Input(SHAPES[model], dtype="int32" if takes_words(model) else "float32")
    for layer in _layers(model, layers):
        x = layer(x)
    network = library.Model(inputs, layers.Dense(CLASSES, activation="softmax")(x))
    network.compile("adam", "categorical_crossentropy")
    return network


def _layers(model: str, layers: Any) -> list[Callable[[Any], Any]]:
    """What comes before the classes."""
    dense = layers.Dense
    if model == "mlp_seed":
        return [dense(64, activation="relu")]
    if model == "dropout_mlp":
        return [layer for _ in range(2) for layer in (dense(512, activation="relu"), layers.Dropout(0.2))]
    if model == "lstm":
        return [layers.LSTM(64)]
    if model == "text_cnn":
        hidden = [layers.Embedding(WORDS, 64), layers.Conv1D(128, 5, activation="relu"), layers.GlobalMaxPooling1D()]
        return [*hidden, dense(64, activation="relu"), layers.Dropout(0.5)]
    if model == "transformer":
        blocks = [_block(layers) for _ in range(2)]
        return [layers.Embedding(WORDS, 64), *blocks, layers.GlobalAveragePooling1D()]
    return _convolutions(model, layers)


def _convolutions(model: str, layers: Any) -> list[Callable[[Any], Any]]:
    convolution = {"kernel_size": 3, "activation": "relu"}
    hidden: list[Callable[[Any], Any]] = []
    if model == "mnist_cnn":
        hidden = [layers.Conv2D(32, **convolution), layers.Conv2D(64, **convolution), layers.MaxPooling2D()]
        return [*hidden, layers.Flatten(), layers.Dense(128, activation="relu")]
    for filters in (32, 64, 128):
        if model == "batch_norm_cnn":
            hidden += [layers.Conv2D(filters, 3, padding="same", use_bias=False), layers.BatchNormalization()]
            hidden.append(layers.Activation("relu"))
        else:
            hidden += [layers.Conv2D(filters, padding="same", **convolution) for _ in range(2)]
        hidden.append(layers.MaxPooling2D())
    if model == "batch_norm_cnn":
        return [*hidden, layers.GlobalAveragePooling2D()]
    return [*hidden, layers.Flatten(), layers.Dense(256, activation="relu")]


def _block(layers: Any) -> Callable[[Any], Any]:
    attention, first, second = layers.MultiHeadAttention(4, 16), layers.Dense(128, activation="gelu"), layers.Dense(64)
    norms = [layers.LayerNormalization(epsilon=1e-5) for _ in range(2)]
    dropouts = [layers.Dropout(0.1) for _ in range(2)]

    def block(x: Any) -> Any:
        x = norms[0](layers.add([x, dropouts[0](attention(x, x))]))
        return norms[1](layers.add([x, dropouts[1](second(first(x)))]))

    return block


# --- torch ----------------------------------------------------------------------


def torch_model(model: str) -> Any:
    """The model up to its logits; images have their channels first."""
    from torch import nn

    parts = _parts(model, nn)
    widths = {"mlp_seed": 64, "mnist_cnn": 128, "cifar_vgg": 256, "dropout_mlp": 512, "batch_norm_cnn": 128}
    return nn.Sequential(*parts, nn.Linear(widths.get(model, 64), CLASSES))


def _parts(model: str, nn: Any) -> list[Any]:
    if model == "mlp_seed":
        return [nn.Linear(784, 64), nn.ReLU()]
    if model == "dropout_mlp":
        sizes = pairwise((784, 512, 512))
        return [part for size in sizes for part in (nn.Linear(*size), nn.ReLU(), nn.Dropout(0.2))]
    if model == "lstm":
        return [nn.LSTM(32, 64, batch_first=True), _module(nn, lambda results: results[0][:, -1])]
    if model == "text_cnn":
        turn, most = _module(nn, lambda x: x.transpose(1, 2)), _module(nn, lambda x: x.amax(2))
        hidden = [nn.Embedding(WORDS, 64), turn, nn.Conv1d(64, 128, 5), nn.ReLU(), most]
        return [*hidden, nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5)]
    if model == "transformer":
        blocks = [
            nn.TransformerEncoderLayer(64, 4, 128, 0.1, activation="gelu", batch_first=True, layer_norm_eps=1e-5)
            for _ in range(2)
        ]
        return [nn.Embedding(WORDS, 64), *blocks, _module(nn, lambda x: x.mean(1))]
    return _image_parts(model, nn)


def _image_parts(model: str, nn: Any) -> list[Any]:
    def convolutions(*filters: int, padding: int) -> list[Any]:
        pairs = pairwise(filters)
        return [part for one, other in pairs for part in (nn.Conv2d(one, other, 3, padding=padding), nn.ReLU())]

    if model == "mnist_cnn":
        parts = [*convolutions(1, 32, 64, padding=0), nn.MaxPool2d(2), nn.Flatten()]
        return [*parts, nn.Linear(9216, 128), nn.ReLU()]
    parts = []
    for one, other in ((3, 32), (32, 64), (64, 128)):
        if model == "batch_norm_cnn":
            parts += [nn.Conv2d(one, other, 3, padding=1, bias=False), nn.BatchNorm2d(other), nn.ReLU()]
        else:
            parts += convolutions(one, other, other, padding=1)
        parts.append(nn.MaxPool2d(2))
    if model == "batch_norm_cnn":
        return [*parts, _module(nn, lambda x: x.mean((2, 3)))]
    return [*parts, nn.Flatten(), nn.Linear(2048, 256), nn.ReLU()]


def _module(nn: Any, function: Callable[[Any], Any]) -> Any:
    class Function(nn.Module):  # type: ignore[misc, name-defined]
        def forward(self, x: Any) -> Any:
            return function(x)

    return Function()
