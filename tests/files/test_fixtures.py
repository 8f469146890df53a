"""Every model file of the fixtures, written by real Keras versions, reads as h5py reads it."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat.converters.files import FileKind, Hdf5File, open_archive, open_hdf5, sniff

FIXTURES = Path(__file__).parents[2] / "fixtures"
HDF5_FILES = sorted(FIXTURES.rglob("*.h5"))
ARCHIVES = sorted(FIXTURES.rglob("*.keras"))


def plain(value: Any) -> Any:
    """An attribute of h5py as ours are: str, list of str, or numbers."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, np.ndarray) and value.dtype.kind in "SO":
        return [plain(item) for item in value.ravel().tolist()]
    return value


def assert_equal_files(ours: Hdf5File, theirs: h5py.File) -> None:
    datasets: set[str] = set()

    def compare(path: str, node: Any) -> None:
        is_dataset = isinstance(node, h5py.Dataset)
        mine: Any = ours.dataset(path) if is_dataset else ours.group(path)
        assert set(mine.attrs) == set(node.attrs)
        for name, value in node.attrs.items():
            np.testing.assert_array_equal(mine.attr(name), plain(value))
        if is_dataset:
            datasets.add(node.name)
            assert mine.read().dtype == node.dtype
            np.testing.assert_array_equal(mine.read(), node[()])

    compare("/", theirs)
    theirs.visititems(compare)
    assert {dataset.path for dataset in ours.walk()} == datasets


def fixture_name(path: Path) -> str:
    return path.relative_to(FIXTURES).as_posix()


@pytest.mark.parametrize("path", HDF5_FILES, ids=fixture_name)
def test_hdf5_files(path: Path) -> None:
    assert sniff(path) is FileKind.HDF5
    with open_hdf5(path) as ours, h5py.File(path) as theirs:
        assert_equal_files(ours, theirs)


@pytest.mark.parametrize("path", ARCHIVES, ids=fixture_name)
def test_archives(path: Path) -> None:
    assert sniff(path) is FileKind.KERAS_ZIP
    with open_archive(path) as ours, zipfile.ZipFile(path) as theirs:
        assert ours.names() == sorted(theirs.namelist())
        for name in ours.names():
            assert ours.read(name) == theirs.read(name)
        content = io.BytesIO(theirs.read("model.weights.h5"))
        with ours.open_hdf5("model.weights.h5") as weights, h5py.File(content) as reference:
            assert_equal_files(weights, reference)


def test_split_name_lists() -> None:
    split = 0
    for path in HDF5_FILES:
        with open_hdf5(path) as ours, h5py.File(path) as theirs:
            if "model_weights" not in theirs or "layer_names0" not in theirs["model_weights"].attrs:
                continue
            names = ours.group("model_weights").attr_list("layer_names")
            assert set(names) == set(theirs["model_weights"]) - {"top_level_model_weights"}
            split += 1
    assert split > 0
