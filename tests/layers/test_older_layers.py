"""Layers that Keras 1 or 2 had: their computations, and what is refused. Their files are in tests/converters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from golden import FOLDER, golden_files

from kcompat import layers, models
from kcompat.errors import ArgumentError, KcompatError, LoadError, ResourceError, SaveError, ShapeError
from kcompat.layers.local_connections import Connections

RNG = np.random.default_rng(4)
X = RNG.standard_normal((2, 4)).astype(np.float32)
IMAGE = RNG.standard_normal((2, 5, 4, 3)).astype(np.float32)


def given(layer: Any, x: np.ndarray, *weights: Any) -> np.ndarray:
    """The layer's output for x with weights in its order; weights are drawn where none are given."""
    layer.build_once(x.shape)
    drawn = [RNG.standard_normal(weight.shape) for weight in layer.weights]
    layer.set_weights(weights or drawn)
    return layer(x)


# --- locally connected -----------------------------------------------------------------


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("strides", [1, (2, 1)])
def test_implementations_agree(data_format: str, strides: Any) -> None:
    """The same weights in the layouts of all three."""
    x = IMAGE if data_format == "channels_last" else np.moveaxis(IMAGE, -1, 1)
    options = {"strides": strides, "data_format": data_format, "use_bias": False}
    first, second, third = (layers.LocallyConnected2D(2, (3, 2), implementation=kind, **options) for kind in (1, 2, 3))
    expected = given(first, x)
    (kernel,) = first.get_weights()
    for layer in (second, third):
        layer.build_once(x.shape)
        flat = np.zeros(layer.kernel.size)
        flat[layer.places] = kernel
        np.testing.assert_allclose(given(layer, x, flat.reshape(layer.kernel.shape)), expected, rtol=1e-5, atol=1e-5)
    assert third.kernel.shape == (kernel.size,)


def test_weights_outside_windows_do_not_count() -> None:
    layer = layers.LocallyConnected1D(2, 3, padding="same", implementation=2)
    x = IMAGE[0]
    before = given(layer, x)
    kernel, bias = layer.get_weights()
    assert kernel.shape == (4, 3, 4, 2)
    kernel[0, :, 2] += 1
    kernel[3, :, 1] += 1
    np.testing.assert_array_equal(given(layer, x, kernel, bias), before)
    kernel[0, :, 1] += 1
    assert not np.array_equal(given(layer, x, kernel, bias), before)


def test_even_windows_begin_early() -> None:
    """With "same" padding a window of two sees the position before, not the one behind."""
    layer = layers.LocallyConnected1D(1, 2, padding="same", implementation=3, use_bias=False)
    x = np.array([[[1], [10], [100]]], np.float32)
    np.testing.assert_array_equal(given(layer, x, np.ones(5))[0, :, 0], [1, 11, 110])


@pytest.mark.parametrize(
    ("arguments", "shape", "error", "message"),
    [
        ({"padding": "same"}, (None, 4, 4, 1), ArgumentError, "'same' needs implementation=2 or 3"),
        ({"implementation": 4}, (None, 4, 4, 1), ArgumentError, "implementation"),
        ({}, (None, None, 4, 1), ShapeError, "of known sizes"),
        ({}, (None, 4, 4), ShapeError, "4 axes"),
        ({"implementation": 2}, (None, 2048, 2048, 64), ResourceError, "implementation=2 connects [0-9]+ pairs"),
    ],
)
def test_local_convolutions_that_are_refused(arguments: Any, shape: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=f"'here'.*{message}"):
        layers.LocallyConnected2D(2, 3, name="here", **arguments).compute_output_shape(shape)


def test_connections_are_sorted_by_output() -> None:
    connections = Connections((3,), (3,), (2,), (1,), (1,), channels=1, filters=1, layout="channels_last")
    shape, places = connections.sparse()
    assert shape == (5,)
    np.testing.assert_array_equal(places[..., 0], [[5, 0], [1, 2], [3, 4]])
    shape, places = connections.dense()
    assert shape == (3, 1, 3, 1)
    np.testing.assert_array_equal(places[..., 0], [[9, 0], [1, 4], [5, 8]])


