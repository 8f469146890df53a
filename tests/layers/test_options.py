"""Options of the simple layers that the recorded cases do not reach: older names, extensions, errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import layers
from kcompat.errors import ConfigError, KcompatError, ShapeError
from kcompat.settings import set_image_data_format

IMAGE = np.random.default_rng(2).standard_normal((1, 4, 3, 2)).astype(np.float32)


@pytest.mark.parametrize(
    ("make", "fields"),
    [
        (lambda: layers.Dropout(0.5, (None, 1), 3), {"rate": 0.5, "noise_shape": (None, 1), "seed": 3}),
        (lambda: layers.SpatialDropout2D(0.5, "channels_first", 3), {"data_format": "channels_first", "seed": 3}),
        (lambda: layers.Normalization(1, 2.0, 3.0, True), {"axis": (1,), "mean": 2.0, "variance": 3.0, "invert": True}),
        (lambda: layers.ReLU(6, 0.1, 0.2), {"max_value": 6.0, "negative_slope": 0.1, "threshold": 0.2}),
        (lambda: layers.LeakyReLU(alpha=0.2), {"negative_slope": 0.2}),
        (lambda: layers.PReLU(shared_axes=1), {"shared_axes": [1]}),
        (lambda: layers.ZeroPadding2D(((1, 2), 3)), {"padding": ((1, 2), (3, 3))}),
        (lambda: layers.Cropping3D((1, 0, 2)), {"cropping": ((1, 1), (0, 0), (2, 2))}),
        (lambda: layers.UpSampling2D(3, None, "bilinear"), {"size": (3, 3), "interpolation": "bilinear"}),
        (lambda: layers.UpSampling2D(interpolation="NEAREST"), {"interpolation": "nearest"}),
    ],
)
def test_arguments(make: Any, fields: dict[str, Any]) -> None:
    layer = make()
    assert {name: getattr(layer, name) for name in fields} == fields


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("Dropout", "p", "rate"),
        ("GaussianDropout", "p", "rate"),
        ("SpatialDropout1D", "p", "rate"),
        ("GaussianNoise", "sigma", "stddev"),
        ("UpSampling1D", "length", "size"),
        ("PReLU", "init", "alpha_initializer"),
    ],
)
def test_keras_1_names(name: str, old: str, new: str) -> None:
    assert getattr(layers, name).fields[new].keras1 == old


def test_spatial_dropouts_of_keras_2_have_a_noise_shape() -> None:
    config = {"name": "s", "trainable": True, "dtype": "float32", "rate": 0.5, "noise_shape": None, "seed": None}
    assert layers.SpatialDropout1D.from_config(config).rate == 0.5
    with pytest.raises(ConfigError, match="noise_shape"):
        layers.SpatialDropout1D.from_config({**config, "noise_shape": [1, 1, 2]})


def test_activity_regularization_is_one() -> None:
    layer = layers.ActivityRegularization(l1=0.1, l2=0.2)
    assert layer.activity_regularizer(np.array([1.0, -2.0])) == pytest.approx(0.3 + 1.0)


def test_activity_regularizers_of_any_layer_are_written() -> None:
    layer = layers.Activation("relu", activity_regularizer="l2")
    assert list(layer.get_config()) == ["name", "trainable", "dtype", "activity_regularizer", "activation"]
    assert layers.Activation.from_config(layer.get_config()).activity_regularizer.l2 == 0.01
    assert "activity_regularizer" not in layers.ActivityRegularization(0.1).get_config()


def test_identity_keeps_nests_and_dtypes() -> None:
    counts = np.array([[1, 2]], np.int32)
    first, second = layers.Identity()([counts, IMAGE])
    np.testing.assert_array_equal(first, counts)
    assert first.dtype == np.int32
    np.testing.assert_array_equal(second, IMAGE)


def test_bilinear_of_tensorflow_1() -> None:
    """Against tf.compat.v1.image.resize_bilinear without half-pixel centres."""
    column = np.array([1.0, 4.0, -2.0, 0.5], np.float32).reshape(1, 4, 1, 1)
    layer = layers.UpSampling2D((2, 1), interpolation="bilinear", half_pixel_centers=False)
    np.testing.assert_allclose(layer(column).ravel(), [1.0, 2.5, 4.0, 1.0, -2.0, -0.75, 0.5, 0.5])
    config = layer.get_config()
    assert config["half_pixel_centers"] is False
    assert layers.UpSampling2D.from_config(config).half_pixel_centers is False
    assert "half_pixel_centers" not in layers.UpSampling2D().get_config()


def test_rescaling_of_channels_first_images() -> None:
    scale, image = [2.0, 3.0], np.moveaxis(IMAGE, -1, 1)
    expected = image * np.array(scale, np.float32)[:, None, None] + 1
    told = layers.Rescaling(scale, 1.0, data_format="channels_first")
    np.testing.assert_allclose(told(image), expected, rtol=1e-6)
    assert layers.Rescaling.from_config(told.get_config()).data_format == "channels_first"
    set_image_data_format("channels_first")
    try:
        np.testing.assert_allclose(layers.Rescaling(scale, 1.0)(image), expected, rtol=1e-6)
    finally:
        set_image_data_format("channels_last")
    assert "data_format" not in layers.Rescaling(scale).get_config()


def test_rescaling_takes_arrays() -> None:
    layer = layers.Rescaling(np.array([0.5, 2.0], np.float32))
    assert layer.get_config()["scale"] == [0.5, 2.0]
    np.testing.assert_allclose(layer(IMAGE), IMAGE * [0.5, 2.0], rtol=1e-6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Dropout(1.5), "'rate' must be a number in .0, 1., received 1.5"),
        (lambda: layers.Dropout(0.5, noise_shape=(0, 1)), r"'noise_shape' .*received \(0, 1\)"),
        (lambda: layers.Dropout(0.5, seed="x"), "'seed' .*received 'x'"),
        (lambda: layers.ReLU(max_value=-1), "'max_value' must be a number of at least 0 or None, received -1"),
        (lambda: layers.LeakyReLU(None), "'negative_slope' .*received None"),
        (lambda: layers.LeakyReLU(float("nan")), "'negative_slope' .*received nan"),
        (lambda: layers.ThresholdedReLU(-0.1), "'theta' .*received -0.1"),
        (lambda: layers.Activation("rleu"), "unknown activation 'rleu'"),
        (lambda: layers.Softmax("last"), "'axis' .*received 'last'"),
        (lambda: layers.Reshape((-1, -1)), r"'target_shape' .*received \(-1, -1\)"),
        (lambda: layers.Reshape((-2, 3)), r"'target_shape' .*received \(-2, 3\)"),
        (lambda: layers.Permute((0, 1)), r"'dims' .*received \(0, 1\)"),
        (lambda: layers.RepeatVector(0), "'n' .*received 0"),
        (lambda: layers.Cropping1D((1, 2, 3)), r"'cropping' .*received \(1, 2, 3\)"),
        (lambda: layers.ZeroPadding2D((1, -1)), r"'padding' .*received \(1, -1\)"),
        (lambda: layers.UpSampling2D(interpolation="cubic"), "'interpolation' .*received 'cubic'"),
        (lambda: layers.UpSampling2D(half_pixel_centers=False), "needs interpolation='bilinear', received 'nearest'"),
        (lambda: layers.Dot((1, 2, 3)), r"'axes' .*received \(1, 2, 3\)"),
        (lambda: layers.Rescaling("a"), "'scale' .*received 'a'"),
        (lambda: layers.Normalization(mean=1.0), "mean and variance must be given together"),
        (lambda: layers.Normalization(mean=[[1.0]], variance=[[1.0]]), "has more axes than axis="),
    ],
)
def test_wrong_arguments_are_refused(make: Any, message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (layers.Reshape((7,), name="n"), r"layer 'n' \(Reshape\): reshape: \[1,4,3,2\] has 24 elements"),
        (
            layers.Permute((2, 1), name="n"),
            r"layer 'n' \(Permute\): needs an input of rank 3, received shape \[1,4,3,2\]",
        ),
        (layers.RepeatVector(2, name="n"), r"layer 'n' \(RepeatVector\): needs an input of rank 2"),
        (layers.ZeroPadding1D(1, name="n"), r"layer 'n' \(ZeroPadding1D\): needs an input of rank 3"),
        (layers.UpSampling3D(name="n"), r"layer 'n' \(UpSampling3D\): needs an input of rank 5"),
        (layers.SpatialDropout1D(0.5, name="n"), r"layer 'n' \(SpatialDropout1D\): needs an input of rank 3"),
        (layers.PReLU(shared_axes=[4], name="n"), r"layer 'n' \(PReLU\): shared_axes=\[4\] do not fit"),
        (layers.Softmax(4, name="n"), r"layer 'n' \(Softmax\): axes=4 is out of range"),
        (layers.Normalization(axis=5, name="n"), r"layer 'n' \(Normalization\): axis=5 is out of range"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(layer: Any, message: str) -> None:
    with pytest.raises(KcompatError, match=message):
        layer(IMAGE)


def test_prelu_needs_known_sizes() -> None:
    with pytest.raises(KcompatError, match=r"weight 'alpha' needs known sizes, received \(None, 2\)"):
        layers.PReLU()(layers.Input((None, 2)))


def test_normalization_adapts_to_an_array_or_to_batches() -> None:
    data = np.random.default_rng(0).normal(30.0, 2.0, (50, 4, 3)).astype(np.float32)
    for samples in (data, np.array_split(data, 7), iter([data[:1], data[1:]])):
        layer = layers.Normalization(axis=[1, -1])
        layer.adapt(samples)
        mean, variance, _ = layer.get_weights()
        np.testing.assert_allclose(mean, data.mean(axis=0), rtol=1e-5)
        np.testing.assert_allclose(variance, data.var(axis=0), rtol=1e-4)
        np.testing.assert_allclose(layer(data), (data - mean) / np.sqrt(variance), rtol=1e-3, atol=1e-4)


def test_normalization_over_everything() -> None:
    data = np.arange(12.0, dtype=np.float32).reshape(4, 3)
    layer = layers.Normalization(axis=None)
    layer.adapt(data)
    assert [weight.shape for weight in layer.get_weights()] == [(), (), ()]
    np.testing.assert_allclose(layer(data), (data - 5.5) / data.std(), rtol=1e-5)


def test_normalization_refuses_what_it_cannot_adapt_to() -> None:
    layer = layers.Normalization(name="n")
    layer.adapt(np.ones((2, 3), np.float32))
    with pytest.raises(ShapeError, match=r"layer 'n' \(Normalization\): adapt\(\) needs sizes \(3,\)"):
        layer.adapt(np.ones((2, 4), np.float32))
    with pytest.raises(KcompatError, match="received no data"):
        layer.adapt([])
    with pytest.raises(KcompatError, match="are given"):
        layers.Normalization(mean=1.0, variance=1.0).adapt(np.ones((2, 3)))


def test_cropping_more_than_there_is_leaves_nothing() -> None:
    """As in Keras 2, whose files hold such models."""
    x = np.ones((2, 1, 4, 3), np.float32)
    assert layers.Cropping2D(((1, 1), (0, 1)))(x).shape == (2, 0, 3, 3)
