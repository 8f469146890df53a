"""Trains a small CNN on scikit-learn's handwritten digits, then fine-tunes it from an .h5 and from an .onnx file.

Usage: python examples/digits.py [folder for the files]

Needs scikit-learn, for its data, besides kcompat with its `h5` and `onnx` extras.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import kcompat as keras
from kcompat import callbacks, layers, optimizers

FLIPPED = np.s_[:, :, ::-1]
"""Mirrored digits: a task near enough to the first one for its features to serve."""


def data() -> list[np.ndarray]:
    """Training images, test images (n, 8, 8, 1) in 0..1, and their labels."""
    digits = load_digits()
    images = (digits.images / 16).astype(np.float32)[..., None]
    return train_test_split(images, digits.target, test_size=0.25, random_state=0, stratify=digits.target)


def cnn() -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu", name="conv_1"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv_2"),
            layers.MaxPooling2D(2),
            layers.Conv2D(32, 3, padding="same", use_bias=False, name="conv_3"),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.2),
            layers.Dense(10, activation="softmax", name="head"),
        ]
    )


def train(model: keras.Model, x: np.ndarray, y: np.ndarray, rate: float, epochs: int) -> None:
    started = time.perf_counter()
    model.compile(optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    plateau = callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=2)
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=2, callbacks=[plateau])
    print(f"trained for {time.perf_counter() - started:.1f} s")


def report(what: str, model: keras.Model, x: np.ndarray, y: np.ndarray) -> float:
    """Print and return the accuracy."""
    accuracy = float(np.mean(model.predict(x, verbose=0).argmax(axis=-1) == y))
    print(f"{what}: {accuracy:.2%} right")
    return accuracy


def main(folder: Path) -> dict[str, float]:
    """Accuracies on the test images, by model."""
    keras.utils.set_random_seed(0)
    x, x_test, y, y_test = data()
    model = cnn()
    train(model, x, y, rate=4e-3, epochs=14)
    found = {"trained": report("trained on digits", model, x_test, y_test)}
    model.save(folder / "digits.h5")
    model.save(folder / "digits.onnx")

    tuned = keras.models.load_model(folder / "digits.h5")
    report("mirrored digits, before fine-tuning", tuned, x_test[FLIPPED], y_test)
    for name in ("conv_1", "conv_2"):
        tuned.get_layer(name).trainable = False
    train(tuned, x[FLIPPED], y, rate=2e-3, epochs=6)
    found["h5"] = report("fine-tuned from digits.h5", tuned, x_test[FLIPPED], y_test)

    graph = keras.models.load_model(folder / "digits.onnx")
    print("frozen:", ", ".join(graph.freeze("conv_1*", "conv_2*")))
    train(graph, x[FLIPPED], y, rate=2e-3, epochs=6)
    found["onnx"] = report("fine-tuned from digits.onnx", graph, x_test[FLIPPED], y_test)
    graph.save(folder / "mirrored.onnx")
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
