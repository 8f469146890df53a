"""`.keras` archives and folders: what they give, and what is refused."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kcompat.converters.files import DEFAULT_LIMITS, Archive, FileSource, Limits, MemorySource, open_archive
from kcompat.errors import FormatError, UnsafeFileError

Members = dict[str, bytes]
MakeZip = Callable[..., Path]
FORMS = ("stored", "deflated", "folder", "memory")


@pytest.fixture(params=FORMS)
def archive(request: pytest.FixtureRequest, tmp_path: Path, keras_members: Members, make_zip: MakeZip) -> Archive:
    members = keras_members | {"assets/text/vocabulary.txt": "größe\n".encode()}
    if request.param == "folder":
        folder = tmp_path / "model"
        for name, data in members.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        return open_archive(folder)
    method = zipfile.ZIP_DEFLATED if request.param == "deflated" else zipfile.ZIP_STORED
    path = make_zip(members, method)
    return open_archive(MemorySource(path.read_bytes()) if request.param == "memory" else path)


def test_members(archive: Archive, keras_members: Members) -> None:
    with archive:
        assert archive.names() == [
            "assets/text/vocabulary.txt",
            "config.json",
            "metadata.json",
            "model.weights.h5",
        ]
        assert "config.json" in archive
        assert "absent.json" not in archive
        for name, data in keras_members.items():
            assert archive.read(name) == data
            assert archive.size(name) == len(data)
        assert archive.read_json("metadata.json")["keras_version"] == "3.15.0"
        with archive.open_hdf5("model.weights.h5") as root:
            kernel = root.dataset("layers/dense/vars/0").read()
            assert kernel.shape == (4, 3)
            assert "model.weights.h5" in root.where
        with pytest.raises(UnsafeFileError, match=r"'config\.json' has .* bytes, more than the 10 allowed"):
            archive.read("config.json", limit=10)
        with pytest.raises(FormatError, match="has no member 'weights'; present: 'assets"):
            archive.read("weights")


def test_a_stored_member_is_read_in_place(keras_members: Members, make_zip: MakeZip) -> None:
    with open_archive(make_zip(keras_members)) as archive:
        root = archive.open_hdf5("model.weights.h5")
    with root:  # outlives the archive
        assert isinstance(root._file.source, FileSource)
        assert np.isfinite(root.dataset("layers/dense/vars/0").read()).all()


def test_names_from_windows(keras_members: Members, make_zip: MakeZip) -> None:
    with open_archive(make_zip(keras_members | {"assets\\layer\\vocabulary.txt": b"a\n"})) as archive:
        assert archive.read("assets/layer/vocabulary.txt") == b"a\n"


@pytest.mark.parametrize(
    "name",
    [
        "../config.json",
        "assets/../../x",
        "/etc/passwd",
        "..\\x",
        "assets\\..\\..\\x",
        "\\server\\share",
        "C:/x",
        "c:x",
        "./x",
        "assets//x",
        "..",
    ],
)
def test_names_that_lead_out(keras_members: Members, make_zip: MakeZip, name: str) -> None:
    with pytest.raises(UnsafeFileError, match="is absolute, empty, or leads out of the archive"):
        open_archive(make_zip(keras_members | {name: b""}))


@pytest.mark.parametrize("second", ["config.json", "assets\\a.txt"])
def test_members_twice(keras_members: Members, make_zip: MakeZip, second: str, recwarn: object) -> None:
    items = [*keras_members.items(), ("assets/a.txt", b""), (second, b"{}")]
    if second == "config.json":
        with pytest.warns(UserWarning, match="Duplicate name"):
            path = make_zip(items)
    else:
        path = make_zip(items)
    with pytest.raises(UnsafeFileError, match="is there twice"):
        open_archive(path)


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR])
def test_links_and_devices(keras_members: Members, make_zip: MakeZip, kind: int) -> None:
    member = zipfile.ZipInfo("assets/vocabulary.txt")
    member.external_attr = (kind | 0o777) << 16
    with pytest.raises(UnsafeFileError, match="is a symbolic link or device"):
        open_archive(make_zip([*keras_members.items(), (member, b"/etc/passwd")]))


def directory_entry(data: bytearray, name: str) -> int:
    """Where the central directory's entry for `name` starts."""
    return data.rindex(name.encode()) - 46


