"""Hashes, vocabularies and texts as TensorFlow and real Keras have them."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from kcompat import layers
from kcompat.models import Model, load_model
from kcompat.operators.hashing import farmhash64, siphash64
from kcompat.operators.text import split, standardized

pytestmark = [pytest.mark.peers, pytest.mark.filterwarnings("ignore")]

VOCABULARIES = Path(__file__).resolve().parents[2] / "fixtures" / "vocabularies"
RNG = np.random.default_rng(0)
BYTES = [RNG.bytes(size) for size in [*range(200), 255, 256, 257, 1000]]
TEXTS = [
    *(
        "A b\tc\n D\x0be\x0cf\r",
        "\u00c9t\u00e9, STRASSE! \u0130\u0131",
        "a\u00a0b\u2003c\x1cd\x85",
        "'\"#$%&()*+,-./:;<=>?@[\\]^_`{|}~",
    ),
    *("\U0001f600 x\u0301", "", "  "),
]


@pytest.fixture(scope="module")
def tf(keras: ModuleType) -> Any:
    import tensorflow

    return tensorflow


def test_hashes(tf: Any) -> None:
    bins = 2**62 - 1
    fast = tf.strings.to_hash_bucket_fast(BYTES, bins).numpy().tolist()
    assert [farmhash64(text) % bins for text in BYTES] == fast
    strong = tf.strings.to_hash_bucket_strong(BYTES, bins, key=[133, -7]).numpy().tolist()
    assert [siphash64(text, (133, -7)) % bins for text in BYTES] == strong


def test_crosses(tf: Any) -> None:
    numbers = RNG.integers(-(2**62), 2**62, (50, 1))
    words = np.array(BYTES[:50], object)[:, None]
    tensors = [tf.constant(numbers), tf.constant(words), tf.constant(numbers)]
    expected = tf.sparse.to_dense(tf.sparse.cross_hashed(tensors, 1000)).numpy()
    np.testing.assert_array_equal(layers.HashedCrossing(1000)([numbers, words, numbers]), expected)


@pytest.mark.parametrize("text", [*TEXTS, b"\xff a\xc3 \xe2\x82x \xed\xa0\x80"])
def test_texts(tf: Any, text: Any) -> None:
    data = text.encode() if isinstance(text, str) else text
    assert standardized(data, lower=True, strip=False) == tf.strings.lower([data]).numpy()[0]
    assert split(data, "whitespace") == tf.strings.split([data])[0].numpy().tolist()
    assert split(data, "character") == tf.strings.unicode_split([data], "UTF-8")[0].numpy().tolist()
    if isinstance(text, str):
        pattern = r'[!"#$%&()\*\+,-\./:;<=>?@\[\\\]^_`{|}~\']'
        assert standardized(data, lower=False, strip=True) == tf.strings.regex_replace([data], pattern, "").numpy()[0]


@pytest.mark.parametrize("name", ["lookups_keras", "bins_keras"])
def test_keras_loads_adapted_layers_that_kcompat_writes(keras: ModuleType, tf: Any, name: str, tmp_path: Path) -> None:
    load_model(VOCABULARIES / f"{name}.keras").save(tmp_path / "m.keras")
    with np.load(VOCABULARIES / f"{name}.npz") as archive:
        inputs = [tf.constant(archive[key]) for key in archive if key.startswith("input")]
        expected = [archive[key] for key in archive if key.startswith("output")]
    outputs = tf.nest.flatten(keras.models.load_model(tmp_path / "m.keras")(inputs if len(inputs) > 1 else inputs[0]))
    for output, array in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(output.numpy(), array, rtol=1e-6)


def test_tf_keras_loads_lookups_that_kcompat_writes(tf: Any, tmp_path: Path) -> None:
    import tf_keras

    x = layers.Input((2,), dtype="string")
    words = ["red", "röt"]
    made = [
        layers.StringLookup(vocabulary=words)(x),
        layers.StringLookup(vocabulary=words, output_mode="tf_idf", idf_weights=[0.5, 2.0])(x),
        layers.Hashing(7, salt=3)(x),
    ]
    model = Model(x, made)
    model.save(tmp_path / "m.h5", form="keras2")
    data = np.array([["red", "pink"], ["röt", ""]])
    again = tf_keras.models.load_model(tmp_path / "m.h5")
    for output, array in zip(again(tf.constant(data)), model.predict(data, verbose=0), strict=True):
        np.testing.assert_allclose(output.numpy(), array)


def test_adapted_bins_are_those_of_keras(keras: ModuleType) -> None:
    batches = [RNG.standard_normal((size, 3)).astype(np.float32) for size in (500, 30, 700)]
    for bins, epsilon in ((4, 0.01), (10, 0.05), (3, 0.3)):
        theirs = keras.layers.Discretization(num_bins=bins, epsilon=epsilon)
        theirs.adapt(batches)
        ours = layers.Discretization(num_bins=bins, epsilon=epsilon)
        ours.adapt(batches)
        assert ours.bin_boundaries == theirs.bin_boundaries


@pytest.mark.parametrize("size", [(64, 48), (200, 133), (37, 37), (10, 300)])
@pytest.mark.parametrize("options", [{"crop_to_aspect_ratio": True}, {"pad_to_aspect_ratio": True}])
def test_proportions(keras: ModuleType, size: tuple[int, int], options: dict[str, Any]) -> None:
    image = RNG.uniform(0, 1, (1, *size, 1)).astype(np.float32)
    for target in ((31, 17), (50, 50), (7, 90)):
        expected = keras.layers.Resizing(*target, **options)(image).numpy()
        np.testing.assert_allclose(layers.Resizing(*target, **options)(image), expected, rtol=1e-4, atol=1e-5)
        cropped = keras.layers.CenterCrop(*target)(image).numpy()
        np.testing.assert_allclose(layers.CenterCrop(*target)(image), cropped, rtol=1e-4, atol=1e-5)


def test_spectrograms_of_usual_sizes(keras: ModuleType) -> None:
    sound = RNG.standard_normal((2, 16000)).astype(np.float32)
    for options in ({}, {"window": None}, {"fft_length": 512, "sequence_stride": 100, "sequence_length": 400}):
        expected = keras.layers.MelSpectrogram(**options)(sound).numpy()
        np.testing.assert_allclose(layers.MelSpectrogram(**options)(sound), expected, rtol=1e-4, atol=1e-3)
    ours, theirs = layers.STFTSpectrogram(mode="magnitude"), keras.layers.STFTSpectrogram(mode="magnitude")
    expected = theirs(sound[..., None]).numpy()
    ours(sound[..., None])
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(ours(sound[..., None]), expected, rtol=1e-4, atol=1e-5)