# --- Keras 1 -----------------------------------------------------------------------------


def test_maxout_dense() -> None:
    kernel, bias = RNG.standard_normal((3, 4, 2)), RNG.standard_normal((3, 2))
    y = given(layers.MaxoutDense(2, 3), X, kernel, bias)
    np.testing.assert_allclose(y, np.max([X @ k + b for k, b in zip(kernel, bias, strict=True)], axis=0), rtol=1e-5)


@pytest.mark.parametrize("use_bias", [True, False])
def test_highway(use_bias: bool) -> None:
    weights = [RNG.standard_normal((4, 4)) for _ in range(2)] + [RNG.standard_normal(4) for _ in range(2 * use_bias)]
    y = given(layers.Highway("tanh", use_bias), X, *weights)
    kernel, carry, bias, carry_bias = (*weights, 0, 0)[:4]
    gate = 1 / (1 + np.exp(-(X @ carry + carry_bias)))
    np.testing.assert_allclose(y, gate * np.tanh(X @ kernel + bias) + (1 - gate) * X, rtol=1e-5, atol=1e-6)


def test_highway_of_keras_1_0_states_how_a_bias_began() -> None:
    assert layers.Highway.from_config({"name": "h", "transform_bias": -2}).name == "h"


def test_srelu() -> None:
    """Pieces left of 1, between 1 and 3, right of 3; the threshold on the right is a distance, of any sign."""
    x = np.array([[-4], [0], [1], [2], [3], [5]], np.float32)
    weights = [[1.0], [0.5], [-2.0], [0.25]]
    np.testing.assert_allclose(given(layers.SReLU(), x, *weights)[:, 0], [-1.5, 0.5, 1, 2, 3, 3.5])


def test_srelu_of_theano_stops_on_the_left() -> None:
    x = np.array([[-9], [0]], np.float32)
    weights = [[1.0], [-0.5], [2.0], [0.25]]
    np.testing.assert_allclose(given(layers.SReLU(), x, *weights)[:, 0], [6, 1.5])
    np.testing.assert_allclose(given(layers.SReLU(limits_left=True), x, *weights)[:, 0], [3, 1.5])


def test_the_backend_of_srelu_must_be_known() -> None:
    file = next(file for file in golden_files("load") if file.path == "keras1_theano/advanced_activations_k1.h5")
    model = file.load()
    assert [layer.limits_left for layer in model.layers if isinstance(layer, layers.SReLU)] == [True]
    with pytest.raises(LoadError, match=r"\(SReLU\): Theano and TensorFlow compute this differently"):
        models.load_model(FOLDER / file.path, **file.dim_ordering)


def test_parametric_softplus() -> None:
    layer = layers.ParametricSoftplus(0.3, 2.0)
    np.testing.assert_allclose(layer(X), 0.3 * np.log1p(np.exp(2 * X)), rtol=1e-5)
    alphas, betas = RNG.standard_normal((2, 4))
    np.testing.assert_allclose(given(layer, X, alphas, betas), alphas * np.log1p(np.exp(betas * X)), rtol=1e-5)


@pytest.mark.parametrize("make", [lambda: layers.MaxoutDense(2), layers.Highway], ids=["maxout", "highway"])
def test_matrices_are_needed(make: Any) -> None:
    with pytest.raises(KcompatError, match=r"must be \(batch, features\), received shape"):
        make().compute_output_shape((None, 3, 4))


@pytest.mark.parametrize("form", ["keras2", "keras3"])
@pytest.mark.parametrize("name", ["MaxoutDense", "Highway", "SReLU", "ParametricSoftplus"])
def test_what_later_kerases_lack_is_not_written(name: str, form: Any, tmp_path: Path) -> None:
    layer = getattr(layers, name)(*[2] * (name == "MaxoutDense"))
    model = models.Sequential([layers.Input((4,)), layer])
    with pytest.raises(SaveError, match=f"{name}.*no Keras after 1.2 can load it"):
        model.save(tmp_path / "model.h5", form=form)
