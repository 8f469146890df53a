"""Whole models written as .keras and .h5: what was read is written and read again, bit for bit."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, ZipFile

import h5py
import numpy as np
import pytest
from golden import GoldenFile, golden_files

import kcompat.layers as layers
from kcompat.converters.keras import architecture, archive_write, hdf5_write, keras2_write
from kcompat.errors import SaveError
from kcompat.layers import Dense, Input
from kcompat.models import Functional, Model, Sequential, load_model
from kcompat.models.training_state import TrainingState

WRITERS = {
    ".keras": archive_write.save,
    ".h5": hdf5_write.save,
    ".keras2.h5": lambda model, path: hdf5_write.save(model, path, form="keras2"),
}

_OF_EACH_GENERATION = ("keras1_tf/", "keras2_2/", "tfkeras2_21/", "keras3/")
WHOLE = [
    file
    for file in golden_files("load")
    if not file.unknown_layers and file.kind.startswith("model") and file.path.startswith(_OF_EACH_GENERATION)
]


NOT_IN_KERAS3 = {
    "advanced_activations",
    "advanced_activations_k1",
    "conv1d_k1",
    "dense_family_k1",
    "dot_matrices",
    "locally_connected",
    "locally_connected2d_k1",
    "locally_connected_implementations_tfk115",
    "lstm_text",
    "masked_activations_k1",
    "names_with_slash",
    "separable_conv1d",
    "softmax_masked",
    "softmax_masked_tfk115",
    "upsampling_bilinear",
}
OPERATIONS = {
    "keras2_2/tf_op_layer_tfk115",
    "keras3/embedding_mask_pool",
    "keras3/keras_ops_attention",
    "keras3/keras_ops_more",
    "keras3/masking_rnn",
}
NOT_SAID = {
    ".keras": NOT_IN_KERAS3,
    ".h5": {
        *NOT_IN_KERAS3,
        *OPERATIONS,
        "attention",
        "attention_tfk115",
        "layer_normalization",
        "layer_normalization_tfk115",
        "normalization_given",
        "unit_normalization",
    },
    ".keras2.h5": {
        *OPERATIONS,
        "advanced_activations_k1",
        "dense_family_k1",
        "dot_matrices",
        "lstm_text",
        "masked_activations_k1",
        "softmax_masked",
        "softmax_masked_tfk115",
        "upsampling_bilinear",
        "keras3/activations_dense",
        "keras3/activations_keras3",
        "keras3/activations_layer",
        "keras3/adaptive_pooling",
        "keras3/gru",
        "keras3/lstm",
        "keras3/mobilenet_block",
        "keras3/rms_normalization",
        "keras3/spectral_normalization",
    },
}
"""Golden models, of any generation or of one, that cannot be said in each form."""


@pytest.mark.parametrize("ending", WRITERS)
@pytest.mark.parametrize("file", WHOLE, ids=str)
def test_a_model_of_any_generation_is_written_and_read_again(file: GoldenFile, ending: str, tmp_path: Path) -> None:
    model, path = file.load(), tmp_path / f"m{ending}"
    refused: SaveError | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about training settings of another generation
        try:
            WRITERS[ending](model, path)
        except SaveError as error:
            refused = error
    if refused is not None:
        names = {file.record["name"], f"{file.record['era']}/{file.record['name']}"}
        assert names & NOT_SAID[ending], refused
        assert str(refused).startswith("layer '")
        assert not path.exists()
        return
    again = load_model(path)
    file.check(again)
    for written, read in zip(model.weights, again.weights, strict=True):
        np.testing.assert_array_equal(read.numpy(), written.numpy())


# --- archives -----------------------------------------------------------------------


def small_model() -> Sequential:
    return Sequential([Input((4,)), Dense(3, name="a"), Dense(2, name="b")], name="small")


def test_an_archive_has_the_members_of_keras(tmp_path: Path) -> None:
    archive_write.save(small_model(), tmp_path / "m.keras")
    with ZipFile(tmp_path / "m.keras") as archive:
        assert archive.namelist() == ["metadata.json", "config.json", "model.weights.h5"]
        assert {info.compress_type for info in archive.infolist()} == {ZIP_STORED}
        metadata = json.loads(archive.read("metadata.json"))
        config = json.loads(archive.read("config.json"))
    assert metadata["keras_version"].startswith("3.")
    assert set(metadata) == {"keras_version", "date_saved"}
    assert config["class_name"] == "Sequential"
    assert "compile_config" not in config


def test_a_failure_leaves_the_old_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "m.keras"
    path.write_bytes(b"old")
    for writer in (archive_write.save, hdf5_write.save):
        with pytest.raises(SaveError):
            writer(Sequential([Input((4,)), Dense(3, name="a/b"), layers.ThresholdedReLU()]), path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["m.keras"]


@pytest.mark.parametrize("form", ["keras2", "keras3"])
def test_weights_alone_are_written_and_read_again(form: Any, tmp_path: Path) -> None:
    model = small_model()
    archive_write.save_weights(model, tmp_path / "m.weights.h5")
    hdf5_write.save_weights(model, tmp_path / "m.h5", form=form)
    for name in ("m.weights.h5", "m.h5"):
        again = small_model()
        again.load_weights(tmp_path / name)
        for array, expected in zip(again.get_weights(), model.get_weights(), strict=True):
            np.testing.assert_array_equal(array, expected)


# --- training settings --------------------------------------------------------------

ADAM = {"class_name": "Adam", "config": {"name": "adam", "learning_rate": 0.5}}
COMPILE = {
    "optimizer": {"module": "keras.optimizers", **ADAM, "registered_name": None},
    "loss": "mse",
    "metrics": ["mae"],
}
STATE = {"0": np.int64(3), "1": np.float32(0.5), "2": np.float32([1, 2])}


def compiled(state: TrainingState) -> Sequential:
    model = small_model()
    model.training_state = state
    return model


def optimizer_arrays(model: Model) -> list[tuple[str, list[Any]]]:
    assert model.training_state is not None
    return [(array.dtype.name, array.tolist()) for array in model.training_state.optimizer_weights.values()]


EXPECTED = [("int64", 3), ("float32", 0.5), ("float32", [1.0, 2.0])]


def test_settings_and_optimizer_survive_in_an_archive(tmp_path: Path) -> None:
    archive_write.save(compiled(TrainingState(COMPILE, "keras3", STATE)), tmp_path / "m.keras")
    again = load_model(tmp_path / "m.keras")
    assert again.training_state is not None
    assert again.training_state.config == COMPILE
    assert optimizer_arrays(again) == EXPECTED
    archive_write.save(again, tmp_path / "n.keras")
    with ZipFile(tmp_path / "m.keras") as one, ZipFile(tmp_path / "n.keras") as two:
        for member in ("config.json", "model.weights.h5"):
            assert one.read(member) == two.read(member)


def test_settings_and_optimizer_move_from_archive_to_hdf5_and_back(tmp_path: Path) -> None:
    hdf5_write.save(compiled(TrainingState(COMPILE, "keras3", STATE)), tmp_path / "m.h5")
    again = load_model(tmp_path / "m.h5")
    assert again.training_state is not None
    config = again.training_state.config
    assert config["optimizer_config"] == ADAM
    assert config["loss"] == "mean_squared_error"  # Keras 3 does not find "mse" when it loads an .h5 file
    assert (config["metrics"], config["loss_weights"]) == (["mae"], None)
    assert optimizer_arrays(again) == EXPECTED
    archive_write.save(again, tmp_path / "m.keras")
    last = load_model(tmp_path / "m.keras")
    assert last.training_state is not None
    assert last.training_state.config["optimizer"] == COMPILE["optimizer"]
    assert optimizer_arrays(last) == EXPECTED


def test_settings_of_keras_2_survive_in_its_form(tmp_path: Path) -> None:
    config = {"optimizer_config": {**ADAM, "class_name": "Custom>Adam"}, "loss": "mse", "metrics": None}
    state = TrainingState(config, "keras2", {"iteration:0": np.int64(3), "m/a:0": np.float32([1])})
    hdf5_write.save(compiled(state), tmp_path / "m.h5", form="keras2")
    again = load_model(tmp_path / "m.h5")
    assert again.training_state is not None
    assert again.training_state.config == {**config, "weighted_metrics": None, "loss_weights": None}
    assert list(again.training_state.optimizer_weights) == ["iteration:0", "m/a:0"]


def test_an_optimizer_of_a_keras_2_archive_is_named_as_hdf5_files_name_it(tmp_path: Path) -> None:
    state = TrainingState(COMPILE, "keras2_archive", STATE)
    hdf5_write.save(compiled(state), tmp_path / "m.h5", form="keras2")
    again = load_model(tmp_path / "m.h5")
    assert again.training_state is not None
    assert again.training_state.config["optimizer_config"]["class_name"] == "Custom>Adam"


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_settings_of_keras_2_are_left_out_of_keras_3_with_a_warning(ending: str, tmp_path: Path) -> None:
    state = TrainingState({"optimizer_config": ADAM, "loss": "mse"}, "keras2", STATE)
    with pytest.warns(UserWarning, match="saved uncompiled"):
        WRITERS[ending](compiled(state), tmp_path / f"m{ending}")
    assert load_model(tmp_path / f"m{ending}").training_state is None


def test_settings_of_keras_3_are_translated_for_keras_2(tmp_path: Path) -> None:
    """tf_keras has no variable for the learning rate."""
    loss = {"class_name": "Huber", "config": {"name": "h", "delta": 0.5}}
    config = {**COMPILE, "loss": {**loss, "module": "keras.losses", "registered_name": None}}
    hdf5_write.save(compiled(TrainingState(config, "keras3", STATE)), tmp_path / "m.h5", form="keras2")
    state = load_model(tmp_path / "m.h5").training_state
    assert state is not None
    assert state.config["optimizer_config"]["class_name"] == "Custom>Adam"
    assert state.config["loss"] == loss
    assert list(state.optimizer_weights) == ["iteration:0", "2:0"]


@pytest.mark.parametrize(
    ("name", "config", "message"),
    [
        ("Lamb", {}, "does not exist"),
        ("Adam", {"gradient_accumulation_steps": 2}, "has no 'gradient_accumulation_steps'"),
    ],
)
def test_optimizers_that_keras_2_lacks_are_left_out_with_a_warning(
    name: str, config: dict[str, Any], message: str, tmp_path: Path
) -> None:
    state = TrainingState({**COMPILE, "optimizer": {"class_name": name, "config": config}}, "keras3")
    with pytest.warns(UserWarning, match=f"optimizer '{name}' {message}"):
        hdf5_write.save(compiled(state), tmp_path / "m.h5", form="keras2")
    assert load_model(tmp_path / "m.h5").training_state is None


@pytest.mark.parametrize("ending", WRITERS)
def test_no_settings_and_no_warning_without_an_optimizer(ending: str, tmp_path: Path) -> None:
    WRITERS[ending](compiled(TrainingState({}, "keras3")), tmp_path / f"m{ending}")
    assert load_model(tmp_path / f"m{ending}").training_state is None


def test_the_optimizer_can_be_left_out(tmp_path: Path) -> None:
    model = compiled(TrainingState(COMPILE, "keras3", STATE))
    archive_write.save(model, tmp_path / "m.keras", include_optimizer=False)
    hdf5_write.save(model, tmp_path / "m.h5", include_optimizer=False)
    for name in ("m.keras", "m.h5"):
        assert load_model(tmp_path / name).training_state is None


# --- what a generation cannot say ---------------------------------------------------

HARD = "hard_sigmoid_keras2"


def test_hard_sigmoid_of_keras_2_is_written_in_each_generations_words(tmp_path: Path) -> None:
    model = Sequential([Input((5, 4)), layers.LSTM(3, recurrent_activation=HARD), Dense(2, activation=HARD)])
    data = np.random.default_rng(0).normal(size=(2, 5, 4)).astype(np.float32) * 3
    for ending, writer in WRITERS.items():
        writer(model, tmp_path / f"m{ending}")
        again = load_model(tmp_path / f"m{ending}")
        assert again.layers[1].get_config()["activation"] == HARD
        np.testing.assert_array_equal(again.predict(data, verbose=0), model.predict(data, verbose=0))
    with ZipFile(tmp_path / "m.keras") as archive:
        assert HARD not in {
            value
            for layer in json.loads(archive.read("config.json"))["config"]["layers"]
            for key, value in layer["config"].items()
            if isinstance(value, str) and key.endswith("activation")
        }
    with h5py.File(tmp_path / "m.keras2.h5") as file:
        config = json.loads(file.attrs["model_config"])["config"]["layers"][2]["config"]
    assert config["activation"] == "hard_sigmoid"


REFUSED = {
    "removed": (layers.ThresholdedReLU(name="x"), ".keras", "Keras 3 has no such layer"),
    "new": (layers.RMSNormalization(name="x"), ".keras2.h5", "Keras 2 has no such layer"),
    "slash": (Dense(2, name="x/y"), ".keras", "allows no '/'"),
    "axis": (layers.UnitNormalization(axis=[1, 2], name="x"), ".h5", "lost when Keras 3 loads"),
    "activation": (Dense(2, activation="celu", name="x"), ".keras2.h5", "no activation 'celu'"),
    "other_meaning": (Dense(2, activation="hard_sigmoid", name="x"), ".keras2.h5", "function of that name is another"),
    "key": (layers.LayerNormalization(rms_scaling=True, name="x"), ".keras2.h5", "'rms_scaling' = True"),
    "padding": (layers.SeparableConv1D(2, 3, padding="causal", name="x"), ".keras", "no causal padding"),
    "extension": (layers.RNN(layers.LSTMCell(2), time_major=True, name="x"), ".keras", "'time_major' = True"),
    "masks": (
        layers.TimeDistributed(layers.Embedding(9, 2, mask_zero=True), inner_masks=True, name="x"),
        ".keras",
        "masks that its layer makes",
    ),
    "masks_keras2": (
        layers.TimeDistributed(layers.Embedding(9, 2, mask_zero=True), name="x"),
        ".keras2.h5",
        "masks that its layer makes",
    ),
}


@pytest.mark.parametrize(("layer", "ending", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_generation_cannot_say_is_refused_by_layer(
    layer: Any, ending: str, message: str, tmp_path: Path
) -> None:
    model = Sequential([Input((5, 4)), layer])
    with pytest.raises(SaveError, match=r"layer 'x(/y)?' \(\w+\)") as caught:
        WRITERS[ending](model, tmp_path / f"m{ending}")
    assert message in str(caught.value)


# --- the form of Keras 2 ------------------------------------------------------------


def keras2_config(model: Model) -> dict[str, Any]:
    return keras2_write.model_document(architecture.serialize_model(model))["config"]


def test_configs_of_keras_2_have_its_keys() -> None:
    model = Sequential(
        [
            Input((4, 4, 2), name="i"),
            layers.Conv2D(2, 3, dtype="mixed_float16"),
            layers.LeakyReLU(0.25),
            layers.Flatten(),
        ]
    )
    entry, conv, leaky, _ = keras2_config(model)["layers"]
    assert entry["config"] == {
        "batch_input_shape": [None, 4, 4, 2],
        "dtype": "float32",
        "sparse": False,
        "ragged": False,
        "name": "i",
    }
    assert conv["config"]["dtype"] == "mixed_float16"
    assert conv["config"]["kernel_initializer"] == {"class_name": "GlorotUniform", "config": {"seed": None}}
    assert leaky["config"]["alpha"] == 0.25
    assert "negative_slope" not in leaky["config"]
    assert all(set(layer) == {"class_name", "config"} for layer in (entry, conv, leaky))


def test_calls_of_keras_2_are_lists() -> None:
    x, y = Input((3,), name="x"), Input((3,), name="y")
    inner_in = Input((3,))
    inner = Functional(inner_in, Dense(3)(inner_in), name="inner")
    chain = Sequential([Input((3,)), Dense(3)], name="chain")
    total = layers.Add(name="sum")([inner(x), chain(y), inner(y)])
    config = keras2_config(Functional([x, y], [total, inner.calls[-1].outputs]))
    calls = {layer["name"]: layer["inbound_nodes"] for layer in config["layers"]}
    assert calls["x"] == []
    assert calls["inner"] == [[["x", 0, 0, {}]], [["y", 0, 0, {}]]]
    assert calls["sum"] == [[["inner", 1, 0, {}], ["chain", 1, 0, {}], ["inner", 2, 0, {}]]]
    assert config["output_layers"] == [["sum", 0, 0], ["inner", 2, 0]]
    assert config["input_layers"] == [["x", 0, 0], ["y", 0, 0]]


def test_further_arguments_of_keras_2_calls_are_named() -> None:
    query, value = Input((3, 4), name="q"), Input((5, 4), name="v")
    attended = layers.MultiHeadAttention(2, 3, name="mha")(query, value, use_causal_mask=True)
    config = keras2_config(Functional([query, value], attended))
    (mha,) = [layer for layer in config["layers"] if layer["name"] == "mha"]
    assert mha["inbound_nodes"] == [[["q", 0, 0, {"value": ["v", 0, 0], "use_causal_mask": True}]]]
    assert {"query_shape", "key_shape", "value_shape"} <= set(mha["config"])
