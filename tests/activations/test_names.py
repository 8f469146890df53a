"""The namespace: names, aliases, get, serialize, deserialize; as keras.activations 3.15.1."""

from __future__ import annotations

import numpy as np
import pytest

from kcompat import activations, layers
from kcompat.errors import ArgumentError, SaveError
from kcompat.utils import CustomObjectScope

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


def test_activations_of_the_callers_own() -> None:
    cubic = activations.Activation("cubic", lambda b, x: b.mul(x, b.square(x)))
    with CustomObjectScope({"cubic": cubic, "Leak": layers.LeakyReLU}):
        layer = layers.Dense(2, activation="cubic")
        assert isinstance(activations.get("Leak"), layers.LeakyReLU)
        assert layer.get_config()["activation"] == "cubic"
        assert type(layer).from_config(layer.get_config()).activation is cubic
    np.testing.assert_allclose(cubic([2.0, -3.0]), [8.0, -27.0])


def test_functions_of_tensors_serve_by_name() -> None:
    with CustomObjectScope({"cubic": lambda x: x**3}):
        np.testing.assert_allclose(layers.Activation("cubic")(np.float32([2.0])), [8.0])


def test_functions_without_a_name_are_not_written() -> None:
    with pytest.raises(SaveError, match="has no name"):
        layers.Activation(lambda x: x**3).get_config()


@pytest.mark.parametrize("wrong", [3, layers.LeakyReLU])
def test_what_is_no_identifier_is_refused(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"an activation is a name, .*received"):
        activations.get(wrong)


@pytest.mark.parametrize("wrong", ["rleu", {"class_name": "Nothing"}, {"class_name": "function", "config": "own"}])
def test_unknown_names_are_refused_with_what_to_do(wrong: object) -> None:
    with pytest.raises(ArgumentError, match=r"unknown activation '.*; known: celu.*pass custom_objects="):
        activations.get(wrong)
