"""Image augmentation layers: configs and positions of arguments as Keras 3.15.1 has them, and inference."""

from __future__ import annotations

import inspect
import json
from typing import Any

import numpy as np
import pytest

from kcompat import layers, models
from kcompat.errors import ArgumentError, ShapeError

LAST = {"data_format": "channels_last"}
RANGE = {"value_range": [0, 255]}

CASES: list[tuple[str, dict[str, Any], dict[str, Any], list[str]]] = [
    (
        "RandomFlip",
        {"mode": "horizontal", "data_format": "channels_first"},
        {"data_format": "channels_first", "seed": None, "mode": "horizontal"},
        ["mode", "seed", "data_format"],
    ),
    (
        "RandomRotation",
        {"factor": 0.2},
        {
            **LAST,
            "factor": [-0.2, 0.2],
            "fill_mode": "reflect",
            "fill_value": 0.0,
            "interpolation": "bilinear",
            "seed": None,
        },
        ["factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format"],
    ),
    (
        "RandomZoom",
        {"height_factor": [-0.2, 0.3], "bounding_box_format": "xyxy", "seed": 3},
        {
            **LAST,
            "bounding_box_format": "xyxy",
            "height_factor": [-0.2, 0.3],
            "width_factor": None,
            "fill_mode": "reflect",
            "interpolation": "bilinear",
            "seed": 3,
            "fill_value": 0.0,
        },
        ["height_factor", "width_factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format"],
    ),
    (
        "RandomTranslation",
        {"height_factor": 0.2, "width_factor": 0.1},
        {
            **LAST,
            "height_factor": 0.2,
            "width_factor": 0.1,
            "fill_mode": "reflect",
            "interpolation": "bilinear",
            "seed": None,
            "fill_value": 0.0,
        },
        ["height_factor", "width_factor", "fill_mode", "interpolation", "seed", "fill_value", "data_format"],
    ),
    (
        "RandomCrop",
        {"height": 3, "width": 4, "seed": 5},
        {**LAST, "height": 3, "width": 4, "seed": 5},
        ["height", "width", "seed", "data_format"],
    ),
    (
        "RandomContrast",
        {"factor": 0.2},
        {**LAST, "factor": [0, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "seed"],
    ),
    (
        "RandomBrightness",
        {"factor": 0.2},
        {**LAST, "factor": [-0.2, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "seed"],
    ),
    (
        "RandomHue",
        {"factor": 0.2},
        {**LAST, "factor": [0, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "data_format", "seed"],
    ),
    (
        "RandomSaturation",
        {"factor": 0.2},
        {**LAST, "factor": [-0.2, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "data_format", "seed"],
    ),
    (
        "RandomSharpness",
        {"factor": 0.2},
        {**LAST, "factor": [0, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "data_format", "seed"],
    ),
    (
        "RandomShear",
        {"x_factor": 0.3, "y_factor": [0.1, 0.4]},
        {
            **LAST,
            "x_factor": [-0.3, 0.3],
            "y_factor": [0.1, 0.4],
            "fill_mode": "reflect",
            "interpolation": "bilinear",
            "seed": None,
            "fill_value": 0.0,
        },
        ["x_factor", "y_factor", "interpolation", "fill_mode", "fill_value", "data_format", "seed"],
    ),
    (
        "RandomPerspective",
        {},
        {**LAST, "factor": [0, 1.0], "scale": 1.0, "interpolation": "bilinear", "fill_value": 0.0, "seed": None},
        ["factor", "scale", "interpolation", "fill_value", "seed", "data_format"],
    ),
    (
        "RandomPosterization",
        {"factor": 4},
        {**LAST, "factor": [1, 4], **RANGE, "seed": None},
        ["factor", "value_range", "data_format", "seed"],
    ),
    ("RandomGrayscale", {}, {**LAST, "factor": 0.5}, ["factor", "data_format", "seed"]),
    (
        "RandomErasing",
        {},
        {**LAST, "factor": [0, 1.0], "scale": [0.02, 0.33], "fill_value": None, **RANGE, "seed": None},
        ["factor", "scale", "fill_value", "value_range", "seed", "data_format"],
    ),
    (
        "RandomElasticTransform",
        {},
        {
            **LAST,
            "factor": [0, 1.0],
            "scale": [0, 1.0],
            "interpolation": "bilinear",
            "fill_mode": "reflect",
            "fill_value": 0.0,
            **RANGE,
            "seed": None,
        },
        ["factor", "scale", "interpolation", "fill_mode", "fill_value", "value_range", "seed", "data_format"],
    ),
    (
        "RandomGaussianBlur",
        {},
        {**LAST, "factor": [0, 1.0], "kernel_size": [3, 3], "sigma": [0, 1.0], **RANGE, "seed": None},
        ["factor", "kernel_size", "sigma", "value_range", "data_format", "seed"],
    ),
    (
        "RandomColorJitter",
        {"brightness_factor": 0.3, "contrast_factor": 0.4, "saturation_factor": 0.2, "hue_factor": 0.1},
        {
            **LAST,
            **RANGE,
            "brightness_factor": 0.3,
            "contrast_factor": 0.4,
            "saturation_factor": 0.2,
            "hue_factor": 0.1,
            "seed": None,
        },
        [
            "value_range",
            "brightness_factor",
            "contrast_factor",
            "saturation_factor",
            "hue_factor",
            "seed",
            "data_format",
        ],
    ),
    (
        "RandomColorDegeneration",
        {"factor": 0.2},
        {**LAST, "factor": [-0.2, 0.2], **RANGE, "seed": None},
        ["factor", "value_range", "data_format", "seed"],
    ),
    (
        "RandomInvert",
        {},
        {**LAST, "factor": [0, 1.0], **RANGE, "seed": None},
        ["factor", "value_range", "seed", "data_format"],
    ),
    (
        "AugMix",
        {},
        {
            **LAST,
            **RANGE,
            "num_chains": 3,
            "chain_depth": 3,
            "factor": [0, 0.3],
            "alpha": 1.0,
            "all_ops": True,
            "interpolation": "bilinear",
            "seed": None,
        },
        [
            "value_range",
            "num_chains",
            "chain_depth",
            "factor",
            "alpha",
            "all_ops",
            "interpolation",
            "seed",
            "data_format",
        ],
    ),
    ("AutoContrast", {}, {**LAST, **RANGE}, ["value_range"]),
    ("CutMix", {}, {**LAST, "factor": [0, 1.0], "seed": None}, ["factor", "seed", "data_format"]),
    ("MixUp", {}, {**LAST, "alpha": 0.2, "seed": None}, ["alpha", "data_format", "seed"]),
    (
        "RandAugment",
        {},
        {**LAST, **RANGE, "num_ops": 2, "factor": [0, 0.5], "interpolation": "bilinear", "seed": None},
        ["value_range", "num_ops", "factor", "interpolation", "seed", "data_format"],
    ),
    (
        "Solarization",
        {"addition_factor": 0.3, "threshold_factor": 0.4},
        {**LAST, **RANGE, "addition_factor": [0, 0.3], "threshold_factor": [0, 0.4], "seed": None},
        ["addition_factor", "threshold_factor", "value_range", "seed"],
    ),
    ("MaxNumBoundingBoxes", {"max_number": 3}, {**LAST, "max_number": 3}, ["max_number", "fill_value"]),
    (
        "RandomHeight",
        {"factor": 0.2},
        {"factor": 0.2, "interpolation": "bilinear", "seed": None},
        ["factor", "interpolation", "seed"],
    ),
    (
        "RandomWidth",
        {"factor": 0.2},
        {"factor": 0.2, "interpolation": "bilinear", "seed": None},
        ["factor", "interpolation", "seed"],
    ),
]

BASE = ("name", "trainable", "dtype")
IMAGES = np.random.default_rng(5).normal(100, 200, (2, 3, 4, 3)).astype(np.float32)


@pytest.mark.parametrize(("name", "arguments", "config", "positions"), CASES)
def test_config_and_positions(
    name: str, arguments: dict[str, Any], config: dict[str, Any], positions: list[str]
) -> None:
    layer = getattr(layers, name)(**arguments)
    written = json.loads(json.dumps(layer.get_config()))
    own = {key: value for key, value in written.items() if key not in BASE}
    assert list(own.items()) == list(config.items())
    assert json.loads(json.dumps(type(layer).from_config(written).get_config())) == written
    signature = inspect.signature(type(layer)).parameters.values()
    by_position = [p.name for p in signature if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert by_position[: len(positions)] == positions


@pytest.mark.parametrize(("name", "arguments"), [case[:2] for case in CASES if case[0] != "AutoContrast"])
def test_images_pass_in_inference(name: str, arguments: dict[str, Any]) -> None:
    layer = getattr(layers, name)(**arguments)
    images = np.moveaxis(IMAGES, -1, 1) if arguments.get("data_format") == "channels_first" else IMAGES
    np.testing.assert_array_equal(layer(images), images)
    np.testing.assert_array_equal(layer(images[0]), images[0])
    assert layer(np.zeros(images.shape, np.uint8)).dtype == np.float32
    with pytest.raises(ShapeError, match=f"{name}.*needs an input of rank 3 or 4"):
        layer(np.zeros((2, 3), np.float32))


def test_random_crop_of_early_keras_2_resizes_then_crops() -> None:
    layer = layers.RandomCrop(2, 4, fitting="resize_crop")
    covering = layers.Resizing(4, 4)(IMAGES[:, :3, :3])
    np.testing.assert_array_equal(layer(IMAGES[:, :3, :3]), covering[:, 1:3])
    with pytest.raises(ShapeError, match=r"RandomCrop.*height and width must be known"):
        layer(layers.Input((None, None, 3)))


def test_what_belongs_to_images_passes_with_them() -> None:
    labels = np.arange(2)
    result = layers.RandomFlip()({"images": IMAGES, "labels": labels})
    np.testing.assert_array_equal(result["images"], IMAGES)
    np.testing.assert_array_equal(result["labels"], labels)
    with pytest.raises(ArgumentError, match=r"RandomFlip.*'images', 'bounding_boxes'"):
        layers.RandomFlip()({"images": IMAGES, "bounding_boxes": labels})


def test_auto_contrast() -> None:
    """The lowest and highest value of each channel become the ends of the range; constant channels stay."""
    images = IMAGES.copy()
    images[0, :, :, 1] = 7.0
    result = layers.AutoContrast(value_range=(-1, 300))(images)
    np.testing.assert_array_equal(result[0, :, :, 1], images[0, :, :, 1])
    low, high = images[1].min(axis=(0, 1)), images[1].max(axis=(0, 1))
    np.testing.assert_allclose(result[1], (images[1] - low) / (high - low) * 301 - 1, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(layers.AutoContrast(value_range=(-1, 300))(images[1]), result[1], rtol=1e-6)


def test_adaptive_histograms_of_integers_are_cut_off() -> None:
    """Keras 3.15 casts the result back to the dtype of the images."""
    levels = np.random.default_rng(6).integers(0, 256, (1, 16, 16, 3), np.uint8)
    layer = layers.ContrastLimitedAdaptiveHistogramEqualization()
    result, exact = layer(levels), layer(levels.astype(np.float32))
    assert result.dtype == np.uint8
    assert (exact != np.floor(exact)).any()
    np.testing.assert_array_equal(result, np.floor(exact))


def test_the_kind_of_keras_2_generators_is_left_out() -> None:
    config = {"name": "flip", "mode": "horizontal", "seed": None, "rng_type": "stateful"}
    assert "rng_type" not in layers.RandomFlip.from_config(config).get_config()
    assert "rng_type" not in layers.RandomHeight.from_config({"factor": 0.1, "rng_type": "stateless"}).get_config()


def test_models_may_record_training() -> None:
    """Keras 3 records training=True for these calls; predict() overrides it."""
    x = layers.Input((3, 4, 3))
    model = models.Model(x, layers.RandomFlip()(x, training=True))
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), IMAGES)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("RandomRotation", {"factor": 1.5}, "'factor' must be .* in .-1, 1., received 1.5"),
        ("RandomContrast", {"factor": (-0.5, 0.5)}, "'factor' must be .* in .0, 1."),
        ("RandomZoom", {"height_factor": "a"}, "'height_factor' .* received 'a'"),
        ("RandomFlip", {"mode": "diagonal"}, "'mode' .* received 'diagonal'"),
        ("RandomBrightness", {"factor": 0.1, "value_range": 3}, "'value_range' .* received 3"),
        ("RandomTranslation", {"height_factor": 0.1}, "'width_factor' is required"),
    ],
)
def test_wrong_arguments_are_refused(name: str, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=f"{name}.*{message}"):
        getattr(layers, name)(**arguments)
