"""Vocabularies and bins in files: archives of real Keras, our own, and such as are damaged."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kcompat.errors import ConfigError, InputError, LoadError, SaveError
from kcompat.layers import Discretization, Input, Resizing, StringLookup
from kcompat.models import Model, load_model, model_from_json

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "vocabularies"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".keras", ".h5"))
ADAPTED = FOLDER / "lookups_keras.keras"
WORDS = np.array([["red", "pink"], ["röt", ""]])


def arrays(path: Path, kind: str) -> list[np.ndarray]:
    with np.load(path.with_suffix(".npz")) as archive:
        return [archive[name] for name in archive if name.startswith(kind)]


def outputs_of(model: Model, path: Path) -> list[np.ndarray]:
    inputs = arrays(path, "input")
    outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
    return outputs if isinstance(outputs, list) else [outputs]


def check(model: Model, path: Path) -> None:
    for array, expected in zip(outputs_of(model, path), arrays(path, "output"), strict=True):
        assert array.shape == expected.shape
        np.testing.assert_allclose(array, expected, rtol=1e-6)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_keras_adapted_is_read(path: Path) -> None:
    check(load_model(path), path)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_what_is_written_is_read(path: Path, tmp_path: Path) -> None:
    load_model(path).save(tmp_path / "again.keras")
    check(load_model(tmp_path / "again.keras"), path)


def test_an_unzipped_archive_is_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(ADAPTED) as archive:
        archive.extractall(tmp_path / "model")
    check(load_model(tmp_path / "model"), ADAPTED)


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """The archive of Keras with members changed, or left out for None."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(ADAPTED) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            content = change(name, source.read(name))
            if content is not None:
                target.writestr(name, content)
    path.write_bytes(buffer.getvalue())
    return path


def in_assets(change: Callable[[bytes], bytes | None]) -> Callable[[str, bytes], bytes | None]:
    return lambda name, content: change(content) if name == "assets/layers/string_lookup/vocabulary.txt" else content


def test_lines_that_windows_wrote(tmp_path: Path) -> None:
    windows = rewritten(tmp_path / "m.keras", in_assets(lambda content: content.replace(b"\n", b"\r\n")))
    check(load_model(windows), ADAPTED)


@pytest.mark.parametrize("words", [["a\x85b", "c\u2028d", "e\rf", "g"], ["a", "b", ""]])
@pytest.mark.parametrize("mode", ["int", "tf_idf"])
def test_what_keras_cannot_read_from_a_text_file_stays_in_the_config(
    words: list[str], mode: str, tmp_path: Path
) -> None:
    """It takes the file apart with str.splitlines, and drops empty lines at its end."""
    x = Input((1,), dtype="string")
    layer = StringLookup(output_mode=mode)
    layer.adapt(np.array([words]))
    model = Model(x, layer(x))
    for path in (tmp_path / "m.keras", tmp_path / "m.h5"):
        model.save(path)
        again = load_model(path)
        assert again.layers[1].get_vocabulary() == layer.get_vocabulary()
        data = np.array(words)[:, None]
        np.testing.assert_allclose(again.predict(data, verbose=0), model.predict(data, verbose=0))
    with zipfile.ZipFile(tmp_path / "m.keras") as archive:
        assert not [name for name in archive.namelist() if name.startswith("assets")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: None, r"layer 'string_lookup' \(StringLookup\).*missing"),
        (lambda content: content + b"\nmore", "has 7 entries, the config says vocabulary_size=6"),
        (lambda content: content.replace(b"blue", b"red"), r"repeats \['red'\]"),
        (lambda content: content.replace(b"blue", b"\xff\xfe"), "UTF-8"),
    ],
)
def test_damaged_vocabularies(tmp_path: Path, change: Callable[[bytes], bytes | None], message: str) -> None:
    with pytest.raises(LoadError, match=message):
        load_model(rewritten(tmp_path / "m.keras", in_assets(change)))


