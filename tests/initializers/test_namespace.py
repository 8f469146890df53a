"""Constant initializers, and get, serialize, deserialize; as keras.initializers 3.15.1."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import initializers, layers
from kcompat.errors import ArgumentError, ShapeError, UnknownLayerError

CONFIGS: list[tuple[str, dict[str, Any]]] = [
    ("Zeros", {}),
    ("Ones", {}),
    ("Constant", {"value": 0.0}),
    ("Identity", {}),
    ("RandomNormal", {"seed": None, "mean": 0.0, "stddev": 0.05}),
    ("RandomUniform", {"seed": None, "minval": -0.05, "maxval": 0.05}),
    ("TruncatedNormal", {"seed": None, "mean": 0.0, "stddev": 0.05}),
    (
        "VarianceScaling",
        {
            "seed": None,
            "scale": 1.0,
            "mode": "fan_in",
            "distribution": "truncated_normal",
            "input_axes": None,
            "output_axes": None,
        },
    ),
    *(
        (name, {"seed": None, "input_axes": None, "output_axes": None})
        for name in ("GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal")
    ),
    ("Orthogonal", {"seed": None, "gain": 1.0}),
    ("STFT", {"side": "real", "window": "hann", "periodic": False, "scaling": "density"}),
]

ALIASES = [
    *[("zeros", "Zeros"), ("zero", "Zeros"), ("ones", "Ones"), ("one", "Ones"), ("constant", "Constant")],
    *[("identity", "Identity"), ("IdentityInitializer", "Identity"), ("normal", "RandomNormal")],
    *[("random_normal", "RandomNormal"), ("uniform", "RandomUniform"), ("random_uniform", "RandomUniform")],
    *[("truncated_normal", "TruncatedNormal"), ("variance_scaling", "VarianceScaling")],
    *[("glorot_uniform", "GlorotUniform"), ("glorot_normal", "GlorotNormal"), ("he_uniform", "HeUniform")],
    *[("he_normal", "HeNormal"), ("lecun_uniform", "LecunUniform"), ("lecun_normal", "LecunNormal")],
    *[("orthogonal", "Orthogonal"), ("OrthogonalInitializer", "Orthogonal"), ("stft", "STFT")],
    ("STFTInitializer", "STFT"),
]


@pytest.mark.parametrize(("name", "config"), CONFIGS)
def test_config(name: str, config: dict[str, Any]) -> None:
    initializer = getattr(initializers, name)()
    assert list(initializer.get_config().items()) == list(config.items())
    assert initializers.serialize(initializer) == {
        "module": "keras.initializers",
        "class_name": name,
        "config": config,
        "registered_name": None,
    }


@pytest.mark.parametrize(("alias", "name"), ALIASES)
def test_aliases(alias: str, name: str) -> None:
    assert type(initializers.get(alias)) is getattr(initializers, name)


@pytest.mark.parametrize(
    ("initializer", "config"),
    [
        (initializers.RandomNormal(1.0, 2.0, 3), {"seed": 3, "mean": 1.0, "stddev": 2.0}),
        (initializers.Orthogonal(2.0, 3), {"seed": 3, "gain": 2.0}),
        (
            initializers.STFT("imag", "hamming", "spectrum", True),
            {"side": "imag", "window": "hamming", "periodic": True, "scaling": "spectrum"},
        ),
        (initializers.Identity(3.0), {"gain": 3.0}),
    ],
)
def test_arguments_by_position(initializer: Any, config: dict[str, Any]) -> None:
    assert initializer.get_config() == config


def test_serialized_form_comes_back() -> None:
    written = initializers.serialize(initializers.HeNormal(seed=3))
    again = initializers.deserialize(written)
    np.testing.assert_array_equal(again((4, 5)), initializers.HeNormal(seed=3)((4, 5)))


def test_get_takes_objects_classes_functions_and_none() -> None:
    ones = initializers.Ones()
    assert initializers.get(ones) is ones
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert initializers.get(None) is None
    made = initializers.get(lambda shape, dtype: np.full(shape, 2.5, dtype))((2, 2), "float64")
    np.testing.assert_array_equal(made, np.full((2, 2), 2.5))
    assert made.dtype == np.float64


def test_an_array_is_an_initializer_of_its_shape() -> None:
    start = np.arange(6.0).reshape(2, 3)
    layer = layers.Dense(3, kernel_initializer=start)
    layer.build_once((None, 2))
    np.testing.assert_array_equal(layer.kernel.value, start)
    with pytest.raises(ShapeError, match=r"shape \(2, 3\), the weight has \(2, 4\)"):
        initializers.get(start)((2, 4))


def test_a_function_cannot_be_written() -> None:
    layer = layers.Dense(3, kernel_initializer=lambda shape, dtype: np.ones(shape))
    with pytest.raises(ArgumentError, match="cannot be written"):
        layer.get_config()


def test_constant_values() -> None:
    np.testing.assert_array_equal(initializers.Zeros()((2, 3)), np.zeros((2, 3)))
    np.testing.assert_array_equal(initializers.Ones()((2, 3), "int32"), np.ones((2, 3), np.int32))
    np.testing.assert_array_equal(initializers.Constant(1.5)((2,)), [1.5, 1.5])
    np.testing.assert_array_equal(initializers.Constant([1, 2])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])


def test_constant_reads_arrays_as_keras_writes_them() -> None:
    spec = {"class_name": "__numpy__", "config": {"value": [1.0, 2.0], "dtype": "float64"}}
    constant = initializers.deserialize({"class_name": "Constant", "config": {"value": spec}})
    np.testing.assert_array_equal(constant((2,)), [1.0, 2.0])
    assert initializers.Constant(np.array([1.0, 2.0])).get_config() == {"value": [1.0, 2.0]}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: initializers.get("glorot"), "has no 'glorot'; known: .*GlorotNormal"),
        (lambda: initializers.get(3.5), "received 3.5"),
        (lambda: initializers.GlorotUniform(seed="x"), "GlorotUniform: argument 'seed' .*received 'x'"),
        (lambda: initializers.VarianceScaling(scale=0), "VarianceScaling: argument 'scale' .*received 0"),
        (lambda: initializers.VarianceScaling(mode="fan"), "'mode' must be one of 'fan_in'.*received 'fan'"),
        (lambda: initializers.VarianceScaling(distribution="cauchy"), "'distribution' .*received 'cauchy'"),
        (lambda: initializers.Constant("a"), "Constant: argument 'value' .*received 'a'"),
        (lambda: initializers.Identity()((2, 2, 2)), r"received shape \(2, 2, 2\)"),
        (lambda: initializers.Orthogonal()((3,)), r"received shape \(3,\)"),
        (lambda: initializers.STFT(window="kaiser"), "STFT: argument 'window' .*received 'kaiser'"),
        (lambda: initializers.STFT(side="left"), "STFT: argument 'side' .*received 'left'"),
        (lambda: initializers.STFT(window=[1.0, 2.0])((3, 1, 2)), r"shape \(2,\), the frames have length 3"),
    ],
)
def test_wrong_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises((ArgumentError, ShapeError), match=message):
        make()


def test_unknown_classes_are_refused() -> None:
    with pytest.raises(UnknownLayerError, match="'Nothing'"):
        initializers.get({"class_name": "Nothing", "config": {}})
