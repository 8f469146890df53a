"""Writes the texts beside this file: what the `summary()` of real Keras prints for MODELS.

Usage: python tests/models/golden/generate.py

Needs keras 3.15.1 and rich 15. The tests build the same models with kcompat and compare every character.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

MODELS: dict[str, tuple[Callable[[Any], Any], int, dict[str, Any]]] = {}
"""Name of the text -> function that builds the model with a `keras` module, columns of the terminal, options."""


def case(columns: int = 160, tag: str = "", **options: Any) -> Callable[[Callable[[Any], Any]], Callable[[Any], Any]]:
    def enter(build: Callable[[Any], Any]) -> Callable[[Any], Any]:
        words = [build.__name__, *options, *([str(columns)] if columns != 160 else []), *([tag] if tag else [])]
        MODELS["-".join(words)] = (build, columns, options)
        return build

    return enter


@case()
@case(columns=80)
@case(columns=60)
@case(line_length=70)
@case(positions=[0.6, 0.8, 1.0])
@case(columns=80, positions=[0.2, 0.3, 0.5])
@case(show_trainable=True)
def mlp(keras):
    return keras.Sequential(
        [
            keras.Input((784,), name="pixels"),
            keras.layers.Dense(512, activation="relu", name="hidden"),
            keras.layers.Dense(10, name="a_layer_with_a_name_that_is_much_longer_than_its_column"),
        ],
        name="mlp",
    )


@case()
@case(layer_range=("conv_2", "flat"))
@case(tag="backwards", layer_range=("dense", "conv"))
def cnn(keras):
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((32, 32, 3), name="image"),
            layers.Conv2D(32, 3, name="conv_1"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D(name="pool_1"),
            layers.Conv2D(64, 3, name="conv_2"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.5, name="drop"),
            layers.Dense(10, name="dense"),
        ],
        name="cnn",
    )


@case()
def unbuilt(keras):
    return keras.Sequential([keras.layers.Dense(4, name="one"), keras.layers.Dense(2, name="two")], name="unbuilt")


@case()
def empty(keras):
    return keras.Sequential(name="empty")


@case()
def chain(keras):
    inputs = keras.Input((None, 8), name="steps")
    x = keras.layers.Conv1D(4, 3, padding="same", name="conv")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="score")(x), name="chain")


def _joined(keras, frozen=False):
    image, facts = keras.Input((8, 8, 1), name="image"), keras.Input((5,), name="facts")
    x = keras.layers.Flatten(name="flat")(image)
    x = keras.layers.Dense(16, name="seen", trainable=not frozen)(x)
    y = keras.layers.Dense(16, name="known")(facts)
    total = keras.layers.Add(name="sum")([x, y])
    both = keras.layers.Concatenate(name="both")([x, y, total])
    first = keras.layers.Dense(3, activation="softmax", name="kind")(both)
    return keras.Model([image, facts], [first, keras.layers.Dense(1, name="price")(both)], name="joined")


@case()
@case(columns=80)
@case(line_length=120)
def joined(keras):
    return _joined(keras)


@case()
@case(show_trainable=True)
def frozen(keras):
    return _joined(keras, frozen=True)


@case()
def shared(keras):
    left, right = keras.Input((6,), name="left"), keras.Input((6,), name="right")
    twin = keras.layers.Dense(4, name="twin")
    outputs = keras.layers.Subtract(name="difference")([twin(left), twin(right)])
    return keras.Model([left, right], outputs, name="shared")


@case()
def part_of_a_larger_model(keras):
    inputs = keras.Input((6,), name="in")
    twin = keras.layers.Dense(6, name="twin")
    once = twin(inputs)
    twin(once)
    return keras.Model(inputs, once, name="part")


@case()
@case(expand_nested=True)
@case(expand_nested=True, show_trainable=True)
def nested(keras):
    layers = keras.layers
    head = keras.Sequential(
        [keras.Input((4,), name="head_in"), layers.Dense(3, name="head_1"), layers.Dense(2, name="head_2")], name="head"
    )
    inner_inputs = keras.Input((6,), name="inner_in")
    inner = keras.Model(inner_inputs, head(layers.Dense(4, name="inner_dense")(inner_inputs)), name="inner")
    head.trainable = False
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    outputs = layers.Average(name="mean")([inner(a), inner(b)])
    return keras.Model([a, b], outputs, name="nested")


@case(expand_nested=True)
def transfer(keras):
    base_inputs = keras.Input((8, 8, 3), name="base_in")
    x = keras.layers.Conv2D(4, 3, name="base_conv")(base_inputs)
    base = keras.Model(base_inputs, keras.layers.BatchNormalization(name="base_norm")(x), name="base")
    base.trainable = False
    return keras.Sequential(
        [base, keras.layers.GlobalAveragePooling2D(name="pool"), keras.layers.Dense(2, name="top")], name="transfer"
    )


@case()
def states(keras):
    words = keras.Input((12,), dtype="int32", name="words")
    x = keras.layers.Embedding(1000, 16, name="embed")(words)
    sequence, hidden, cell = keras.layers.LSTM(8, return_sequences=True, return_state=True, name="lstm")(x)
    outputs = [keras.layers.Dense(2, name="tags")(sequence), keras.layers.Concatenate(name="state")([hidden, cell])]
    return keras.Model(words, outputs, name="states")


@case()
def half(keras):
    return keras.Sequential(
        [
            keras.Input((1000,), name="in"),
            keras.layers.Dense(2000, dtype="float16", name="half"),
            keras.layers.Dense(10, dtype="bfloat16", name="brain"),
            keras.layers.Dense(10, dtype="mixed_float16", name="mixed"),
        ],
        name="half",
    )


@case()
def named_inputs(keras):
    inputs = {"b": keras.Input((2,), name="b"), "a": keras.Input((3,), name="a")}
    joined = keras.layers.Concatenate(name="join")([inputs["a"], inputs["b"]])
    return keras.Model(inputs, {"y": keras.layers.Dense(1, name="y")(joined)}, name="named_inputs")


@case()
def markup(keras):
    return keras.Sequential(
        [keras.Input((2,), name="in"), keras.layers.Dense(1, name="dense [bold] x")], name="mark[up]"
    )


def main() -> None:
    import keras

    for name, (build, columns, options) in MODELS.items():
        keras.utils.clear_session()
        os.environ["COLUMNS"] = str(columns)
        texts: list[str] = []
        build(keras).summary(print_fn=texts.append, **options)
        (FOLDER / f"{name}.txt").write_text("".join(texts))


if __name__ == "__main__":
    main()
