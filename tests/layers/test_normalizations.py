"""Normalisation: configs of every generation, and what wrong arguments and inputs say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import layers
from kcompat.config import CLASSES
from kcompat.errors import ArgumentError, ConfigError, ShapeError, UnknownLayerError

TABLE = CLASSES["keras.layers"]


def test_axis_lists_of_keras_2() -> None:
    one = layers.BatchNormalization.from_config({"axis": [3]})
    assert (one.axis, one.axes, one.get_config()["axis"]) == (3, None, 3)
    several = layers.BatchNormalization.from_config({"axis": [1, 3]})
    assert several.get_config()["axes"] == (1, 3)
    several.build_once((None, 4, 5, 6))
    assert several.gamma.shape == (1, 4, 1, 6)


def test_keys_of_keras_2() -> None:
    layers.BatchNormalization.from_config({"fused": True, "virtual_batch_size": None, "adjustment": None})
    with pytest.raises(ConfigError, match="key 'virtual_batch_size' has value 4"):
        layers.BatchNormalization.from_config({"virtual_batch_size": 4})


def test_renorm_changes_nothing_at_inference() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3)).astype(np.float32)
    plain, renorm = layers.BatchNormalization(), layers.BatchNormalization(renorm=True)
    plain(x), renorm(x)
    statistics = [np.float32([1, 2, 3]), np.float32([0, 1, 0]), np.float32([1, -1, 0]), np.float32([4, 1, 2])]
    plain.set_weights(statistics)
    renorm.set_weights([*statistics, *[np.full(3, 9, np.float32)] * 3])
    assert [w.name for w in renorm.weights[4:]] == ["moving_stddev", "renorm_mean", "renorm_stddev"]
    np.testing.assert_array_equal(plain(x), renorm(x))


def test_renorm_statistics_start_from_the_moving_ones() -> None:
    layer = layers.BatchNormalization(renorm=True, moving_variance_initializer=layers_constant(4.0))
    layer.build_once((None, 2))
    assert layer.moving_stddev.numpy().tolist() == layer.renorm_stddev.numpy().tolist() == [2.0, 2.0]


def layers_constant(value: float) -> dict[str, Any]:
    return {"class_name": "Constant", "config": {"value": value}}


@pytest.mark.parametrize("alias", ["BatchNormalizationV1", "BatchNormalizationV2"])
def test_aliases(alias: str) -> None:
    assert TABLE[alias] is layers.BatchNormalization


@pytest.mark.parametrize(
    ("layer", "shape", "error", "message"),
    [
        (layers.BatchNormalization(axis=4), (None, 3), ShapeError, "axis=4 is out of range for a tensor of rank 2"),
        (layers.BatchNormalization(), (None, None), ArgumentError, "weight 'gamma' needs known sizes"),
        (layers.LayerNormalization(axis=(1, -1)), (None, 3), ShapeError, "names an axis twice"),
        (layers.LayerNormalization(axis=3), (None, 3), ShapeError, "axis=3 is out of range"),
        (layers.GroupNormalization(4), (None, 6), ArgumentError, "6 channels do not divide into groups=4"),
        (layers.GroupNormalization(), (None, 8), ArgumentError, "8 channels do not divide into groups=32"),
        (layers.RMSNormalization(axis=1), (None, 3, 4), ShapeError, r"do not broadcast: \[\?,3,4\] with \[3\]"),
        (layers.UnitNormalization(axis=2), (None, 3), ShapeError, "axes=2 is out of range"),
        (layers.SpectralNormalization(layers.Flatten()), (None, 3), ArgumentError, "neither a kernel nor embeddings"),
    ],
)
def test_inputs_that_do_not_fit(layer: Any, shape: tuple[Any, ...], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        layer.compute_output_shape(shape)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: layers.BatchNormalization(axis=[1.5]),
            r"'axis' must be an integer or a list of one, received \[1.5\]",
        ),
        (lambda: layers.BatchNormalization(renorm_clipping={"low": 1}), r"renorm_clipping has keys \['low'\]"),
        (lambda: layers.GroupNormalization(0), "groups must be positive, or -1 for one per channel, received 0"),
        (lambda: layers.SpectralNormalization(3), "'layer' must be a layer, received 3"),
        (lambda: layers.SpectralNormalization(layers.Dense(2), 0), "'power_iterations' must be a positive integer"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


def test_spectral_normalization_of_an_unknown_layer_names_it() -> None:
    with pytest.raises(UnknownLayerError, match="'Sorcery'"):
        layers.SpectralNormalization.from_config({"layer": {"class_name": "Sorcery", "config": {}}})


def test_spectral_normalization_holds_its_layer() -> None:
    layer = layers.SpectralNormalization.from_config({"layer": {"class_name": "Dense", "config": {"units": 2}}})
    layer.build_once((None, 3))
    assert [w.name for w in layer.weights] == ["kernel", "vector_u", "bias"]
    assert [w.name for w in layer.trainable_weights] == ["kernel", "bias"]
    assert layer.kernel is layer.layer.kernel
    layer.trainable = False
    assert layer.trainable_weights == []


def test_axes_are_written_as_a_list_once_built() -> None:
    layer = layers.LayerNormalization(axis=-1)
    assert layer.get_config()["axis"] == -1
    layer.build_once((None, 3))
    assert layer.get_config()["axis"] == (-1,)
