"""HDF5 files that ask for what loading must never do, one per rule."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from kcompat.converters.files import DEFAULT_LIMITS, Limits, open_hdf5
from kcompat.errors import FormatError, KcompatError, UnsafeFileError

UNDEFINED = 0xFFFF_FFFF_FFFF_FFFF


def soft_link(file: h5py.File) -> None:
    file["x"] = np.zeros(3)
    file["alias"] = h5py.SoftLink("/x")


def dangling_soft_link(file: h5py.File) -> None:
    file["alias"] = h5py.SoftLink("/etc/passwd")


def external_link(file: h5py.File) -> None:
    file["layers/other"] = h5py.ExternalLink("/etc/passwd", "/x")


def external_storage(file: h5py.File) -> None:
    file.create_dataset("x", (100,), "u1", external=[("/etc/passwd", 0, 100)])


def virtual_dataset(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((3,), "f4")
    layout[:] = h5py.VirtualSource("/etc/passwd", "x", (3,))
    file.create_virtual_dataset("x", layout)


def plugin_filter(file: h5py.File) -> None:
    file.create_dataset("x", data=np.zeros(100), compression="lzf")


def scale_offset_filter(file: h5py.File) -> None:
    file.create_dataset("x", data=np.arange(100), scaleoffset=0)


def object_reference_dataset(file: h5py.File) -> None:
    file.create_dataset("x", data=np.array([file.ref], h5py.ref_dtype))


def region_reference_dataset(file: h5py.File) -> None:
    target = file.create_dataset("t", data=np.zeros(4))
    file.create_dataset("x", data=np.array([target.regionref[:2]], h5py.regionref_dtype))


def reference_attribute(file: h5py.File) -> None:
    file.attrs["r"] = file.ref


def cycle_to_the_root(file: h5py.File) -> None:
    file.create_group("layers")["up"] = file["/"]


def cycle_to_itself(file: h5py.File) -> None:
    file.create_group("layers")
    file["layers/again"] = file["layers"]


def second_hard_link(file: h5py.File) -> None:
    file["x"] = np.zeros(3)
    file["y"] = file["x"]


def too_deep(file: h5py.File) -> None:
    file.create_group("/".join("g" * 100))


UNSAFE: dict[Callable[[h5py.File], None], str] = {
    soft_link: "'alias' is a soft link",
    dangling_soft_link: "'alias' is a soft link",
    external_link: "'other' is an external link",
    external_storage: "/x: keeps its data in other files",
    virtual_dataset: "/x: is a virtual dataset",
    plugin_filter: "/x: is compressed with HDF5 filter 32000 'lzf', which is a plugin",
    scale_offset_filter: "/x: is compressed with HDF5 filter 6",
    object_reference_dataset: "/x: holds HDF5 references",
    region_reference_dataset: "/x: holds HDF5 references",
    reference_attribute: "attribute 'r': holds HDF5 references",
    cycle_to_the_root: "/layers/up: is the same object as '/'",
    cycle_to_itself: "/layers/again: is the same object as '/layers'",
    second_hard_link: "is the same object as '/x'",
    too_deep: "limits.hdf5_depth = 64",
}


def unused_string_dataset(file: h5py.File) -> None:
    file["x"] = "text"


def fixed_string_dataset(file: h5py.File) -> None:
    file["x"] = np.array([b"ab", b"c"])


def compound_dataset(file: h5py.File) -> None:
    file["x"] = np.zeros(2, [("a", "f4"), ("b", "i4")])


def complex_dataset(file: h5py.File) -> None:
    file["x"] = np.zeros(2, np.complex64)


def opaque_dataset(file: h5py.File) -> None:
    file["x"] = np.zeros(3, "V3")


def enumeration_dataset(file: h5py.File) -> None:
    file.create_dataset("x", (2,), h5py.enum_dtype({"RED": 0, "BLUE": 1}))


def extended_precision_dataset(file: h5py.File) -> None:
    file["x"] = np.zeros(2, np.longdouble)


def variable_length_dataset(file: h5py.File) -> None:
    file.create_dataset("x", (2,), h5py.vlen_dtype(np.float32))


def null_dataset(file: h5py.File) -> None:
    file["x"] = h5py.Empty("f4")


def committed_type(file: h5py.File) -> None:
    file["t"] = np.dtype("f4")


def dataset_of_a_committed_type(file: h5py.File) -> None:
    file["t"] = np.dtype("f4")
    file.create_dataset("a", (2,), file["t"])


def never_written(file: h5py.File) -> None:
    file.create_dataset("x", (10**12,), "f4")


def chunks_never_written(file: h5py.File) -> None:
    file.create_dataset("x", (1000,), "f4", chunks=(100,))


def too_many_chunks(file: h5py.File) -> None:
    file.create_dataset("x", (10**12,), "f4", chunks=(1,))


UNSUPPORTED = (
    unused_string_dataset,
    fixed_string_dataset,
    compound_dataset,
    complex_dataset,
    opaque_dataset,
    enumeration_dataset,
    extended_precision_dataset,
    variable_length_dataset,
    null_dataset,
    committed_type,
    dataset_of_a_committed_type,
    never_written,
    chunks_never_written,
    too_many_chunks,
)


def build(path: Path, *steps: Callable[[h5py.File], None], **options: str) -> Path:
    with h5py.File(path, "w", **options) as file:
        for step in steps:
            step(file)
    return path


def patched(path: Path, old: bytes, new: bytes, occurrence: int = 0) -> Path:
    """Replaces one occurrence of `old`; the test is void if it is not there."""
    data = bytearray(path.read_bytes())
    position = -1
    for _ in range(occurrence + 1):
        position = data.index(old, position + 1)
    data[position : position + len(old)] = new
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("libver", ["earliest", "v110"])
@pytest.mark.parametrize("attack", UNSAFE, ids=lambda attack: attack.__name__)
def test_unsafe_files_are_refused(tmp_path: Path, attack: Callable[[h5py.File], None], libver: str) -> None:
    path = build(tmp_path / "evil.h5", attack, libver=libver)
    with pytest.raises(UnsafeFileError) as caught:
        open_hdf5(path)
    assert UNSAFE[attack] in str(caught.value)
    assert "evil.h5" in str(caught.value)


@pytest.mark.parametrize("form", UNSUPPORTED, ids=lambda form: form.__name__)
def test_unsupported_forms_are_refused(tmp_path: Path, form: Callable[[h5py.File], None]) -> None:
    path = build(tmp_path / "odd.h5", form)
    with pytest.raises((FormatError, UnsafeFileError), match=r"odd\.h5: /"):
        open_hdf5(path)


def test_an_attack_beside_good_weights_is_seen(whole_model_h5: Path) -> None:
    with h5py.File(whole_model_h5, "a") as file:
        file["model_weights/dense/extra"] = h5py.ExternalLink("other.h5", "/x")
    with pytest.raises(UnsafeFileError, match="/model_weights/dense: 'extra' is an external link"):
        open_hdf5(whole_model_h5)


def test_contiguous_shape_bomb(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.zeros((7, 11), "f4")))
    patched(path, struct.pack("<2Q", 7, 11), struct.pack("<2Q", 10**12, 11))
    with pytest.raises(UnsafeFileError, match=r"/x: declares 44000000000000 bytes, 308 are stored"):
        open_hdf5(path)


def test_empty_shape_with_an_impossible_extent(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.zeros((0, 11), "f4")))
    patched(path, struct.pack("<2Q", 0, 11), struct.pack("<2Q", 0, 1 << 62))
    with pytest.raises(FormatError, match="a shape of"):
        open_hdf5(path)


def test_data_past_the_end(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.arange(77.0)))
    with h5py.File(path) as file:
        place = struct.pack("<2Q", file["x"].id.get_offset(), 616)
    patched(path, place, struct.pack("<2Q", 1 << 40, 616))
    with pytest.raises(FormatError, match=r"/x: its data are at bytes 1099511627776"):
        open_hdf5(path)


def test_datasets_that_share_their_bytes(tmp_path: Path) -> None:
    size = 40_000
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        first = file.create_dataset("first", data=np.zeros(size, "u1"))
        offset = first.id.get_offset()
        for number in range(3):
            file.create_dataset(f"other{number}", (size,), "u1")
    for _ in range(3):
        patched(path, struct.pack("<2Q", UNDEFINED, size), struct.pack("<2Q", offset, size))
    with pytest.raises(UnsafeFileError, match="its datasets have 160000 bytes together"):
        open_hdf5(path)


def compressed_zeros(file: h5py.File) -> None:
    for name in "ab":
        file.create_dataset(name, data=np.zeros(1 << 20, "u1"), chunks=(1 << 18,), compression="gzip")


def test_decompression_bomb(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", compressed_zeros)
    with open_hdf5(path) as root:
        assert root.dataset("a").read().shape == (1 << 20,)
    with pytest.raises(UnsafeFileError, match="that decompress to 2097152"):
        open_hdf5(path, replace(DEFAULT_LIMITS, expansion_floor=1 << 20))


def test_a_chunk_that_inflates_beyond_its_size(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        x = file.create_dataset("x", (64,), "u1", chunks=(64,), compression="gzip")
        bomb = file.create_dataset("bomb", (1 << 20,), "u1", chunks=(1 << 20,), compression="gzip")
        bomb[:] = 0
        chunk = bomb.id.read_direct_chunk((0,))[1]
        x.id.write_direct_chunk((0,), chunk)
    with open_hdf5(path) as root, pytest.raises(FormatError, match="/x: a compressed chunk is longer"):
        root.dataset("x").read()


def test_a_damaged_checksum(tmp_path: Path) -> None:
    data = np.frombuffer(b"a chunk with a checksum behind it", "u1")
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=data, chunks=(33,), fletcher32=True))
    patched(path, b"checksum behind", b"checksum beyond")
    with open_hdf5(path) as root, pytest.raises(FormatError, match="/x: a chunk differs from its checksum"):
        root.dataset("x").read()


def test_a_damaged_compressed_chunk(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.arange(99), compression="gzip"))
    with h5py.File(path) as file:
        offset = file["x"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[offset : offset + 4] = b"oops"
    path.write_bytes(data)
    with open_hdf5(path) as root, pytest.raises(FormatError, match="/x: a compressed chunk is damaged"):
        root.dataset("x").read()


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        (Limits(hdf5_objects=3), "limits.hdf5_objects = 3"),
        (Limits(hdf5_depth=2), "limits.hdf5_depth = 2"),
        (Limits(hdf5_metadata_bytes=1000), "limits.hdf5_metadata_bytes"),
    ],
    ids=str,
)
def test_limits_hold(whole_model_h5: Path, limits: Limits, message: str) -> None:
    with pytest.raises(UnsafeFileError) as caught:
        open_hdf5(whole_model_h5, limits)
    assert message in str(caught.value)


def test_the_size_of_an_attribute_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = "x" * 100_000
    with (
        open_hdf5(path, Limits(attribute_bytes=10_000)) as root,
        pytest.raises(UnsafeFileError, match="'model_config': its text has 100000 bytes"),
    ):
        root.attr("model_config")


def test_one_text_referred_to_again_and_again(tmp_path: Path) -> None:
    """4,000 entries that share one string of 100 KB would decode to 400 MB."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["names"] = ["x" * 100_000] + ["y"] * 3999
    data = path.read_bytes()
    start = data.index(struct.pack("<I", 100_000))
    path.write_bytes(data[:start] + data[start : start + 16] * 4000 + data[start + 64_000 :])
    with open_hdf5(path) as root, pytest.raises(UnsafeFileError, match="400000000 bytes"):
        root.attr("names")


