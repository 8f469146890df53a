"""Weights written in Keras 3's layout: what Keras wrote is written again, bit for bit."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import h5py
import numpy as np
import pytest
from states import load_state, numbers, write_state

from kcompat.converters.files import open_hdf5
from kcompat.converters.keras import optimizer_state, weights_v3
from kcompat.converters.keras.weights_v3 import as_bfloat16
from kcompat.errors import FormatError, SaveError, UnsafeFileError, WeightMismatchError
from kcompat.layers import Dense, Input, Layer
from kcompat.models import Model, Sequential, load_model

DIGITS = Path(__file__).resolve().parents[2] / "fixtures" / "digits" / "digits_cnn.keras"


def contents(file: h5py.File) -> dict[str, Any]:
    """Every member of an HDF5 file: groups with attributes, datasets with dtype, shape and bytes."""
    found: dict[str, Any] = {}

    def enter(name: str, node: Any) -> None:
        value = (node.dtype, node.shape, node[()].tobytes()) if isinstance(node, h5py.Dataset) else None
        found[name] = (value, dict(node.attrs))

    file.visititems(enter)
    return found


def saved(model: Model, path: Path, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        weights_v3.save(model, file, **options)
    return path


def test_a_file_of_keras_is_written_again_as_it_was(tmp_path: Path) -> None:
    model = load_model(DIGITS)
    path = saved(model, tmp_path / "w.h5", optimizer=model.training_state.optimizer_weights)
    with ZipFile(DIGITS) as archive, h5py.File(io.BytesIO(archive.read("model.weights.h5"))) as original:
        expected = contents(original)
    with h5py.File(path) as file:
        written = contents(file)
    attributes = expected["optimizer/vars"][1]
    assert attributes == {"name": "adam"}  # of no use to Keras, which goes by the compile settings
    expected["optimizer/vars"] = (None, {})
    assert written == expected


def test_bfloat16_is_stored_as_keras_does(tmp_path: Path) -> None:
    values = [np.float32([[1.5, -2.0]]), np.float32([3.0, np.inf])]
    model = Sequential([Input((1,)), Dense(2, dtype="bfloat16", weights=values)])
    path = saved(model, tmp_path / "w.h5")
    with h5py.File(path) as file:
        kernel = file["layers/dense/vars/0"]
        assert kernel.dtype == np.dtype("V2")
        assert kernel.attrs["dtype"] == "bfloat16"
    again = Sequential([Input((1,)), Dense(2, dtype="bfloat16")])
    load_state(again, path)
    for array, expected in zip(again.get_weights(), values, strict=True):
        np.testing.assert_array_equal(array, expected)


@pytest.mark.parametrize(
    ("value", "bits"),
    [
        (1.0, 0x3F80),
        (1.00390625, 0x3F80),  # half way: to even
        (1.01171875, 0x3F82),  # half way: to even
        (1.0040, 0x3F81),
        (-0.0, 0x8000),
        (3.4e38, 0x7F80),  # beyond the largest: infinite
        (np.inf, 0x7F80),
        (np.nan, 0x7FC0),
    ],
)
def test_bfloat16_is_rounded_to_nearest_even(value: float, bits: int) -> None:
    assert int.from_bytes(as_bfloat16(np.float32([value])).tobytes(), "little") == bits


def test_a_sublayer_that_no_attribute_holds_is_refused(tmp_path: Path) -> None:
    class Hidden(Layer):
        def build(self, input_shape: Any) -> None:
            self.sublayers.append(Dense(2, name="lost"))
            self.sublayers[0].build_once(input_shape)

        def emit(self, b: Any, x: Any) -> Any:
            return b.call(self.sublayers[0], x)

    model = Sequential([Input((3,)), Hidden()])
    with pytest.raises(SaveError, match="lost/kernel"):
        saved(model, tmp_path / "w.h5")


# --- shards -------------------------------------------------------------------------


def sharded(folder: Path, weight_map: dict[str, Any]) -> Path:
    """Two layers in two shards; the second one's variables are in both."""
    write_state(folder / "w_0.weights.h5", {"layers/dense": numbers((4, 3), (3,)), "layers/dense_1": numbers((3, 3))})
    write_state(folder / "w_1.weights.h5", {})
    with h5py.File(folder / "w_1.weights.h5", "a") as file:
        file["layers/dense_1/vars/1"] = numbers((3,), start=9)[0]
    index = folder / "w.weights.json"
    index.write_text(json.dumps({"metadata": {"total_size": 108}, "weight_map": weight_map}))
    return index


