"""kcompat.applications against real Keras."""

import importlib
import json

import numpy as np
import pytest

from kcompat import applications

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

PUBLISHED = [name for name in applications.__all__ if name.islower()]
MODULES = [name for name in PUBLISHED if name != "imagenet_utils"]
PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3, 5, 3))


def both(name):
    return [importlib.import_module(f"{package}.applications.{name}") for package in ("kcompat", "keras")]


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize("dtype", ["uint8", "float32", "float64"])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_preprocessing(keras, name, dtype, data_format):
    ours, theirs = both(name)
    x = PIXELS.astype(dtype).transpose(0, 3, 1, 2) if data_format == "channels_first" else PIXELS.astype(dtype)
    actual = ours.preprocess_input(x, data_format=data_format)
    expected = theirs.preprocess_input(x.copy(), data_format=data_format)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-5)


def test_the_same_modules(keras):
    published = {name for name in dir(keras.applications) if name.islower() and not name.startswith("_")}
    assert set(PUBLISHED) == published


def test_classes(keras, tmp_path, monkeypatch):
    ours, theirs = both("imagenet_utils")
    index = {str(place): [f"n{place:08}", f"class_{place}"] for place in range(1000)}
    (tmp_path / "index.json").write_text(json.dumps(index))
    internal = importlib.import_module("keras.src.applications.imagenet_utils")
    monkeypatch.setattr(internal, "CLASS_INDEX", index)
    scores = np.random.default_rng(0).random((3, 1000)).astype("float32")
    assert ours.decode_predictions(scores, 7, tmp_path / "index.json") == theirs.decode_predictions(scores, 7)
