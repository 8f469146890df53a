"""kcompat.utils, predict and summary against real Keras."""

import runpy
from pathlib import Path

import numpy as np
import pytest

import kcompat
from kcompat import utils

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

GOLDEN = Path(__file__).resolve().parents[1] / "models" / "golden"
MODELS = runpy.run_path(str(GOLDEN / "generate.py"))["MODELS"]


@pytest.mark.parametrize("name", MODELS)
def test_the_stored_summaries_are_those_of_keras(keras, name, monkeypatch):
    build, columns, options = MODELS[name]
    monkeypatch.setenv("COLUMNS", str(columns))
    keras.utils.clear_session()
    texts = []
    build(keras).summary(print_fn=texts.append, **options)
    assert texts == [(GOLDEN / f"{name}.txt").read_text(encoding="utf-8")]


CALLS = {
    "to_categorical": [([0, 2, 1],), ([[1], [0]], 3), ([[0, 1]],), (2, 4)],
    "normalize": [(np.arange(6.0).reshape(2, 3),), (np.eye(3), 0, 1)],
    "pad_sequences": [
        ([[1], [2, 3], [4, 5, 6]],),
        ([[1], [2, 3], [4, 5, 6], []], 2),
        ([[1], [2, 3]], 4, "float32", "post", "post", -1.0),
        ([[1, 2, 3], [2, 3]], 2, "int64", "post", "post"),
        ([[[1, 2]], [[3, 4], [5, 6]]],),
    ],
    "img_to_array": [(np.arange(12).reshape(3, 4),), (np.ones((2, 3, 3)), "channels_first")],
}


@pytest.mark.parametrize(
    ("function", "arguments"), [(name, arguments) for name, calls in CALLS.items() for arguments in calls]
)
def test_functions(keras, function, arguments):
    expected = getattr(keras.utils, function)(*arguments)
    actual = getattr(utils, function)(*arguments)
    assert actual.dtype == expected.dtype
    np.testing.assert_allclose(actual, expected, rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("scale", [True, False])
def test_array_to_img(keras, channels, scale):
    array = np.random.default_rng(0).random((5, 6, channels)) * 200
    expected, actual = keras.utils.array_to_img(array, scale=scale), utils.array_to_img(array, scale=scale)
    assert actual.mode == expected.mode
    np.testing.assert_array_equal(np.asarray(actual), np.asarray(expected))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_mode": "grayscale"},
        {"target_size": (5, 7)},
        {"target_size": (5, 7), "interpolation": "lanczos", "keep_aspect_ratio": True},
        {"target_size": (7, 2), "interpolation": "box", "keep_aspect_ratio": True, "color_mode": "rgba"},
    ],
)
def test_load_img(keras, tmp_path, options):
    array = np.random.default_rng(0).integers(0, 256, (9, 12, 3)).astype(np.float32)
    utils.save_img(tmp_path / "x.png", array, scale=False)
    expected = keras.utils.img_to_array(keras.utils.load_img(tmp_path / "x.png", **options))
    np.testing.assert_array_equal(utils.img_to_array(utils.load_img(tmp_path / "x.png", **options)), expected)


def batches():
    yield (np.ones((2, 1)),)
    yield (np.full((3, 1), 2.0), "ignored")


@pytest.mark.parametrize(
    "data",
    [
        lambda: np.arange(5),
        lambda: np.arange(5.0)[:, None],
        lambda: np.arange(5.0).reshape(5, 1, 1),
        lambda: [np.arange(5.0)[:, None]],
        lambda: {"x": np.arange(5.0)[:, None]},
        lambda: ((batch[0],) for batch in batches()),
    ],
    ids=["vector", "column", "extra axis", "list", "dict", "generator"],
)
def test_predict_takes_what_keras_takes(keras, data):
    results = []
    for library in (keras, kcompat):
        inputs = library.Input((1,), name="x")
        model = library.Model(inputs, library.layers.Dense(2, kernel_initializer="ones")(inputs))
        results.append(model.predict(data(), verbose=0))
    np.testing.assert_allclose(results[1], results[0], rtol=1e-4, atol=1e-5)
