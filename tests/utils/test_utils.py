"""kcompat.utils and kcompat.backend. Expected values are those of Keras 3.15.1."""

import sys

import numpy as np
import pytest

from kcompat import Input, Model, Sequential, backend, layers, utils
from kcompat.errors import ArgumentError, ConfigError, MissingDependencyError, UnknownLayerError


@pytest.mark.parametrize(
    ("labels", "classes", "expected"),
    [
        ([0, 2], None, [[1, 0, 0], [0, 0, 1]]),
        ([[1], [0]], 2, [[0, 1], [1, 0]]),
        ([[0, 1]], None, [[[1, 0], [0, 1]]]),
        (1, 3, [0, 1, 0]),
        ([1.0], 2, [[0, 1]]),
    ],
)
def test_to_categorical(labels, classes, expected):
    result = utils.to_categorical(labels, classes)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(("labels", "classes"), [([3], 3), ([-1], None)])
def test_to_categorical_refuses_numbers_outside(labels, classes):
    with pytest.raises(ArgumentError, match="class numbers must be 0 to"):
        utils.to_categorical(labels, classes)


def test_normalize():
    x = np.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(utils.normalize(x), [[0.6, 0.8], [0, 0]])
    np.testing.assert_allclose(utils.normalize(x, axis=0, order=1), [[1, 1], [0, 0]])


SEQUENCES = [[1], [2, 3], [4, 5, 6], []]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [[0, 0, 1], [0, 2, 3], [4, 5, 6], [0, 0, 0]]),
        ({"padding": "post", "value": -1}, [[1, -1, -1], [2, 3, -1], [4, 5, 6], [-1, -1, -1]]),
        ({"maxlen": 2}, [[0, 1], [2, 3], [5, 6], [0, 0]]),
        ({"maxlen": 2, "truncating": "post"}, [[0, 1], [2, 3], [4, 5], [0, 0]]),
        ({"maxlen": 0}, np.zeros((4, 0))),
    ],
)
def test_pad_sequences(options, expected):
    result = utils.pad_sequences(SEQUENCES, **options)
    assert result.dtype == np.int32
    np.testing.assert_array_equal(result, expected)