def test_a_btree_that_contains_itself(whole_model_h5: Path) -> None:
    data = bytearray(whole_model_h5.read_bytes())
    node = data.index(b"TREE")
    data[node + 32 : node + 40] = struct.pack("<Q", node)
    with pytest.raises(UnsafeFileError, match=f"reaches the node at {node} twice"):
        open_hdf5(bytes(data))


def test_a_header_that_continues_itself(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        for number in range(40):
            file.attrs[f"attribute_{number}"] = number
    data = bytearray(path.read_bytes())
    continuation = data.index(struct.pack("<HHI", 0x10, 16, 0))
    data[continuation + 8 : continuation + 24] = struct.pack("<2Q", continuation, 24)
    started = time.monotonic()
    with pytest.raises(FormatError, match="the root is no group"):  # what followed is out of reach
        open_hdf5(bytes(data))
    assert time.monotonic() - started < 1


def test_a_driver_that_reads_other_files(whole_model_h5: Path) -> None:
    data = bytearray(whole_model_h5.read_bytes())
    data[48:56] = struct.pack("<Q", 2048)
    with pytest.raises(UnsafeFileError, match="part of a set of files"):
        open_hdf5(bytes(data))


@pytest.mark.parametrize(
    ("offset", "value", "message"),
    [(8, 9, "version 9 is unknown"), (13, 4, "addresses and lengths"), (24, 8, "a base address of 8")],
)
def test_superblocks(whole_model_h5: Path, offset: int, value: int, message: str) -> None:
    data = bytearray(whole_model_h5.read_bytes())
    data[offset] = value
    with pytest.raises(FormatError, match=message):
        open_hdf5(bytes(data))


@pytest.mark.parametrize("sixteenths", range(16))
def test_truncated_files(whole_model_h5: Path, sixteenths: int) -> None:
    data = whole_model_h5.read_bytes()
    whole_model_h5.write_bytes(data[: len(data) * sixteenths // 16])
    with pytest.raises(FormatError, match=r"model\.h5: .*(truncated|empty)"):
        open_hdf5(whole_model_h5)


def test_a_file_shortened_while_it_is_open(tmp_path: Path) -> None:
    path = build(tmp_path / "a.h5", lambda file: file.create_dataset("x", data=np.zeros(100_000)))
    with open_hdf5(path) as root:
        path.write_bytes(b"")
        with pytest.raises(FormatError, match="shortened while it was read"):
            root.dataset("x").read()


def test_what_is_no_hdf5_file(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_text("<!DOCTYPE html><html>Sign in</html>")
    with pytest.raises(FormatError, match="this is a web page; an HDF5 file was expected"):
        open_hdf5(path)
    with pytest.raises(FormatError, match="no such file"):
        open_hdf5(tmp_path / "absent.h5")
    with pytest.raises(FormatError, match="is a directory"):
        open_hdf5(tmp_path)
    with pytest.raises(FormatError, match="cannot be opened"):
        open_hdf5("a\0b")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(KcompatError, match="no regular file"):
        open_hdf5(tmp_path / "pipe.h5")
