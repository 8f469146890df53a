"""Weights written in the HDF5 layout of Keras 1 to 3: order, names, and attributes of any length."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat.converters.files import open_hdf5
from kcompat.converters.keras import optimizer_state, weights_legacy_write
from kcompat.errors import SaveError
from kcompat.layers import BatchNormalization, Dense, Flatten, Input
from kcompat.models import Functional, Model, Sequential


def saved(model: Model, path: Path, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        weights_legacy_write.save(model, file, **options)
    return path


def names_of(path: Path, layer: str) -> list[str]:
    with open_hdf5(path) as root:
        return root.group(layer).attr_list("weight_names")


def nested(trainable: bool = True) -> Sequential:
    """A nested model with a normalisation between two layers."""
    inner = Sequential(
        [Input((3,)), Dense(3, name="a"), BatchNormalization(name="n"), Dense(3, name="b")], name="inner"
    )
    inner.trainable = trainable
    return Sequential([Input((3,)), Flatten(name="flat"), inner, Dense(2, name="last")])


TRAINABLE_FIRST = [
    "a/kernel",
    "a/bias",
    "n/gamma",
    "n/beta",
    "b/kernel",
    "b/bias",
    "n/moving_mean",
    "n/moving_variance",
]
AS_BUILT = ["a/kernel", "a/bias", "n/gamma", "n/beta", "n/moving_mean", "n/moving_variance", "b/kernel", "b/bias"]


@pytest.mark.parametrize(("trainable", "order"), [(True, TRAINABLE_FIRST), (False, AS_BUILT)])
def test_trainable_weights_come_first_under_the_flags_at_saving(
    trainable: bool, order: list[str], tmp_path: Path
) -> None:
    path = saved(nested(trainable), tmp_path / "w.h5")
    assert names_of(path, "inner") == [f"inner/{name}" for name in order]


def test_a_frozen_layer_moves_behind_the_others(tmp_path: Path) -> None:
    model = nested()
    model.get_layer("inner").get_layer("a").trainable = False
    names = names_of(saved(model, tmp_path / "w.h5"), "inner")
    assert [name.removeprefix("inner/") for name in names] == [
        *["n/gamma", "n/beta", "b/kernel", "b/bias"],
        *["a/kernel", "a/bias", "n/moving_mean", "n/moving_variance"],
    ]


@pytest.mark.parametrize(
    ("form", "kind", "order"),
    [
        ("keras2", Sequential, TRAINABLE_FIRST),  # tf_keras restores no model's own flag
        ("keras3", Sequential, TRAINABLE_FIRST),  # and Keras 3 none of Sequential
        ("keras2", Functional, TRAINABLE_FIRST),
        ("keras3", Functional, AS_BUILT),
    ],
)
def test_a_model_frozen_alone_is_ordered_as_it_will_be_loaded(
    form: Any, kind: type[Model], order: list[str], tmp_path: Path
) -> None:
    model = nested()
    if kind is Functional:
        inner = model.get_layer("inner")
        model = Sequential([Input((3,)), Functional(inner.inputs[0], inner.outputs[0], name="inner")])
    model.get_layer("inner")._trainable = False  # as the reader leaves it: the layers inside have flags of their own
    names = [name.removesuffix(":0") for name in names_of(saved(model, tmp_path / "w.h5", form=form), "inner")]
    assert names == [f"inner/{name}" for name in order]


def test_layers_without_weights_are_listed_too(tmp_path: Path) -> None:
    with open_hdf5(saved(nested(), tmp_path / "w.h5")) as root:
        assert root.attr_list("layer_names") == ["flat", "inner", "last"]
        assert root.group("flat").attr_list("weight_names") == []
        assert root.group("top_level_model_weights").attr_list("weight_names") == []
        assert root.attr_text("backend") == "tensorflow"
        assert root.attr_text("keras_version") == "3.15.1"


def test_names_of_keras_2_end_in_an_output_number(tmp_path: Path) -> None:
    path = saved(nested(), tmp_path / "w.h5", form="keras2")
    assert names_of(path, "last") == ["last/kernel:0", "last/bias:0"]
    with open_hdf5(path) as root:
        assert root.attr_text("keras_version").startswith("2.")


def test_weights_of_equal_paths_keep_distinct_names(tmp_path: Path) -> None:
    def block() -> Sequential:
        return Sequential([Input((3,)), Dense(3, name="same")], name="block")

    a, b = block(), Sequential([Input((3,)), block()], name="outer")
    a.name = "first"
    model = Sequential([Input((3,)), Sequential([Input((3,)), a, b], name="both")])
    for index, weight in enumerate(model.weights):
        weight.assign(np.full(weight.shape, index))
    path = saved(model, tmp_path / "w.h5")
    names = names_of(path, "both")
    assert len(set(names)) == 4
    with open_hdf5(path) as root:
        assert [float(root.group("both").dataset(name).read().max()) for name in names] == [0, 1, 2, 3]


@pytest.mark.parametrize("form", ["keras2", "keras3"])
@pytest.mark.parametrize("trainable", [True, False])
def test_what_was_written_is_read_again_bit_for_bit(form: Any, trainable: bool, tmp_path: Path) -> None:
    model, again = nested(trainable), nested(trainable)
    for weight in model.weights:
        weight.assign(np.random.default_rng(weight.size).normal(size=weight.shape))
    again.load_weights(saved(model, tmp_path / "w.h5", form=form))
    for array, expected in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(array, expected)


def test_bfloat16_is_widened(tmp_path: Path) -> None:
    model = Sequential([Input((1,)), Dense(1, name="d", dtype="bfloat16", weights=[np.float32([[1.5]]), np.zeros(1)])])
    with open_hdf5(saved(model, tmp_path / "w.h5")) as root:
        stored = root.group("d").dataset("d/kernel").read()
    assert stored.dtype == np.float32
    assert stored.tolist() == [[1.5]]


def test_names_with_slashes_are_groups(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(3, name="stage/fc"), Dense(3, name="stage/out")])
    path = saved(model, tmp_path / "w.h5")
    assert names_of(path, "stage/fc") == ["stage/fc/kernel", "stage/fc/bias"]


def test_a_name_that_is_part_of_another_layers_weight_is_refused(tmp_path: Path) -> None:
    model = Sequential([Input((3,)), Dense(3, name="a"), Dense(3, name="a/a/kernel")])
    with pytest.raises(SaveError, match=r"layer 'a/a/kernel' \(Dense\).*rename"):
        saved(model, tmp_path / "w.h5")


# --- long lists ---------------------------------------------------------------------


def test_long_lists_of_names_are_split_and_joined(tmp_path: Path) -> None:
    names = [f"{index:05}" + "x" * 95 for index in range(2000)]
    with h5py.File(tmp_path / "w.h5", "w") as file:
        weights_legacy_write.write_names(file, "layer_names", names)
        parts = list(file.attrs)
        assert parts == [f"layer_names{number}" for number in range(len(parts))]
        assert len(parts) > 1
        assert all(file.attrs[part].nbytes <= 64512 for part in parts)
    with open_hdf5(tmp_path / "w.h5") as root:
        assert root.attr_list("layer_names") == names


def test_a_name_longer_than_any_attribute_is_refused(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "w.h5", "w") as file, pytest.raises(SaveError, match="64512 bytes"):
        weights_legacy_write.write_names(file, "layer_names", ["x" * 64513])


# --- optimizer variables ------------------------------------------------------------


def test_optimizer_variables_survive(tmp_path: Path) -> None:
    arrays = {"iteration:0": np.int64(7), "Adam/m/dense/kernel:0": np.float32([[1, 2]])}
    with h5py.File(tmp_path / "m.h5", "w") as file:
        optimizer_state.write_legacy(file, arrays)
    with open_hdf5(tmp_path / "m.h5") as root:
        found = optimizer_state.read_legacy(root)
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_no_optimizer_leaves_no_group(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "m.h5", "w") as file:
        optimizer_state.write_legacy(file, {})
        assert list(file) == []
    with open_hdf5(tmp_path / "m.h5") as root:
        assert optimizer_state.read_legacy(root) == {}