def test_a_vocabulary_that_is_no_integers(tmp_path: Path) -> None:
    def change(name: str, content: bytes) -> bytes:
        return content.replace(b"42", b"x") if name.endswith("integer_lookup/vocabulary.txt") else content

    with pytest.raises(LoadError, match=r"layer 'integer_lookup' \(IntegerLookup\)"):
        load_model(rewritten(tmp_path / "m.keras", change))


def test_a_path_in_an_archive_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("a\nb\n")

    def change(name: str, content: bytes) -> bytes:
        if name != "config.json":
            return content
        document: Any = json.loads(content)
        layer = next(item for item in document["config"]["layers"] if item["name"] == "string_lookup")
        layer["config"]["vocabulary"] = str(secret)
        return json.dumps(document).encode()

    with pytest.raises(ConfigError, match=r"layer 'string_lookup' \(StringLookup\).*never opened"):
        load_model(rewritten(tmp_path / "m.keras", change))


@pytest.mark.parametrize("form", ["keras2", "keras3"])
def test_hdf5_has_no_place_for_an_adapted_vocabulary(tmp_path: Path, form: str) -> None:
    x = Input((2,), dtype="string")
    layer = StringLookup()
    layer.adapt(WORDS[:1])
    model = Model(x, layer(x))
    with pytest.raises(SaveError, match=r"\(StringLookup\).*HDF5 has no other place"):
        model.save(tmp_path / "m.h5", form=form)
    given = Model(x, StringLookup(vocabulary=layer.get_vocabulary())(x))
    given.save(tmp_path / "m.h5", form=form)
    np.testing.assert_array_equal(
        load_model(tmp_path / "m.h5").predict(WORDS, verbose=0), given.predict(WORDS, verbose=0)
    )


@pytest.mark.parametrize("form", ["keras2", "keras3"])
def test_term_weights_in_hdf5(tmp_path: Path, form: str) -> None:
    x = Input((2,), dtype="string")
    layer = StringLookup(output_mode="tf_idf", vocabulary=["red", "röt"], idf_weights=[0.5, 2.0])
    model = Model(x, layer(x))
    model.save(tmp_path / "m.h5", form=form)
    expected = [[1.25, 0.5, 0], [1.25, 0, 2.0]]
    np.testing.assert_allclose(load_model(tmp_path / "m.h5").predict(WORDS, verbose=0), expected)


def test_adapted_bins_in_the_form_of_keras_2(tmp_path: Path) -> None:
    x = Input((1,))
    layer = Discretization(num_bins=3)
    layer.adapt(np.arange(30.0))
    model = Model(x, layer(x))
    model.save(tmp_path / "m.h5", form="keras2")
    again = load_model(tmp_path / "m.h5")
    assert again.layers[1].bin_boundaries == layer.bin_boundaries
    assert again.layers[1].num_bins is None


def test_json_alone_has_no_adapted_vocabulary() -> None:
    x = Input((2,), dtype="string")
    layer = StringLookup(output_mode="count")
    layer.adapt(WORDS[:1])
    model = model_from_json(Model(x, layer(x)).to_json())
    assert model.output_shape == (None, layer.vocabulary_size())
    with pytest.raises(InputError, match="no vocabulary yet"):
        model.predict(WORDS, verbose=0)


def test_images_of_integers_are_saved_for_their_own_keras(tmp_path: Path) -> None:
    x = Input((4, 4, 1), dtype="uint8")
    kept, floating = Model(x, Resizing(2, 2)(x)), Model(x, Resizing(2, 2, keeps_integers=False)(x))
    kept.save(tmp_path / "m.keras")
    floating.save(tmp_path / "m.h5", form="keras2")
    assert not load_model(tmp_path / "m.h5").layers[1].keeps_integers
    with pytest.raises(SaveError, match="rounded otherwise in Keras 3"):
        floating.save(tmp_path / "m.keras")
    with pytest.raises(SaveError, match="rounded otherwise in Keras 2"):
        kept.save(tmp_path / "m.h5", form="keras2")
