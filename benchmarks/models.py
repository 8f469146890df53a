"""Makes the models of benchmarks/inference.py with Keras 3 on TensorFlow: .keras, .onnx and .tflite of each.

Usage: python benchmarks/models.py FOLDER [MODEL ...]

Needs keras, tensorflow and tf2onnx. Weights are random; batch normalisation gets statistics as if it were trained.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from keras import Input, Model, Sequential, applications, layers


def mlp(*units: int) -> Model:
    hidden = [layers.Dense(count, activation="relu") for count in units]
    return Sequential([Input((784,)), *hidden, layers.Dense(10, activation="softmax")])


def mnist_cnn() -> Model:
    return Sequential([
        Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])  # fmt: skip


def _two_convolutions(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    for _ in range(2):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    return x


def cifar_vgg() -> Model:
    image = x = Input((32, 32, 3))
    for filters in (32, 64, 128):
        x = layers.MaxPooling2D()(_two_convolutions(x, filters))
    x = layers.Dense(256, activation="relu")(layers.Flatten()(x))
    return Model(image, layers.Dense(10, activation="softmax")(x))


def unet() -> Model:
    image = x = Input((96, 96, 3))
    skipped = []
    for filters in (16, 32, 64):
        x = _two_convolutions(x, filters)
        skipped.append(x)
        x = layers.MaxPooling2D()(x)
    x = _two_convolutions(x, 128)
    for filters, skip in zip((64, 32, 16), reversed(skipped), strict=True):
        x = layers.Conv2DTranspose(filters, 2, strides=2, padding="same")(x)
        x = _two_convolutions(layers.Concatenate()([x, skip]), filters)
    return Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))


def lstm() -> Model:
    return Sequential([Input((100, 32)), layers.LSTM(64), layers.Dense(1, activation="sigmoid")])


def bilstm() -> Model:
    return Sequential([
        Input((100,)),
        layers.Embedding(5000, 64),
        layers.Bidirectional(layers.LSTM(64)),
        layers.Dense(1, activation="sigmoid"),
    ])  # fmt: skip


def transformer() -> Model:
    tokens = Input((64,))
    x = layers.Embedding(5000, 128)(tokens)
    for _ in range(2):
        attended = layers.MultiHeadAttention(4, 32)(x, x)
        x = layers.LayerNormalization()(layers.Add()([x, attended]))
        wide = layers.Dense(512, activation="gelu")(x)
        x = layers.LayerNormalization()(layers.Add()([x, layers.Dense(128)(wide)]))
    return Model(tokens, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


MODELS: dict[str, Callable[[], Model]] = {
    "mlp_seed": lambda: mlp(64),
    "mlp_512": lambda: mlp(512, 512),
    "mnist_cnn": mnist_cnn,
    "cifar_vgg": cifar_vgg,
    "lstm": lstm,
    "bilstm": bilstm,
    "transformer": transformer,
    "unet": unet,
    "mobilenet_v2": lambda: applications.MobileNetV2(weights=None),
    "resnet50": lambda: applications.ResNet50(weights=None),
    "efficientnet_b0": lambda: applications.EfficientNetB0(weights=None),
    "densenet121": lambda: applications.DenseNet121(weights=None),
    "vgg16": lambda: applications.VGG16(weights=None),
}


def as_if_trained(model: Model) -> None:
    generator = np.random.default_rng(1)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            *scale, mean, _ = layer.get_weights()
            statistics = generator.normal(0, 0.1, mean.shape), generator.uniform(0.5, 1.5, mean.shape)
            layer.set_weights([*scale, *statistics])


def as_tflite(saved_model: Path) -> bytes:
    """Recurrent layers need TensorFlow's own operators."""
    converter = tf.lite.TFLiteConverter.from_saved_model(str(saved_model))
    try:
        return converter.convert()
    except Exception:  # the converter's error has no public class
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS, tf.lite.OpsSet.SELECT_TF_OPS]
        converter._experimental_lower_tensor_list_ops = False
        return converter.convert()


def main(folder: str, *names: str) -> None:
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    for name in names or MODELS:
        keras.utils.set_random_seed(0)
        model = MODELS[name]()
        as_if_trained(model)
        model.save(target / f"{name}.keras")
        model.export(target / f"{name}_saved_model", verbose=False)
        (target / f"{name}.tflite").write_bytes(as_tflite(target / f"{name}_saved_model"))
        try:
            model.export(target / f"{name}.onnx", format="onnx", verbose=False)
        except Exception as error:  # tf2onnx raises whatever its parts raise
            print(f"{name}: no ONNX file: {error}", file=sys.stderr)
        print(f"{name}: {model.count_params()} weights", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