def changed(path: Path, name: str, offset: int, value: bytes) -> Path:
    """Overwrites bytes of an entry of the central directory."""
    data = bytearray(path.read_bytes())
    start = directory_entry(data, name) + offset
    data[start : start + len(value)] = value
    path.write_bytes(data)
    return path


FLAGS, METHOD, CRC, STORED_SIZE, SIZE, HEADER = 8, 10, 16, 20, 24, 42


@pytest.mark.parametrize("flag", [0x0001, 0x0041, 0x2000])
def test_encryption(keras_members: Members, make_zip: MakeZip, flag: int) -> None:
    path = changed(make_zip(keras_members), "config.json", FLAGS, struct.pack("<H", flag))
    with pytest.raises(UnsafeFileError, match=r"'config\.json' is encrypted"):
        open_archive(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions(keras_members: Members, make_zip: MakeZip, method: int) -> None:
    with pytest.raises(FormatError, match=f"is compressed with method {method}"):
        open_archive(make_zip(keras_members, method))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wrong_checksum(keras_members: Members, make_zip: MakeZip, method: int) -> None:
    path = changed(make_zip(keras_members, method), "model.weights.h5", CRC, b"\1\2\3\4")
    with open_archive(path) as archive:
        with pytest.raises(FormatError, match=r"'model\.weights\.h5': differs from its CRC-32"):
            archive.open_hdf5("model.weights.h5")
        with pytest.raises(FormatError, match=r"'model\.weights\.h5': differs from its CRC-32"):
            archive.read("model.weights.h5")


def test_two_names_for_one_member(keras_members: Members, make_zip: MakeZip) -> None:
    path = make_zip(keras_members)
    data = bytearray(path.read_bytes())
    start = data.index(b"config.json")
    data[start : start + 11] = b"CONFIG.JSON"
    path.write_bytes(data)
    with open_archive(path) as archive, pytest.raises(UnsafeFileError, match="another name in its own header"):
        archive.read("config.json")


@pytest.mark.parametrize("size", [0, 10, 10_000])
def test_a_size_that_lies(keras_members: Members, make_zip: MakeZip, size: int) -> None:
    path = make_zip(keras_members, zipfile.ZIP_DEFLATED)
    with (
        open_archive(changed(path, "config.json", SIZE, struct.pack("<I", size))) as archive,
        pytest.raises(FormatError, match=f"another size than the {size} bytes"),
    ):
        archive.read("config.json")


def test_stored_with_two_sizes(keras_members: Members, make_zip: MakeZip) -> None:
    with pytest.raises(FormatError, match=r"'config\.json' is stored, but with"):
        open_archive(changed(make_zip(keras_members), "config.json", SIZE, struct.pack("<I", 1 << 30)))


def test_a_damaged_deflate_stream(keras_members: Members, make_zip: MakeZip) -> None:
    path = make_zip(keras_members, zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    start = data.index(b"config.json") + 11
    data[start : start + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with open_archive(path) as archive, pytest.raises(FormatError, match="cannot be decompressed"):
        archive.read("config.json")


def test_decompression_bomb(keras_members: Members, make_zip: MakeZip) -> None:
    path = make_zip(keras_members | {"assets/zeros": bytes(1 << 22)}, zipfile.ZIP_DEFLATED)
    with open_archive(path) as archive:
        assert archive.size("assets/zeros") == 1 << 22
    with pytest.raises(UnsafeFileError, match=r"limits\.expansion_ratio = 100"):
        open_archive(path, replace(DEFAULT_LIMITS, expansion_floor=1 << 20))


def test_overlapping_members(make_zip: MakeZip) -> None:
    path = make_zip({"config.json": bytes(5000), "metadata.json": b"", "model.weights.h5": b""})
    data = path.read_bytes()
    entry = data[directory_entry(bytearray(data), "config.json") :][:57]
    end = bytearray(data[-22:])
    names = [b"config.json", b"config.jsoo", b"config.jsop"]
    directory = b"".join(entry.replace(b"config.json", name) for name in names)
    end[8:20] = struct.pack("<HHII", 3, 3, len(directory), 5041)
    path.write_bytes(data[:5041] + directory + end)
    with pytest.raises(UnsafeFileError, match="they overlap"):
        open_archive(path)


@pytest.mark.parametrize("limits", [Limits(archive_members=2), Limits(archive_directory_bytes=100)], ids=str)
def test_too_many_members(keras_members: Members, make_zip: MakeZip, limits: Limits) -> None:
    with pytest.raises(UnsafeFileError, match="a zip with 3 members"):
        open_archive(make_zip(keras_members), limits)


@pytest.mark.parametrize("sixteenths", range(16))
def test_truncated_archives(keras_members: Members, make_zip: MakeZip, sixteenths: int) -> None:
    path = make_zip(keras_members)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * sixteenths // 16])
    with pytest.raises(FormatError, match=r"model\.keras: .*(truncated|empty file)"):
        open_archive(path)


def test_zip64(keras_members: Members, make_zip: MakeZip) -> None:
    """The 64-bit end record, as writers use it for archives over 4 GiB."""
    path = make_zip(keras_members)
    data = path.read_bytes()
    end = data[-22:]
    count, size, start = struct.unpack("<H", end[8:10])[0], *struct.unpack("<2I", end[12:20])
    record = b"PK\x06\x06" + struct.pack("<QHHIIQQQQ", 44, 45, 45, 0, 0, count, count, size, start)
    locator = b"PK\x06\x07" + struct.pack("<IQI", 0, len(data) - 22, 1)
    end = end[:8] + b"\xff" * 12 + end[20:]
    path.write_bytes(data[:-22] + record + locator + end)
    with open_archive(path) as archive:
        assert archive.read("config.json") == keras_members["config.json"]
    path.write_bytes(data[:-22] + record + end)
    with pytest.raises(FormatError, match="zip64"):
        open_archive(path)


def test_zip64_sizes_of_a_member(keras_members: Members, tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in keras_members.items():
            with archive.open(name, "w", force_zip64=True) as member:
                member.write(data)
    with open_archive(path) as opened:
        assert opened.read("config.json") == keras_members["config.json"]


def test_folder_entries_are_no_members(keras_members: Members, make_zip: MakeZip) -> None:
    with open_archive(make_zip([("assets/", b""), *keras_members.items()])) as archive:
        assert "assets/" not in archive


def test_what_is_no_archive(tmp_path: Path, whole_model_h5: Path) -> None:
    with pytest.raises(FormatError, match=r"model\.h5: this is an HDF5 file; a \.keras archive was expected"):
        open_archive(whole_model_h5)
    with pytest.raises(FormatError, match="a folder without a model"):
        open_archive(tmp_path)


@pytest.fixture
def model_folder(tmp_path: Path, keras_members: Members) -> Path:
    folder = tmp_path / "cache" / "snapshots" / "0123"
    folder.mkdir(parents=True)
    for name, data in keras_members.items():
        (folder / name).write_bytes(data)
    return folder


def test_a_link_that_stays_inside(model_folder: Path) -> None:
    (model_folder / "copy.json").symlink_to("config.json")
    with open_archive(model_folder) as archive:
        assert archive.read("copy.json") == archive.read("config.json")


def test_a_link_to_the_blobs_of_a_cache(model_folder: Path) -> None:
    blobs = model_folder.parent.parent / "blobs"
    blobs.mkdir()
    (blobs / "abcd").write_text("[]")
    (model_folder / "extra.json").symlink_to("../../blobs/abcd")
    with open_archive(model_folder) as archive:
        assert archive.read_json("extra.json") == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../../../outside", "../sibling"])
def test_a_link_that_leads_out(model_folder: Path, target: str) -> None:
    (model_folder / "extra.json").symlink_to(target)
    with pytest.raises(UnsafeFileError, match="outside the model's folder"):
        open_archive(model_folder)


def test_a_linked_folder_is_not_entered(model_folder: Path) -> None:
    (model_folder / "assets").symlink_to("/etc")
    with open_archive(model_folder) as archive:
        assert not [name for name in archive.names() if name.startswith("assets")]


def test_a_folder_with_too_many_files(model_folder: Path) -> None:
    with pytest.raises(UnsafeFileError, match=r"limits\.archive_members = 2"):
        open_archive(model_folder, Limits(archive_members=2))
