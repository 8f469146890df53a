"""What the HDF5 reader gives, compared with h5py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from kcompat.converters.files import MemorySource, open_hdf5
from kcompat.converters.files.hdf5 import MAPPED_FROM
from kcompat.errors import ArgumentError, FormatError

RNG = np.random.default_rng(7)

ARRAYS = {
    "scalar": np.float32(3),
    "scalar_integer": np.int64(-9),
    "empty": np.zeros((0, 4), np.float32),
    "boolean": np.array([[True, False], [False, True]]),
    **{f"native_{c}": np.arange(-3, 9).astype(c) for c in ("i1", "i2", "i4", "i8", "f2", "f4", "f8")},
    **{f"unsigned_{c}": np.arange(12).astype(c) for c in ("u1", "u2", "u4", "u8")},
    **{f"big_endian_{c}": np.arange(-3, 9).astype(f">{c}") for c in ("i2", "i4", "i8", "f2", "f4", "f8")},
    "special": np.array([np.nan, np.inf, -np.inf, -0.0, 1e-45], np.float32),
    "rank_5": RNG.normal(size=(2, 3, 1, 4, 2)),
}


def write(path: Path, name: str, data: Any, **options: Any) -> Path:
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=data, **options)
    return path


def assert_same(ours: np.ndarray[Any, Any], theirs: Any) -> None:
    theirs = np.asarray(theirs)
    assert ours.shape == theirs.shape
    assert ours.dtype == theirs.dtype.newbyteorder("=")
    assert ours.dtype.isnative
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays_equal_h5py(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / "a.h5", "group/x", ARRAYS[name])
    with open_hdf5(path) as root, h5py.File(path) as reference:
        dataset = root.dataset("group/x")
        assert_same(dataset.read(), reference["group/x"][()])
        assert (dataset.shape, dataset.dtype, dataset.nbytes) == (
            dataset.read().shape,
            dataset.read().dtype,
            dataset.read().nbytes,
        )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"compression": "gzip"},
        {"shuffle": True},
        {"fletcher32": True},
        {"compression": "gzip", "compression_opts": 9, "shuffle": True, "fletcher32": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("chunks", [(7, 11, 2), (1, 1, 1), (20, 13, 3)])
def test_chunked_arrays_equal_h5py(tmp_path: Path, options: dict[str, Any], chunks: tuple[int, ...]) -> None:
    data = RNG.normal(size=(20, 13, 3)).astype(np.float32)
    path = write(tmp_path / "a.h5", "x", data, chunks=chunks, **options)
    with open_hdf5(path) as root:
        assert_same(root.dataset("x").read(), data)


def test_many_chunks_need_a_deep_tree(tmp_path: Path) -> None:
    data = np.arange(5000, dtype=np.int32)
    path = write(tmp_path / "a.h5", "x", data, chunks=(1,), shuffle=True)
    with open_hdf5(path) as root:
        assert_same(root.dataset("x").read(), data)


def test_chunks_that_overhang(tmp_path: Path) -> None:
    data = np.arange(6.0).reshape(2, 3)
    path = write(tmp_path / "a.h5", "x", data, chunks=(5, 7), maxshape=(None, None))
    with open_hdf5(path) as root:
        assert_same(root.dataset("x").read(), data)


def test_a_compact_dataset(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    data = np.arange(5, dtype=np.int16)
    with h5py.File(path, "w") as file:
        layout = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        layout.set_layout(h5py.h5d.COMPACT)
        space = h5py.h5s.create_simple(data.shape)
        h5py.h5d.create(file.id, b"x", h5py.h5t.NATIVE_INT16, space, layout).write(h5py.h5s.ALL, h5py.h5s.ALL, data)
    with open_hdf5(path) as root:
        assert_same(root.dataset("x").read(), data)


@pytest.mark.parametrize("raw", [np.uint16, ">u2", "V2"])
def test_bfloat16_becomes_float32(tmp_path: Path, raw: Any) -> None:
    values = np.array([1.0, -2.5, 3.140625, np.inf], np.float32)
    bits = (values.view(np.uint32) >> 16).astype(np.uint16)
    data = bits.astype(raw) if raw != "V2" else bits.view("V2")
    path = write(tmp_path / "a.h5", "x", data)
    with h5py.File(path, "a") as file:
        file["x"].attrs["dtype"] = "bfloat16"
    with open_hdf5(path) as root:
        assert_same(root.dataset("x").read(), values)


def test_uint16_without_the_attribute_stays(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "x", np.arange(4, dtype=np.uint16))
    with open_hdf5(path) as root:
        assert root.dataset("x").read().dtype == np.uint16


@pytest.mark.parametrize("options", [{}, {"libver": "latest"}, {"libver": ("v108", "v108")}, {"track_order": True}])
def test_newer_forms_of_groups(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", **options) as file:
        file["outer/inner/x"] = np.arange(3.0)
        file["outer"].attrs["name"] = "a name"
        file.create_group("empty")
    with open_hdf5(path) as root:
        assert_same(root.dataset("outer/inner/x").read(), np.arange(3.0))
        assert root.group("outer").attr("name") == "a name"
        assert sorted(root) == ["empty", "outer"]


@pytest.mark.parametrize("kind", ["links", "attributes"])
def test_dense_storage_is_refused_by_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        for number in range(20):
            if kind == "links":
                file.create_group(f"g{number}")
            else:
                file.attrs[f"a{number}"] = number
    with pytest.raises(FormatError, match=f"keeps its {kind} in a fractal heap"):
        open_hdf5(path)


def test_the_newest_chunk_index_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w", libver="latest") as file:
        file.create_dataset("x", data=np.zeros((9, 9)), chunks=(2, 2))
    with pytest.raises(FormatError, match="data layout"):
        open_hdf5(path)


def test_many_members_and_long_names(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    names = [f"layer_{n}_{'x' * 50}" for n in range(700)]
    with h5py.File(path, "w") as file:
        for number, name in enumerate(names):
            file[name] = number
    with open_hdf5(path) as root:
        assert sorted(root) == sorted(names)
        assert [int(root.dataset(name).read()) for name in names] == list(range(700))


def test_attributes(tmp_path: Path) -> None:
    values: dict[str, Any] = {
        "text": "größe",
        "fixed": np.bytes_(b"abc"),
        "integer": 3,
        "real": 2.5,
        "truth": True,
        "big_endian": np.array([1, 2], ">i4"),
        "matrix": np.arange(6.0).reshape(2, 3),
        "names": ["a", "bc"],
        "fixed_names": [b"a", b"bcd"],
        "no_text": "",
        "empty": np.array([]),
        "null": h5py.Empty("f4"),
    }
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs.update(values)
    with open_hdf5(path) as root:
        assert set(root.attrs) == set(values)
        assert root.attr("text") == "größe"
        assert root.attr("fixed") == "abc"
        assert root.attr("no_text") == ""
        assert (root.attr("integer"), root.attr("real"), root.attr("truth")) == (3, 2.5, True)
        np.testing.assert_array_equal(root.attr("big_endian"), [1, 2])
        np.testing.assert_array_equal(root.attr("matrix"), values["matrix"])
        assert root.attr("names") == root.attr_list("names") == ["a", "bc"]
        assert root.attr_list("fixed_names") == ["a", "bcd"]
        assert root.attr_list("empty") == root.attr_list("null") == []


def test_attributes_survive_closing(whole_model_h5: Path) -> None:
    with open_hdf5(whole_model_h5) as root:
        first = root.attr("backend")
        array = root.dataset("model_weights/dense/dense/kernel:0").read()
    assert root.attr("backend") == first == "tensorflow"
    assert array.shape == (4, 3)


def test_wrong_kinds_of_attributes(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["number"] = 3
        file.attrs["numbers"] = [1, 2]
        file.attrs["one"] = ["text"]
    with open_hdf5(path) as root:
        assert root.attr_text("one") == "text"
        with pytest.raises(FormatError, match="'number' is int, text expected"):
            root.attr_text("number")
        with pytest.raises(FormatError, match="a list of names expected"):
            root.attr_list("numbers")
        with pytest.raises(FormatError, match="no attribute 'absent'; present: number, numbers, one"):
            root.attr_list("absent")


def test_split_lists_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for part in range(12):
            file.attrs[f"layer_names{part}"] = [f"layer_{part}_{n}".encode() for n in range(3)]
    with open_hdf5(path) as root:
        assert root.has_attr_list("layer_names")
        assert not root.has_attr_list("weight_names")
        assert root.attr_list("layer_names") == [f"layer_{p}_{n}" for p in range(12) for n in range(3)]


def test_a_long_text(tmp_path: Path) -> None:
    config = json.dumps({"layers": ["x" * 1000] * 500})
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = config
    with open_hdf5(path) as root:
        assert root.attr_text("model_config") == config


def test_navigation(whole_model_h5: Path) -> None:
    with open_hdf5(whole_model_h5) as root:
        weights = root.group("model_weights")
        dense = weights.group("dense")
        assert (root.path, dense.path, dense.name) == ("/", "/model_weights/dense", "dense")
        assert [group.name for group in weights.groups()] == ["dense", "input_1"]
        assert dense.datasets() == []
        assert "dense/kernel:0" in dense
        assert "dense/missing:0" not in dense
        assert dense.dataset("/model_weights/dense/dense/bias:0") is dense.dataset("./dense//bias:0")
        assert [d.path for d in root.walk()] == [
            "/model_weights/dense/dense/bias:0",
            "/model_weights/dense/dense/kernel:0",
        ]
        with pytest.raises(
            FormatError, match=r"model\.h5: /model_weights: has no group 'x'; present: 'dense', 'input_1'"
        ):
            weights.group("x")
        with pytest.raises(FormatError, match="is a group, a dataset expected"):
            root.dataset("model_weights")
        with pytest.raises(FormatError, match="is a dataset, a group expected"):
            dense.group("dense/kernel:0")
        assert "dense/kernel:0/deeper" not in dense


def test_backslashes_are_part_of_names(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "layers\\dense\\vars/0", np.arange(2.0))
    with open_hdf5(path) as root:
        assert list(root) == ["layers\\dense\\vars"]
        assert_same(root.dataset("layers\\dense\\vars/0").read(), np.arange(2.0))


def test_arrays_do_not_change_when_the_file_is_saved_over(tmp_path: Path) -> None:
    data = np.arange(MAPPED_FROM // 4, dtype=np.float32)
    path = write(tmp_path / "a.h5", "x", data)
    with open_hdf5(path) as root:
        array = root.dataset("x").read()
    write(path, "x", data + 1)
    np.testing.assert_array_equal(array, data)
    assert not array.flags.writeable


def test_large_arrays_can_be_views_of_the_file(tmp_path: Path) -> None:
    data = np.arange(MAPPED_FROM // 4, dtype=np.float32)
    path = write(tmp_path / "a.h5", "x", data)
    with open_hdf5(path, mapped=True) as root:
        array = root.dataset("x").read()
    np.testing.assert_array_equal(array, data)
    assert not array.flags.owndata
    assert array.flags.aligned
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1
    path.unlink()
    write(path, "x", data + 1)
    np.testing.assert_array_equal(array, data)


def test_unaligned_memory_is_copied(tmp_path: Path) -> None:
    path = write(tmp_path / "a.h5", "x", np.arange(8.0))
    shifted = memoryview(b"-" + path.read_bytes())[1:]
    with open_hdf5(shifted) as root:
        array = root.dataset("x").read()
    assert array.flags.aligned
    np.testing.assert_array_equal(array, np.arange(8.0))


@pytest.mark.parametrize("form", [bytes, bytearray, memoryview, MemorySource])
def test_files_in_memory(whole_model_h5: Path, form: Any) -> None:
    with open_hdf5(form(whole_model_h5.read_bytes())) as root:
        assert root.dataset("model_weights/dense/dense/kernel:0").read().shape == (4, 3)


def test_reading_after_closing(whole_model_h5: Path) -> None:
    with open_hdf5(whole_model_h5) as root:
        dataset = root.dataset("model_weights/dense/dense/kernel:0")
    with pytest.raises(ArgumentError, match="inside the `with` block"):
        dataset.read()


def test_repr(whole_model_h5: Path) -> None:
    with open_hdf5(whole_model_h5) as root:
        assert repr(root.group("model_weights")) == "<Group /model_weights (2 members)>"
        kernel = root.dataset("model_weights/dense/dense/kernel:0")
        assert repr(kernel) == "<Dataset /model_weights/dense/dense/kernel:0 float32(4, 3)>"
