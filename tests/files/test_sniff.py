"""Files are known by their content and called by their names."""

from __future__ import annotations

import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from kcompat.converters.files import FileKind, Limits, describe, sniff, wrong_file
from kcompat.converters.files.kinds import _MEANING
from kcompat.errors import FormatError


def onnx_model() -> bytes:
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2]) for name in "xy")
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "graph", [x], [y])
    model: bytes = helper.make_model(graph, producer_name="test").SerializeToString()
    return model


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


def tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("model.h5"))
    return stream.getvalue()


def zipped(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


KERAS = zipped("metadata.json", "config.json", "model.weights.h5")
NODE = field(1, b"weights") + field(2, b"Const")

CONTENTS = {
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), FileKind.HDF5),
    "hdf5 behind a user block": (bytes(1024) + b"\x89HDF\r\n\x1a\n" + bytes(100), FileKind.HDF5_USER_BLOCK),
    "keras archive": (KERAS, FileKind.KERAS_ZIP),
    "keras archive without metadata": (zipped("config.json", "model.weights.npz"), FileKind.KERAS_ZIP),
    "keras 2.11 archive": (zipped("metadata.json", "config.json", "variables.h5"), FileKind.KERAS_ZIP),
    "keras archive in the middle": (KERAS[: len(KERAS) // 2], FileKind.ZIP_TRUNCATED),
    "zip of a folder": (zipped("model/config.json", "model/metadata.json"), FileKind.ZIP),
    "empty zip": (zipped(), FileKind.ZIP),
    "npz": (zipped("arr_0.npy", "b/c.npy"), FileKind.NPZ),
    "torch": (zipped("archive/data.pkl", "archive/version"), FileKind.TORCH),
    "torch script": (zipped("model/constants.pkl", "model/code/x.py"), FileKind.TORCH),
    "torch before 1.6": (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02", FileKind.TORCH),
    "pickle": (pickle.dumps({"weights": np.zeros(3)}), FileKind.PICKLE),
    "pickle 2": (pickle.dumps([1], protocol=2), FileKind.PICKLE),
    "npy": (npy(), FileKind.NPY),
    "json": (b' \n{"class_name": "Sequential", "config": []}', FileKind.JSON),
    "json list": (b"[1, 2]", FileKind.JSON),
    "json with a mark": (b"\xef\xbb\xbf{}", FileKind.JSON),
    "broken json": (b'{"class_name": ', FileKind.JSON),
    "weights index": (
        json.dumps({"metadata": {"total_size": 3}, "weight_map": {"/layers/d/vars": "a.h5"}}).encode(),
        FileKind.WEIGHTS_INDEX,
    ),
    "no weights index": (json.dumps({"config": {"weight_map": {}}}).encode(), FileKind.JSON),
    "tensorflow.js": (b'{"modelTopology": {}, "weightsManifest": []}', FileKind.TFJS),
    "onnx": (onnx_model(), FileKind.ONNX),
    "truncated onnx": (onnx_model()[:-20], FileKind.ONNX),
    "frozen graph": (field(1, NODE) * 3 + field(4, b"\x08\x01"), FileKind.TF_GRAPH),
    "saved_model.pb": (b"\x08\x01" + field(2, b"\x0a\x00"), FileKind.TF_SAVEDMODEL_PB),
    "checkpoint index": (bytes(range(100)) + b"\x57\xfb\x80\x8b\x24\x75\x47\xdb", FileKind.TF_CHECKPOINT),
    "tflite": (b"\x1c\0\0\0TFL3" + bytes(100), FileKind.TFLITE),
    "safetensors": (struct.pack("<Q", 20) + b'{"a":{}}' + bytes(40), FileKind.SAFETENSORS),
    "gguf": (b"GGUF\x03\0\0\0", FileKind.GGUF),
    "lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 1\n", FileKind.LFS_POINTER),
    "html": (b"\n<!DOCTYPE html>\n<html></html>", FileKind.HTML),
    "html in capitals": (b"<HTML><BODY>404", FileKind.HTML),
    "xml error": (b"<?xml version='1.0'?><Error/>", FileKind.HTML),
    "yaml": (b"backend: tensorflow\nclass_name: Sequential\n", FileKind.YAML),
    "text": ("import keras\n# größe\n".encode(), FileKind.TEXT),
    "text cut inside a character": (b"a" * 4095 + "ö".encode() * 10, FileKind.TEXT),
    "gzip": (gzip.compress(b"x"), FileKind.COMPRESSED),
    "tar": (tar(), FileKind.COMPRESSED),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(20), FileKind.COMPRESSED),
    "empty": (b"", FileKind.EMPTY),
    "latin-1": ("größe".encode("latin-1"), FileKind.UNKNOWN),
    "zeros": (bytes(5000), FileKind.UNKNOWN),
    "one byte": (b"\x80", FileKind.UNKNOWN),
    "noise": (np.random.default_rng(0).bytes(5000), FileKind.UNKNOWN),
}


@pytest.mark.parametrize("name", CONTENTS)
def test_files(tmp_path: Path, name: str) -> None:
    content, kind = CONTENTS[name]
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    assert sniff(path) is kind
    assert sniff(str(path)) == kind.value


@pytest.mark.parametrize(
    ("members", "kind"),
    [
        (["saved_model.pb", "variables/variables.index"], FileKind.SAVEDMODEL_DIR),
        (["config.json", "metadata.json", "model.weights.h5"], FileKind.KERAS_DIR),
        (["config.json", "model.weights.h5"], FileKind.KERAS_DIR),
        (["checkpoint", "ckpt-1.index"], FileKind.TF_CHECKPOINT),
        (["config.json", "pytorch_model.bin"], FileKind.DIRECTORY),
        ([], FileKind.DIRECTORY),
    ],
)
def test_folders(tmp_path: Path, members: list[str], kind: FileKind) -> None:
    for member in members:
        (tmp_path / member).parent.mkdir(exist_ok=True)
        (tmp_path / member).touch()
    assert sniff(tmp_path) is kind


def test_every_kind_has_a_description() -> None:
    assert set(_MEANING) == set(FileKind)
    assert describe(FileKind.HDF5) == "an HDF5 file"


@pytest.mark.parametrize("name", CONTENTS)
def test_the_message_says_what_it_is_and_what_to_do(tmp_path: Path, name: str) -> None:
    content, kind = CONTENTS[name]
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    what, remedy = _MEANING[kind]
    message = str(wrong_file(path, "a model"))
    assert message == f"{path}: this is {what}; a model was expected. What to do: {remedy}."


def test_the_message_for_an_lfs_pointer(tmp_path: Path) -> None:
    path = tmp_path / "model.h5"
    path.write_bytes(CONTENTS["lfs pointer"][0])
    assert "git lfs pull" in str(wrong_file(path, "an HDF5 file"))


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"model\.keras: no such file"):
        sniff(tmp_path / "model.keras")


def test_huge_json_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    path.write_text('{"weight_map": {}}')
    assert sniff(path, Limits(json_bytes=5)) is FileKind.JSON


def test_external_data_models(tmp_path: Path, make_zip: Callable[..., Path]) -> None:
    """An ONNX model whose weights are in a second file is still ONNX."""
    model = onnx.load_from_string(onnx_model())
    path = tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.data", size_threshold=0)
    assert sniff(path) is FileKind.ONNX
