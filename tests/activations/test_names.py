"""The namespace: names, aliases, get, serialize, deserialize; as keras.activations 3.15.1."""

from __future__ import annotations

import pytest

from kcompat import activations, layers
from kcompat.errors import ArgumentError

KERAS_NAMES = [
    *["celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish"],
    *["hard_tanh", "leaky_relu", "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu"],
    *["sigmoid", "silu", "soft_shrink", "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid"],
    *["sparsemax", "squareplus", "swish", "tanh", "tanh_shrink", "threshold"],
]


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_every_name_is_a_function_and_an_identifier(name: str) -> None:
    assert activations.get(name) is getattr(activations, name)


def test_names_are_those_of_keras_and_the_older_hard_sigmoid() -> None:
    assert set(activations.ACTIVATIONS) == {*KERAS_NAMES, "hard_sigmoid_keras2"}


@pytest.mark.parametrize("name", KERAS_NAMES)
def test_serialize_and_deserialize(name: str) -> None:
    written = activations.serialize(activations.get(name))
    assert written == {"swish": "silu", "hard_swish": "hard_silu"}.get(name, name)
    assert activations.deserialize(written) is activations.get(name)


def test_none_is_linear() -> None:
    assert activations.get(None) is activations.linear


@pytest.mark.parametrize(
    "spec",
    [
        {"module": "builtins", "class_name": "function", "config": "relu", "registered_name": "relu"},
        {"class_name": "relu", "config": {}},
        {"module": "keras.activations", "class_name": "function", "config": "relu"},
    ],
)
def test_function_dicts(spec: dict[str, object]) -> None:
    assert activations.get(spec) is activations.relu


def test_layers_are_activations() -> None:
    spec = activations.serialize(layers.LeakyReLU(0.1, name="leak"))
    assert spec["module"] == "keras.layers"
    assert spec["class_name"] == "LeakyReLU"
    again = activations.deserialize(spec)
    assert isinstance(again, layers.LeakyReLU)
    assert again.negative_slope == 0.1


@pytest.mark.parametrize("wrong", ["rleu", 3, abs, {"class_name": "Nothing"}])
def test_unknown_identifiers_are_refused_with_the_known_names(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"unknown activation .*; known: celu"):
        activations.get(wrong)
