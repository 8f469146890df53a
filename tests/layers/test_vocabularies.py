"""Lookups and TextVectorization: their vocabulary, where it comes from, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompat import layers
from kcompat.errors import ArgumentError, ConfigError, InputError, ShapeError
from kcompat.layers import Input, IntegerLookup, StringLookup, TextVectorization
from kcompat.models import Model, load_model

SAMPLES = np.array([["b", "a"], ["b", "c"]])


def test_a_path_in_code_is_read(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes("cat\r\nröt\r\n".encode())
    for vocabulary in (path, str(path)):
        layer = StringLookup(vocabulary=vocabulary)
        assert layer.get_vocabulary() == ["[UNK]", "cat", "röt"]
        assert layer.get_config()["vocabulary"] is None
    path.write_text("10\n-3")
    assert IntegerLookup(vocabulary=str(path)).get_vocabulary(False) == [10, -3]
    with pytest.raises(ArgumentError, match="not as a path"):
        StringLookup(vocabulary=str(path), output_mode="tf_idf", idf_weights=[1.0, 2.0])


@pytest.mark.parametrize("cls", [StringLookup, IntegerLookup, TextVectorization])
def test_a_path_in_a_config_is_never_opened(cls: Any, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_text("10\n20\n")
    with pytest.raises(ConfigError, match=r"layer 'x' \(.*words\.txt.*never opened"):
        cls.from_config({"name": "x", "vocabulary": str(path)})
    inside = {"class_name": cls.__name__, "config": {"name": "x", "vocabulary": str(path)}}
    with pytest.raises(ConfigError, match="never opened"):
        layers.Pipeline.from_config({"layers": [inside]})
    with pytest.raises(ConfigError, match="never opened"):
        layers.TimeDistributed.from_config({"layer": inside})


@pytest.mark.parametrize(
    ("cls", "options"),
    [
        (StringLookup, {"vocabulary": []}),
        (StringLookup, {"vocabulary": ["a", "b", "a"]}),
        (StringLookup, {"vocabulary": [1, 2]}),
        (StringLookup, {"vocabulary_size": "many"}),
        (StringLookup, {"vocabulary": ["a", "m"], "mask_token": "m"}),
        (StringLookup, {"vocabulary": ["a", "[UNK]"], "invert": True}),
        (StringLookup, {"vocabulary": ["a", "b"], "max_tokens": 2}),
        (StringLookup, {"vocabulary": ["a"], "output_mode": "tf_idf"}),
        (StringLookup, {"vocabulary": ["a"], "output_mode": "tf_idf", "idf_weights": [1.0, 2.0]}),
        (StringLookup, {"vocabulary": ["a"], "idf_weights": [1.0]}),
        (StringLookup, {"invert": True, "output_mode": "count"}),
        (StringLookup, {"invert": True, "oov_token": None}),
        (StringLookup, {"pad_to_max_tokens": True}),
        (StringLookup, {"max_tokens": 1}),
        (StringLookup, {"num_oov_indices": -1}),
        (StringLookup, {"output_mode": "one"}),
        (IntegerLookup, {"vocabulary": ["a"]}),
        (IntegerLookup, {"vocabulary": [1.5]}),
        (IntegerLookup, {"vocabulary_dtype": "int32"}),
        (IntegerLookup, {"salt": 3}),
        (TextVectorization, {"standardize": "upper"}),
        (TextVectorization, {"split": len}),
        (TextVectorization, {"ngrams": 0}),
        (TextVectorization, {"ragged": True}),
        (TextVectorization, {"output_mode": "one_hot"}),
        (TextVectorization, {"output_mode": "count", "output_sequence_length": 3}),
        (layers.Hashing, {"num_bins": 0}),
        (layers.Hashing, {"num_bins": 3, "salt": [1, 2, 3]}),
        (layers.Discretization, {}),
        (layers.Discretization, {"num_bins": 3, "bin_boundaries": [1.0]}),
        (layers.Discretization, {"bin_boundaries": [2.0, 1.0]}),
        (layers.Discretization, {"bin_boundaries": []}),
        (layers.CategoryEncoding, {}),
        (layers.Resizing, {"height": 2, "width": 2, "crop_to_aspect_ratio": True, "pad_to_aspect_ratio": True}),
        (layers.Resizing, {"height": 2, "width": 2, "interpolation": "gaussian"}),
        (layers.STFTSpectrogram, {"frame_length": 8, "frame_step": 9}),
        (layers.STFTSpectrogram, {"frame_length": 8, "fft_length": 4}),
        (layers.MelSpectrogram, {"fft_length": 8, "sequence_length": 9}),
    ],
)
def test_wrong_arguments(cls: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError):
        cls(**options)


@pytest.mark.parametrize(("vocabulary", "weights"), [(None, None), ([], None), (3, None), (["a"], [1.0])])
def test_wrong_vocabularies(vocabulary: Any, weights: Any) -> None:
    with pytest.raises(ArgumentError):
        StringLookup().set_vocabulary(vocabulary, weights)
    with pytest.raises(ArgumentError):
        StringLookup(output_mode="tf_idf").set_vocabulary(["a"], "heavy")


def test_special_tokens_may_be_given() -> None:
    plain = StringLookup(vocabulary=["a", "b"], mask_token="", num_oov_indices=2)
    special = StringLookup(vocabulary=["", "[UNK]", "[UNK]", "a", "b"], mask_token="", num_oov_indices=2)
    assert plain.get_vocabulary() == special.get_vocabulary() == ["", "[UNK]", "[UNK]", "a", "b"]
    assert plain.get_vocabulary(include_special_tokens=False) == ["a", "b"]
    assert plain.vocabulary_size() == 5


def test_arrays_lists_and_bytes_are_vocabularies() -> None:
    for vocabulary in (np.array(["a", "b"]), np.array([b"a", b"b"], object), ("a", "b")):
        assert StringLookup(vocabulary=vocabulary).get_config()["vocabulary"] == ["a", "b"]
    assert IntegerLookup(vocabulary=np.array([3, 4], "int32")).get_config()["vocabulary"] == [3, 4]


def test_adapt_orders_by_count_then_descending() -> None:
    """Numbers of Keras 3.15.1 for the same data."""
    layer = StringLookup(output_mode="tf_idf")
    layer.adapt(SAMPLES)
    assert layer.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    expected = [[0.63237333, 0.51082563, 0, 0], [0, 0, 1.3862944, 0]]
    np.testing.assert_allclose(layer(np.array([["b", "zz"], ["c", "c"]])), expected, rtol=1e-6)
    vector = StringLookup(output_mode="tf_idf")
    vector.adapt(["a", "b", "b"])
    np.testing.assert_allclose(vector(np.array([["a", "b"]])), [[0, 0.6931472, 0.91629076]], rtol=1e-6)
    text = TextVectorization(output_mode="tf_idf")
    text.adapt(["a b b", "b c"])
    assert text.get_vocabulary() == ["[UNK]", "b", "c", "a"]
    np.testing.assert_allclose(text(np.array(["a b zz"])), [[0.63237333, 0.51082563, 0, 0.6931472]], rtol=1e-6)


def test_adapt_cuts_at_max_tokens_and_leaves_reserved_ones_out() -> None:
    layer = StringLookup(max_tokens=4, mask_token="", num_oov_indices=1)
    layer.adapt(np.array([["x", "", "[UNK]", "y", "x", "z"]]))
    assert layer.get_vocabulary() == ["", "[UNK]", "x", "z"]


def test_adapt_takes_batches() -> None:
    layer = IntegerLookup()
    layer.adapt(iter([np.array([[1, 2]]), np.array([[2, 3]])]))
    assert layer.get_vocabulary(False) == [2, 3, 1]
    with pytest.raises(ArgumentError, match="given a vocabulary"):
        IntegerLookup(vocabulary=[1]).adapt([1])


def test_models_follow_a_vocabulary_that_changes() -> None:
    layer = StringLookup()
    x = Input((2,), dtype="string")
    model = Model(x, layer(x))
    data = np.array([["a", "b"]])
    with pytest.raises(InputError, match=r"layer '.*' \(StringLookup\).*no vocabulary yet"):
        model.predict(data, verbose=0)
    layer.set_vocabulary(["a", "b"])
    assert model.predict(data, verbose=0).tolist() == [[1, 2]]
    layer.set_vocabulary(["b"])
    assert model.predict(data, verbose=0).tolist() == [[0, 1]]


def test_models_follow_bins_that_change() -> None:
    layer = layers.Discretization(num_bins=2)
    x = Input((1,))
    model = Model(x, layer(x))
    with pytest.raises(InputError, match="no boundaries yet"):
        model.predict(np.zeros((1, 1)), verbose=0)
    layer.adapt(np.arange(10.0))
    assert model.predict(np.array([[0.0], [9.0]]), verbose=0).tolist() == [[0], [1]]
    layer.adapt(np.arange(10.0) + 100)
    assert model.predict(np.array([[0.0], [9.0]]), verbose=0).tolist() == [[0], [0]]


def test_encodings_need_the_size_of_the_vocabulary_before_a_call() -> None:
    with pytest.raises(ArgumentError, match="needs the vocabulary before the layer is called"):
        StringLookup(output_mode="count")(Input((2,), dtype="string"))
    padded = StringLookup(output_mode="count", max_tokens=7, pad_to_max_tokens=True)
    assert padded(Input((2,), dtype="string")).shape == (None, 7)


def test_keras_2_names_of_options() -> None:
    old = {
        "max_values": 9,
        "oov_value": -5,
        "mask_value": 0,
        "output_mode": "binary",
        "vocabulary": [4],
        "dtype": "int64",
    }
    layer = IntegerLookup.from_config({"name": "x", **old})
    assert (layer.max_tokens, layer.oov_token, layer.mask_token, layer.output_mode) == (9, -5, 0, "multi_hot")
    assert layers.CategoryEncoding.from_config({"max_tokens": 4, "output_mode": "binary"}).num_tokens == 4
    assert layers.Discretization.from_config({"bins": [1.0, 2.0]}).bin_boundaries == [1.0, 2.0]
    assert layers.Discretization.from_config({"bins": 4, "dtype": "float32"}).num_bins == 4


def test_sparse_outputs_have_the_numbers_of_dense_ones() -> None:
    x = np.array([[0, 2, 2]])
    dense, sparse = (layers.CategoryEncoding(4, "count", sparse=sparse)(x) for sparse in (False, True))
    np.testing.assert_array_equal(dense, sparse)


@pytest.mark.parametrize(
    ("layer", "shape", "dtype"),
    [
        (layers.CategoryEncoding(4), (2, 3), "int64"),
        (StringLookup(vocabulary=["a"], output_mode="count"), (2, 3), "string"),
        (TextVectorization(vocabulary=["a"]), (2,), "string"),
        (TextVectorization(vocabulary=["a"], split=None), (), "string"),
        (layers.Resizing(2, 2), (4,), "float32"),
        (layers.CenterCrop(2, 2), (4,), "float32"),
        (layers.STFTSpectrogram(), (4,), "float32"),
        (layers.MelSpectrogram(fft_length=64), (30,), "float32"),
    ],
)
def test_wrong_input_shapes(layer: Any, shape: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(ShapeError, match=r"layer '.*' \("):
        layer(Input(shape, dtype=dtype))


def test_functions_of_text_vectorization_are_never_run() -> None:
    function = {"module": "builtins", "class_name": "function", "config": "print", "registered_name": "function"}
    for key in ("standardize", "split"):
        with pytest.raises(ConfigError, match=f"'{key}' is a Python function"):
            TextVectorization.from_config({"name": "x", key: function})


def test_a_text_longer_than_the_others_sets_the_length() -> None:
    layer = TextVectorization(vocabulary=["a", "b"])
    assert layer(np.array(["a b", "b", ""])).tolist() == [[2, 3], [3, 0], [0, 0]]
    assert layer(np.array([""])).shape == (1, 0)


def test_inverted_lookups_give_str() -> None:
    layer = StringLookup(vocabulary=[b"a", "b"], invert=True, mask_token="-")
    assert layer(np.array([[0, 1, 2, 3, 4, -1]])).tolist() == [["-", "[UNK]", "a", "b", "[UNK]", "[UNK]"]]


def test_equalization_passes_images_in_inference() -> None:
    """As Keras 3.15.1 does in predict, where the layer can only be inside a Pipeline."""
    images = np.random.default_rng(0).uniform(0, 255, (1, 4, 4, 2)).astype(np.float32)
    np.testing.assert_array_equal(layers.Pipeline([layers.Equalization()])(images), images)


def test_resizing_keeps_integers_in_keras_3_alone() -> None:
    image = np.array([[[[0], [255]]]], np.uint8)
    assert layers.Resizing(1, 3)(image).dtype == np.uint8
    floats = layers.Resizing(1, 3, keeps_integers=False)(image)
    assert floats.dtype == np.float32
    np.testing.assert_allclose(floats.ravel(), [0, 127.5, 255])


@pytest.mark.parametrize("name", ["model.keras", "model.h5"])
def test_a_pipeline_is_no_operation_in_files(name: str, tmp_path: Path) -> None:
    """Its config has neither `trainable` nor `dtype`, and HDF5 files of Keras 3 name no module."""
    x = layers.Input((2,))
    Model(x, layers.Pipeline([layers.Rescaling(2.0)])(x)).save(tmp_path / name)
    np.testing.assert_array_equal(load_model(tmp_path / name)(np.ones((1, 2))), [[2, 2]])
