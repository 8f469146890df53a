"""Convolutions: arguments that Keras refuses, older words, and what a wrong input says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from kcompat import layers
from kcompat.config import CLASSES
from kcompat.errors import ArgumentError, ConfigError, ShapeError

TABLE = CLASSES["keras.layers"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: layers.Conv2D(0, 3), "'filters' must be a positive integer, received 0"),
        (lambda: layers.Conv2D(4, (3, 3, 3)), r"'kernel_size' must be .*, received \(3, 3, 3\)"),
        (lambda: layers.Conv2D(4, 0), "'kernel_size' must be .* at least 1, received 0"),
        (lambda: layers.Conv2D(4, 3, strides=0), "'strides' must be .* received 0"),
        (lambda: layers.Conv2D(4, 3, padding="causal"), "'padding' must be one of 'valid', 'same', received 'causal'"),
        (lambda: layers.Conv2D(4, 3, strides=2, dilation_rate=2), r"strides=\(2, 2\) and dilation_rate=\(2, 2\)"),
        (lambda: layers.Conv2D(4, 3, groups=3), "filters=4 do not divide into groups=3"),
        (lambda: layers.Conv2D(4, 3, data_format="NHWC"), "'data_format' must be .* received 'NHWC'"),
        (lambda: layers.Conv1DTranspose(4, 3, strides=2, output_padding=2), r"output_padding=\(2,\) must be below"),
        (lambda: layers.Conv2DTranspose(4, 3, strides=2, dilation_rate=2), "cannot both exceed one"),
        (lambda: layers.DepthwiseConv2D(3, depth_multiplier=0), "'depth_multiplier' must be a positive integer"),
        (lambda: layers.Conv2D(4), "'kernel_size' is required"),
    ],
)
def test_wrong_arguments(make: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()


LAYERS = [
    layers.Conv1D(4, 3),
    layers.Conv2D(4, 3),
    layers.Conv3D(4, 3),
    layers.DepthwiseConv1D(3),
    layers.DepthwiseConv2D(3),
    layers.SeparableConv1D(4, 3),
    layers.SeparableConv2D(4, 3),
    layers.Conv1DTranspose(4, 3),
    layers.Conv2DTranspose(4, 3),
    layers.Conv3DTranspose(4, 3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_input_of_another_rank(layer: Any) -> None:
    """The layer is left unbuilt, and named with the axes it needs and the shape it received."""
    shape = (None,) + (8,) * layer.rank
    with pytest.raises(ShapeError, match=f"{layer.name}.* must have {layer.rank + 2} axes .*8"):
        layer.compute_output_shape(shape)
    assert not layer.built
    assert not layer.weights


def test_channels_that_do_not_fit() -> None:
    with pytest.raises(ArgumentError, match="5 input channels do not divide into groups=2"):
        layers.Conv2D(4, 3, groups=2)(np.zeros((1, 8, 8, 5), np.float32))
    layer = layers.Conv2D(4, 3, name="first")
    layer(np.zeros((1, 8, 8, 5), np.float32))
    with pytest.raises(ShapeError, match=r"layer 'first' \(Conv2D\): conv: .* has 6 channels, .* takes 5"):
        layer(np.zeros((1, 8, 8, 6), np.float32))


@pytest.mark.parametrize("class_name", ["Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"])
def test_open_channels(class_name: str) -> None:
    arguments = {"kernel_size": 3} if class_name == "DepthwiseConv2D" else {"filters": 2, "kernel_size": 3}
    with pytest.raises(ArgumentError, match="channels"):
        TABLE[class_name](**arguments).compute_output_shape((None, 8, 8, None))


def test_window_larger_than_the_input() -> None:
    with pytest.raises(ShapeError, match="a window spanning 5 does not fit into 4 positions"):
        layers.Conv2D(1, 3, dilation_rate=2).compute_output_shape((None, 4, 8, 1))


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        *((f"Convolution{rank}D", f"Conv{rank}D") for rank in (1, 2, 3)),
        *((f"Convolution{rank}DTranspose", f"Conv{rank}DTranspose") for rank in (1, 2, 3)),
        *((f"SeparableConvolution{rank}D", f"SeparableConv{rank}D") for rank in (1, 2)),
        ("Deconvolution2D", "Conv2DTranspose"),
        ("Deconvolution3D", "Conv3DTranspose"),
    ],
)
def test_aliases(alias: str, name: str) -> None:
    assert TABLE[alias] is TABLE[name]


@pytest.mark.parametrize("class_name", ["DepthwiseConv2D", "SeparableConv2D", "Conv2DTranspose"])
def test_groups_of_keras_2_mean_nothing_at_one(class_name: str) -> None:
    config = {"kernel_size": [3, 3], **({} if class_name == "DepthwiseConv2D" else {"filters": 2})}
    TABLE[class_name].from_config({**config, "groups": 1})
    with pytest.raises(ConfigError, match="key 'groups' has value 2"):
        TABLE[class_name].from_config({**config, "groups": 2})


def test_kernel_entries_of_keras_2_without_a_kernel() -> None:
    """Keras 2 writes them for layers that have no weight of that role."""
    extra = {"kernel_initializer": {"class_name": "HeNormal", "config": {}}, "kernel_regularizer": {"l2": 1.0}}
    layer = layers.SeparableConv2D.from_config({"filters": 2, "kernel_size": [3, 3], **extra})
    assert not set(extra) & set(layer.get_config())


def test_positions_of_arguments() -> None:
    depthwise = layers.DepthwiseConv2D(3, 2, "same", 4)
    assert (depthwise.kernel_size, depthwise.strides, depthwise.depth_multiplier) == ((3, 3), (2, 2), 4)
    separable = layers.SeparableConv2D(8, 3, 1, "same", None, 2, 5)
    assert (separable.filters, separable.dilation_rate, separable.depth_multiplier) == (8, (2, 2), 5)
    volume = layers.Conv3DTranspose(8, 3, 2, "same", "channels_first")
    assert (volume.data_format, volume.output_padding) == ("channels_first", None)


def test_transposed_sizes_stay_open() -> None:
    layer = layers.Conv2DTranspose(4, 3, strides=2, padding="same")
    assert layer.compute_output_shape((None, None, 5, 2)) == (None, None, 10, 4)