def test_pad_sequences_of_vectors_and_words():
    vectors = utils.pad_sequences([[[1, 2]], [[3, 4], [5, 6]]], dtype="float32")
    np.testing.assert_array_equal(vectors, [[[0, 0], [1, 2]], [[3, 4], [5, 6]]])
    words = utils.pad_sequences([["a"], ["b", "c"]], dtype=object, value="-", padding="post")
    assert words.tolist() == [["a", "-"], ["b", "c"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1, 2],), "takes a list of sequences"),
        (([[1], [2]], None, "int32", "before"), "padding must be 'pre' or 'post', received 'before'"),
        (([[[1, 2]], [[1]]],), r"entries have shape \(2,\), but \(1,\) in the sequence at place 1"),
    ],
)
def test_pad_sequences_refuses(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        utils.pad_sequences(*arguments)


def test_set_random_seed_repeats_initial_weights():
    def kernel():
        return Sequential([Input((4,)), layers.Dense(3)]).get_weights()[0]

    utils.set_random_seed(1)
    first, second = kernel(), kernel()
    utils.set_random_seed(1)
    np.testing.assert_array_equal(kernel(), first)
    assert not np.array_equal(first, second)


def test_clear_session_counts_names_anew():
    utils.clear_session()
    assert [layers.Dense(1).name for _ in range(2)] == ["dense", "dense_1"]
    backend.clear_session()
    assert layers.Dense(1).name == "dense"


def test_get_source_inputs():
    a, b, c = Input((2,)), Input((2,)), Input((2,))
    tensor = layers.Add()([layers.Add()([b, a]), b])
    layers.Add()([tensor, c])
    assert utils.get_source_inputs(tensor) == [b, a]
    assert utils.get_source_inputs(c) == [c]
    assert utils.is_keras_tensor(c)
    assert not utils.is_keras_tensor(np.ones(2))


def test_serialized_objects():
    layer = layers.Dense(3, activation="relu", name="d", kernel_regularizer="l2")
    layer.build_once((None, 2))
    config = utils.serialize_keras_object(layer)
    assert (config["module"], config["class_name"], config["registered_name"]) == ("keras.layers", "Dense", None)
    copy = utils.deserialize_keras_object({**config, "build_config": {"input_shape": [None, 2]}})
    assert copy.get_config() == layer.get_config()
    assert copy.built
    assert utils.deserialize_keras_object([config["config"]["kernel_regularizer"], 3])[1] == 3
    x = Input((2,))
    model = Model(x, layer(x))
    assert utils.deserialize_keras_object(utils.serialize_keras_object(model)).to_json() == model.to_json()


def test_what_cannot_be_deserialized():
    with pytest.raises(UnknownLayerError, match=r"keras\.layers has no class 'Absent'"):
        utils.deserialize_keras_object({"module": "keras.layers", "class_name": "Absent", "config": {}})
    with pytest.raises(ConfigError, match="needs a class name and a config"):
        utils.deserialize_keras_object({"class_name": "Dense", "config": None})


@pytest.fixture
def settings():
    yield
    backend.set_image_data_format("channels_last")
    backend.set_floatx("float32")
    backend.set_epsilon(1e-7)


@pytest.mark.usefixtures("settings")
def test_defaults_of_layers():
    assert (backend.image_data_format(), backend.floatx(), backend.epsilon()) == ("channels_last", "float32", 1e-7)
    backend.set_image_data_format("channels_first")
    backend.set_floatx("float64")
    backend.set_epsilon(1e-5)
    assert backend.epsilon() == 1e-5
    layer = layers.Conv2D(2, 3)
    assert (layer.data_format, layer.dtype) == ("channels_first", "float64")
    assert layer.compute_output_shape((None, 1, 8, 8)) == (None, 2, 6, 6)
    assert layers.Conv2D(2, 3, data_format="channels_last", dtype="float32").data_format == "channels_last"
    assert utils.img_to_array(np.zeros((4, 5, 3))).shape == (3, 4, 5)


def test_wrong_settings_are_refused():
    with pytest.raises(ArgumentError, match="image_data_format must be one of"):
        backend.set_image_data_format("tf")
    with pytest.raises(ArgumentError, match="floatx must be one of"):
        backend.set_floatx("int8")


class TestImages:
    @pytest.fixture(autouse=True)
    def _pillow(self):
        self.pillow = pytest.importorskip("PIL.Image")

    @pytest.fixture
    def path(self, tmp_path):
        array = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
        self.pillow.fromarray(array).save(tmp_path / "image.png")
        self.array = array
        return tmp_path / "image.png"

    def test_load_img(self, path):
        array = utils.img_to_array(utils.load_img(path))
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, self.array)
        assert utils.img_to_array(utils.load_img(str(path), "grayscale")).shape == (6, 8, 1)
        assert utils.img_to_array(utils.load_img(path, "rgba"), "channels_first").shape == (4, 6, 8)
        with path.open("rb") as file:
            np.testing.assert_array_equal(utils.img_to_array(utils.load_img(file)), self.array)

    def test_resizing(self, path):
        np.testing.assert_array_equal(
            utils.img_to_array(utils.load_img(path, target_size=(3, 4))), self.array[1::2, 1::2]
        )
        cropped = utils.img_to_array(utils.load_img(path, target_size=(6, 6), keep_aspect_ratio=True))
        np.testing.assert_array_equal(cropped, self.array[:, 1:7])
        assert utils.load_img(path, target_size=(9, 5), interpolation="bicubic").size == (5, 9)

    @pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
    def test_array_to_img(self, channels, mode, tmp_path):
        array = np.linspace(-1, 1, 4 * 5 * channels).reshape(4, 5, channels)
        image = utils.array_to_img(array)
        assert (image.mode, image.size) == (mode, (5, 4))
        assert np.asarray(image).min() == 0
        assert np.asarray(image).max() == 255
        utils.save_img(tmp_path / "out.png", array.transpose(2, 0, 1), data_format="channels_first")
        np.testing.assert_array_equal(np.asarray(self.pillow.open(tmp_path / "out.png")), np.asarray(image))

    def test_values_that_are_kept(self):
        assert np.asarray(utils.array_to_img(np.full((1, 1, 1), 7), scale=False)).tolist() == [[7]]
        assert np.asarray(utils.array_to_img(np.full((1, 1, 1), 700), scale=False)).tolist() == [[700]]

    @pytest.mark.parametrize(
        ("call", "message"),
        [
            (lambda path: utils.load_img(path, "cmyk"), "color_mode must be one of grayscale, rgb, rgba"),
            (lambda path: utils.load_img(path, interpolation="best"), "interpolation must be one of nearest"),
            (lambda path: utils.array_to_img(np.ones((2, 2))), r"array of rank 3, received shape \(2, 2\)"),
            (lambda path: utils.array_to_img(np.ones((2, 2, 2))), "takes 1, 3 or 4 channels, received 2"),
            (lambda path: utils.img_to_array(np.ones(2)), r"rank 2 or 3, received shape \(2,\)"),
            (lambda path: utils.img_to_array(np.ones((2, 2)), "last"), "data_format must be one of"),
        ],
    )
    def test_what_is_refused(self, path, call, message):
        with pytest.raises(ArgumentError, match=message):
            call(path)


def test_images_without_pillow(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'kcompat\[images\]'"):
        utils.load_img(tmp_path / "image.png")