SHARDS = {"/layers/dense/vars": "w_0.weights.h5", "/layers/dense_1/vars": ["w_0.weights.h5", "w_1.weights.h5"]}


def two_layers() -> Sequential:
    return Sequential([Input((4,)), Dense(3), Dense(3)])


def test_shards_are_read_as_one_file(tmp_path: Path) -> None:
    model = two_layers()
    with weights_v3.open_sharded(sharded(tmp_path, SHARDS)) as state:
        weights_v3.load(model, state)
    expected = [*numbers((4, 3), (3,)), *numbers((3, 3)), *numbers((3,), start=9)]
    for array, wanted in zip(model.get_weights(), expected, strict=True):
        np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize("name", ["../w_0.weights.h5", "/w_0.weights.h5", "a\\b.h5", "..", ""])
def test_shards_in_other_folders_are_refused(name: str, tmp_path: Path) -> None:
    index = sharded(tmp_path, {"/layers/dense/vars": name})
    with pytest.raises(UnsafeFileError, match="beside their index"), weights_v3.open_sharded(index):
        pass


def test_an_index_that_contradicts_its_shards_is_refused(tmp_path: Path) -> None:
    index = sharded(tmp_path, {**SHARDS, "/layers/dense_2/vars": "w_1.weights.h5"})
    with pytest.raises(FormatError, match="dense_2"), weights_v3.open_sharded(index):
        pass


def test_a_shard_that_the_index_leaves_out_is_missed(tmp_path: Path) -> None:
    with (
        weights_v3.open_sharded(sharded(tmp_path, {"/layers/dense/vars": "w_0.weights.h5"})) as state,
        pytest.raises(WeightMismatchError, match="dense_1"),
    ):
        weights_v3.load(two_layers(), state)


def test_a_variable_in_two_shards_is_refused(tmp_path: Path) -> None:
    index = sharded(tmp_path, SHARDS)
    with h5py.File(tmp_path / "w_1.weights.h5", "a") as file:
        file["layers/dense_1/vars/0"] = numbers((3, 3))[0]
    with pytest.raises(FormatError, match="'0' is stored twice"), weights_v3.open_sharded(index):
        pass


def test_an_index_without_a_map_is_refused(tmp_path: Path) -> None:
    index = tmp_path / "w.weights.json"
    index.write_text("[]")
    with pytest.raises(FormatError, match="weight_map"), weights_v3.open_sharded(index):
        pass


# --- optimizer variables ------------------------------------------------------------

STATES = {
    "numbered": ["0", "1", "2"],
    "of_an_inner_optimizer": ["0", "1", "inner_optimizer/0", "inner_optimizer/1"],
    "more_than_ten": [str(index) for index in range(12)],
}


@pytest.mark.parametrize("names", STATES.values(), ids=STATES)
def test_optimizer_variables_survive(names: list[str], tmp_path: Path) -> None:
    arrays = dict(zip(names, numbers(*[(index + 1,) for index in range(len(names))]), strict=True))
    model = Sequential([Input((1,)), Dense(1)])
    with open_hdf5(saved(model, tmp_path / "w.h5", optimizer=arrays)) as root:
        found = optimizer_state.read_v3(root)
    assert list(found) == names
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_named_optimizer_variables_become_numbered_in_order(tmp_path: Path) -> None:
    arrays = {"adam/iteration": np.int64(3), "adam/dense_kernel_momentum": numbers((2,))[0]}
    model = Sequential([Input((1,)), Dense(1)])
    with open_hdf5(saved(model, tmp_path / "w.h5", optimizer=arrays)) as root:
        found = optimizer_state.read_v3(root)
    assert found["0"] == 3
    assert found["0"].dtype == np.int64
    assert found["1"].tolist() == [1, 2]
