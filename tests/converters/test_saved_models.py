"""SavedModel folders of Keras 2, and what is wrong with others."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

import kcompat
from kcompat.converters import convert
from kcompat.errors import ConfigError, FormatError, LoadError, UnsafeFileError
from kcompat.tree import flatten

FOLDER = Path(__file__).resolve().parents[2] / "fixtures" / "saved_models"
ENTRIES = json.loads((FOLDER / "index.json").read_text())
NESTED = FOLDER / "tfkeras2_13" / "nested"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["path"])
def test_what_keras_wrote(entry):
    if entry["expect"] == "refuse":
        with pytest.raises(FormatError, match=r"without the metadata .* Keras 3's export\(\)"):
            kcompat.load_model(FOLDER / entry["path"])
        return
    model = kcompat.load_model(FOLDER / entry["path"])
    with np.load(FOLDER / entry["npz"]) as arrays:
        inputs = [arrays[f"input_{i}"] for i in range(len(model.inputs))]
        outputs = flatten(model.predict(inputs, verbose=0))
        for index, output in enumerate(outputs):
            np.testing.assert_allclose(output, arrays[f"output_{index}"], 1e-4, 1e-5)
        assert f"output_{len(outputs)}" not in arrays


def test_training_settings_are_kept():
    model = kcompat.load_model(NESTED)
    assert model.training_state.config["loss"] == "mse"
    assert kcompat.load_model(NESTED, compile=False).training_state is None


def test_frozen_layers_stay_frozen():
    model = kcompat.load_model(NESTED)
    assert not model.get_layer("tower").layers[0].trainable
    assert len(model.get_layer("tower").trainable_weights) == 2


@pytest.mark.filterwarnings("ignore:the training settings")
def test_conversion(tmp_path):
    found = convert(NESTED, tmp_path / "nested.keras")
    assert found.checks[0].same
    with np.load(NESTED.with_suffix(".npz")) as arrays:
        outputs = kcompat.load_model(tmp_path / "nested.keras").predict(
            [arrays["input_0"], arrays["input_1"]], verbose=0
        )
        np.testing.assert_allclose(outputs[0], arrays["output_0"], 1e-4, 1e-5)


@pytest.fixture
def copy(tmp_path):
    return Path(shutil.copytree(NESTED, tmp_path / "nested"))


def test_the_graph_alone(copy):
    with pytest.raises(FormatError, match="is one file of a TensorFlow SavedModel"):
        kcompat.load_model(copy / "saved_model.pb")
    (copy / "keras_metadata.pb").unlink()
    with pytest.raises(FormatError, match="without the metadata"):
        kcompat.load_model(copy)


@pytest.mark.parametrize("name", ["variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_missing_files(copy, name):
    (copy / name).unlink()
    with pytest.raises(FormatError, match=f"nested/{name}: no such file"):
        kcompat.load_model(copy)


@pytest.mark.parametrize("name", ["keras_metadata.pb", "variables/variables.index"])
def test_links_out_of_the_folder(copy, name):
    (copy / name).rename(copy.parent / "outside")
    (copy / name).symlink_to(copy.parent / "outside")
    with pytest.raises(UnsafeFileError, match="is a link out of the folder"):
        kcompat.load_model(copy)


def test_links_inside_the_folder(copy):
    (copy / "variables").rename(copy / "elsewhere")
    (copy / "variables").symlink_to("elsewhere")
    assert kcompat.load_model(copy).name == "nested"


def test_a_model_of_python_code(copy):
    content = (copy / "keras_metadata.pb").read_bytes()
    (copy / "keras_metadata.pb").write_bytes(
        content.replace(b'"layers"', b'"lairs_"').replace(b'"config"', b'"konfig"')
    )
    with pytest.raises(ConfigError, match="only Sequential and functional models"):
        kcompat.load_model(copy)


def test_a_weight_of_other_bits(copy):
    """Every tensor has a checksum."""
    shard = copy / "variables" / "variables.data-00000-of-00001"
    content = bytearray(shard.read_bytes())
    content[len(content) // 3] ^= 1
    shard.write_bytes(content)
    with pytest.raises(FormatError, match=r"variables.data-00000-of-00001: the checksum of '.*' is 0x"):
        kcompat.load_model(copy)


@pytest.mark.parametrize(
    ("model", "name", "least"),
    [
        ("nested", "keras_metadata.pb", 15),
        ("nested", "variables/variables.index", 15),
        ("nested", "variables/variables.data-00000-of-00001", 15),
        ("vocabularies", "saved_model.pb", 10),
    ],
)
def test_damage_is_one_kind_of_error(tmp_path, model, name, least):
    """Bytes changed or lost anywhere."""
    copy = Path(shutil.copytree(FOLDER / "tfkeras2_13" / model, tmp_path / model))
    path, random = copy / name, np.random.default_rng(0)
    content = path.read_bytes()
    refused = unnamed = 0
    for _ in range(60):
        damaged = bytearray(content)
        if random.random() < 0.3:
            del damaged[int(random.integers(len(damaged))) :]
        else:
            for place in random.integers(len(damaged), size=3):
                damaged[place] = int(random.integers(256))
        path.write_bytes(damaged)
        try:
            kcompat.load_model(copy)
        except LoadError as error:
            refused += os.fspath(copy) in str(error)
            unnamed += os.fspath(copy) not in str(error)
    assert unnamed == 0
    assert refused >= least
