"""Preparation of images, and names of classes."""

import json

import numpy as np
import pytest

import kcompat as keras
from kcompat.applications import densenet, efficientnet, imagenet_utils, mobilenet_v2, resnet50
from kcompat.errors import ArgumentError, InputError

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.uint8)


def test_modes():
    x = PIXELS.astype(np.float64)
    caffe = x[..., ::-1] - [103.939, 116.779, 123.68]
    torch = (x / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    for module, expected in ((resnet50, caffe), (mobilenet_v2, x / 127.5 - 1), (densenet, torch)):
        result = module.preprocess_input(PIXELS)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-4)
    assert efficientnet.preprocess_input(PIXELS) is PIXELS


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
def test_channels_first_and_single_images(mode):
    last = imagenet_utils.preprocess_input(PIXELS, mode=mode)
    first = imagenet_utils.preprocess_input(PIXELS.transpose(0, 3, 1, 2), "channels_first", mode)
    np.testing.assert_array_equal(first.transpose(0, 2, 3, 1), last)
    np.testing.assert_array_equal(imagenet_utils.preprocess_input(PIXELS[0], mode=mode), last[0])


def test_the_array_is_left_as_it_is():
    x = PIXELS.astype(np.float32)
    before = x.copy()
    resnet50.preprocess_input(x)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("mode", ["caffe", "torch", "tf"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_inside_a_model(mode, dtype, tmp_path):
    x = keras.Input((4, 5, 3), dtype=dtype)
    model = keras.Model(x, imagenet_utils.preprocess_input(x, mode=mode))
    expected = imagenet_utils.preprocess_input(PIXELS, mode=mode)
    np.testing.assert_allclose(model.predict(PIXELS, verbose=0), expected, rtol=1e-5, atol=1e-5)
    model.save(tmp_path / "m.keras")
    again = keras.models.load_model(tmp_path / "m.keras")
    np.testing.assert_allclose(again.predict(PIXELS, verbose=0), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((PIXELS, None, "theano"), ArgumentError, "mode must be one of caffe, tf, torch"),
        ((PIXELS, "NHWC"), ArgumentError, "data_format must be one of"),
        (
            (PIXELS, "channels_first"),
            InputError,
            r"\(channels_first\) are needed, received \(2, 4, 5, 3\)",
        ),
        ((PIXELS[0, 0],), InputError, "three channels"),
    ],
)
def test_wrong_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        imagenet_utils.preprocess_input(*arguments)


@pytest.fixture
def class_index(tmp_path):
    path = tmp_path / "classes.json"
    path.write_text(json.dumps({str(i): [f"n{i}", name] for i, name in enumerate(["tench", "shark", "hen", "owl"])}))
    return path


def test_classes(class_index):
    scores = np.array([[0.1, 0.4, 0.3, 0.2], [0.7, 0.1, 0.05, 0.15]], np.float32)
    found = resnet50.decode_predictions(scores, top=2, class_index=class_index)
    assert [[item[:2] for item in row] for row in found] == [
        [("n1", "shark"), ("n2", "hen")],
        [("n0", "tench"), ("n3", "owl")],
    ]
    assert found[0][0][2] == np.float32(0.4)


def test_classes_that_cannot_be_named(class_index, tmp_path):
    scores = np.zeros((1, 4))
    with pytest.raises(ArgumentError, match=r"pass class_index='imagenet_class_index\.json'"):
        resnet50.decode_predictions(scores)
    with pytest.raises(InputError, match=r"\(samples, 4\) is needed .* received shape \(1, 5\)"):
        resnet50.decode_predictions(np.zeros((1, 5)), class_index=class_index)
    with pytest.raises(ArgumentError, match=r"absent\.json"):
        resnet50.decode_predictions(scores, class_index=tmp_path / "absent.json")
    for content in ("[", "[1]", '{"1": ["a", "b"]}', '{"0": ["a"]}', "7"):
        class_index.write_text(content)
        with pytest.raises(InputError, match="is no JSON object"):
            resnet50.decode_predictions(scores, class_index=class_index)
