"""What a file or folder really is, by its content. File extensions are never believed."""

from __future__ import annotations

import io
import os
import re
from enum import Enum

from kcompat.errors import FormatError

from .bounded_json import parse_json
from .limits import DEFAULT_LIMITS, Limits
from .protobuf import top_level_fields
from .source import FileSource, PathLike, Source
from .zip_directory import read_directory


class FileKind(str, Enum):
    """Kinds of files, first those that hold models or weights."""

    HDF5 = "hdf5"
    KERAS_ZIP = "keras_zip"
    KERAS_DIR = "keras_dir"
    JSON = "json"
    ONNX = "onnx"
    SAVEDMODEL_DIR = "savedmodel_dir"
    WEIGHTS_INDEX = "weights_index"
    NPZ = "npz"

    LFS_POINTER = "lfs_pointer"
    HTML = "html"
    PICKLE = "pickle"
    TORCH = "torch"
    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    TFLITE = "tflite"
    TF_GRAPH = "tf_graph"
    TF_SAVEDMODEL_PB = "tf_savedmodel_pb"
    TF_CHECKPOINT = "tf_checkpoint"
    TFJS = "tfjs"
    HDF5_USER_BLOCK = "hdf5_user_block"
    NPY = "npy"
    YAML = "yaml"
    ZIP = "zip"
    ZIP_TRUNCATED = "zip_truncated"
    COMPRESSED = "compressed"
    DIRECTORY = "directory"
    EMPTY = "empty"
    TEXT = "text"
    UNKNOWN = "unknown"


_MEANING = {
    FileKind.HDF5: ("an HDF5 file", "pass it where a .h5 file is expected"),
    FileKind.KERAS_ZIP: ("a .keras archive", "pass it where a .keras file is expected"),
    FileKind.KERAS_DIR: (
        "a folder with an unzipped .keras archive",
        "pass it where a .keras file is expected",
    ),
    FileKind.JSON: (
        "JSON",
        "an architecture in JSON is loaded with model_from_json, its weights from a second file",
    ),
    FileKind.ONNX: ("an ONNX model", "pass it where an .onnx file is expected"),
    FileKind.SAVEDMODEL_DIR: (
        "a TensorFlow SavedModel folder",
        "pass it where a model is expected; those that Keras 2 wrote are read",
    ),
    FileKind.WEIGHTS_INDEX: (
        "the index of sharded Keras weights",
        "pass it to load_weights with its shards beside it",
    ),
    FileKind.NPZ: ("NumPy arrays (.npz)", "arrays alone are no model; pass them where weights are expected"),
    FileKind.LFS_POINTER: (
        "a Git LFS pointer, not the file itself",
        "run `git lfs pull`, or download the file from the web page of the repository",
    ),
    FileKind.HTML: ("a web page", "the download went wrong, often a login or error page; fetch the raw file"),
    FileKind.PICKLE: (
        "a Python pickle",
        "pickles run code when they are loaded; save the model as .keras or .h5",
    ),
    FileKind.TORCH: ("a PyTorch file", "export the model with torch.onnx.export and load the .onnx file"),
    FileKind.SAFETENSORS: (
        "a safetensors file",
        "it has weights but no architecture; save the model as .keras or ONNX",
    ),
    FileKind.GGUF: ("a GGUF language model", "llama.cpp runs these"),
    FileKind.TFLITE: (
        "a TensorFlow Lite model",
        "load the model it was made from; tf2onnx can also convert it to ONNX",
    ),
    FileKind.TF_GRAPH: ("a frozen TensorFlow graph", "convert it to ONNX with tf2onnx --graphdef"),
    FileKind.TF_SAVEDMODEL_PB: (
        "the saved_model.pb of a TensorFlow SavedModel",
        "pass its folder where a model is expected",
    ),
    FileKind.TF_CHECKPOINT: (
        "a TensorFlow checkpoint",
        "build the model in Keras, load_weights() from the checkpoint, and save the model as .keras or .h5",
    ),
    FileKind.TFJS: ("a TensorFlow.js model", "convert it with tensorflowjs_converter to a Keras .h5 file"),
    FileKind.HDF5_USER_BLOCK: ("an HDF5 file behind a user block", "strip the block with h5unjam"),
    FileKind.NPY: ("one NumPy array (.npy)", "an array alone is no model"),
    FileKind.YAML: (
        "YAML, as of model.to_yaml()",
        "Keras dropped YAML; save the architecture with to_json()",
    ),
    FileKind.ZIP: ("a zip archive, but not a .keras one", "unpack it and pass the model inside"),
    FileKind.ZIP_TRUNCATED: ("the beginning of a zip archive", "the file is truncated; fetch it again"),
    FileKind.COMPRESSED: ("a compressed archive (gzip, bzip2, xz, zstd, 7z, rar or tar)", "unpack it first"),
    FileKind.DIRECTORY: ("a folder without a model that is recognised", "pass the model file inside it"),
    FileKind.EMPTY: ("an empty file", "the download or the save failed; fetch or save it again"),
    FileKind.TEXT: ("a text file", "pass the model file itself"),
    FileKind.UNKNOWN: ("none of the formats that are recognised", "check that the download is complete"),
}

_HEAD = 4096
_SMALLEST_USER_BLOCK = 512
_MAGIC = (
    (b"\x89HDF\r\n\x1a\n", FileKind.HDF5),
    (b"version https://git-lfs", FileKind.LFS_POINTER),
    (b"\x93NUMPY", FileKind.NPY),
    (b"GGUF", FileKind.GGUF),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", FileKind.TORCH),
    (b"\x1f\x8b", FileKind.COMPRESSED),
    (b"BZh", FileKind.COMPRESSED),
    (b"\xfd7zXZ\0", FileKind.COMPRESSED),
    (b"\x28\xb5\x2f\xfd", FileKind.COMPRESSED),
    (b"7z\xbc\xaf\x27\x1c", FileKind.COMPRESSED),
    (b"Rar!\x1a\x07", FileKind.COMPRESSED),
)
_LEVELDB_MAGIC = b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def sniff(path: PathLike, limits: Limits = DEFAULT_LIMITS) -> FileKind:
    """The kind of the file or folder at `path`.

    Raises:
        FormatError: there is nothing at `path`, or it cannot be read.
    """
    if os.path.isdir(path):
        return _sniff_folder(path)
    source = FileSource(path)
    try:
        return sniff_source(source, limits)
    finally:
        source.close()


def sniff_source(source: Source, limits: Limits = DEFAULT_LIMITS) -> FileKind:
    """The kind of the bytes in `source`."""
    head = bytes(source.read(0, min(source.size, _HEAD)))
    if not head:
        return FileKind.EMPTY
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _sniff_zip(source, limits)
    return (
        _binary_formats(source, head) or _text_formats(source, head, limits) or _protobuf_formats(source)
    ) or FileKind.UNKNOWN


def describe(kind: FileKind) -> str:
    """`an HDF5 file`, `a web page`: what a file of this kind is called in messages."""
    return _MEANING[kind][0]


def wrong_file(file: PathLike | Source, expected: str) -> FormatError:
    """The error for a file that is not what was expected: says what it is and what to do."""
    if isinstance(file, (str, os.PathLike)):
        kind, label = sniff(file), os.fspath(file)
    else:
        kind, label = sniff_source(file), file.label
    what, remedy = _MEANING[kind]
    return FormatError(f"{label}: this is {what}; {expected} was expected. What to do: {remedy}.")


def _sniff_folder(folder: PathLike) -> FileKind:
    def has(*names: str) -> bool:
        return any(os.path.isfile(os.path.join(folder, name)) for name in names)

    if has("saved_model.pb", "saved_model.pbtxt"):
        return FileKind.SAVEDMODEL_DIR
    if has("config.json") and has("metadata.json", "model.weights.h5", "model.weights.npz", "model.weights.json"):
        return FileKind.KERAS_DIR
    if has("checkpoint", "_CHECKPOINT_METADATA"):
        return FileKind.TF_CHECKPOINT
    return FileKind.DIRECTORY


def _sniff_zip(source: Source, limits: Limits) -> FileKind:
    try:
        entries = read_directory(source, limits)
    except FormatError:
        return FileKind.ZIP_TRUNCATED
    names = [entry.name for entry in entries]
    if "config.json" in names and any(n == "metadata.json" or n.startswith("model.weights.") for n in names):
        return FileKind.KERAS_ZIP
    if any(n.endswith(("/data.pkl", "/constants.pkl")) for n in names):
        return FileKind.TORCH
    if names and all(n.endswith(".npy") for n in names):
        return FileKind.NPZ
    return FileKind.ZIP


def _binary_formats(source: Source, head: bytes) -> FileKind | None:
    if head[4:8] == b"TFL3":
        return FileKind.TFLITE
    if head[257:262] == b"ustar":
        return FileKind.COMPRESSED
    if re.match(rb"\x80[\x02-\x05]", head):
        return FileKind.PICKLE
    header_size = int.from_bytes(head[:8], "little")
    if head[8:10] == b'{"' and header_size <= source.size - 8:
        return FileKind.SAFETENSORS
    if source.size >= 48 and bytes(source.read(source.size - 8, 8)) == _LEVELDB_MAGIC:
        return FileKind.TF_CHECKPOINT
    return FileKind.HDF5_USER_BLOCK if _has_user_block(source) else None


def _has_user_block(source: Source) -> bool:
    offset = _SMALLEST_USER_BLOCK
    while offset + 8 <= source.size:
        if source.read(offset, 8) == _MAGIC[0][0]:
            return True
        offset *= 2
    return False


def _text_formats(source: Source, head: bytes, limits: Limits) -> FileKind | None:
    text = _as_text(head)
    if text is None:
        return None
    start = text.lstrip("\ufeff \t\r\n")
    if start.startswith(("{", "[")):
        return _sniff_json(source, limits)
    if re.match(r"<(!doctype\s+html|html|head|body|\?xml|!--)", start, re.IGNORECASE):
        return FileKind.HTML
    if re.search(r"^(class_name|backend|keras_version|config):", start, re.MULTILINE):
        return FileKind.YAML
    return FileKind.TEXT


def _as_text(head: bytes) -> str | None:
    """`head` as text; None when it has bytes that text does not have. Its last character may be cut."""
    if re.search(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]", head):
        return None
    try:
        return io.TextIOWrapper(io.BytesIO(head), "utf-8", errors="strict").read()
    except UnicodeDecodeError as error:
        return head[: error.start].decode() if len(head) == _HEAD and error.start > _HEAD - 4 else None


def _sniff_json(source: Source, limits: Limits) -> FileKind:
    if source.size > limits.json_bytes:
        return FileKind.JSON  # the parser says later that it is too large
    try:
        value = parse_json(bytes(source.read(0, source.size)), source.label, limits)
    except FormatError:
        return FileKind.JSON  # the parser says later what is wrong with it
    if not isinstance(value, dict):
        return FileKind.JSON
    if isinstance(value.get("weight_map"), dict):
        return FileKind.WEIGHTS_INDEX
    if "weightsManifest" in value or "modelTopology" in value:
        return FileKind.TFJS
    return FileKind.JSON


def _protobuf_formats(source: Source) -> FileKind | None:
    """Told apart by the numbers and wire types of the outermost fields, of which each format has its own.

    ONNX ModelProto: ir_version = 1 (integer), graph = 7 (message).
    TensorFlow GraphDef: node = 1 (messages), library = 2, version = 3 (integer), versions = 4.
    TensorFlow SavedModel: saved_model_schema_version = 1 (integer), meta_graphs = 2 (messages).
    """
    found = top_level_fields(source)
    if found is None:
        return None
    integer, message = 0, 2
    if (1, integer) in found and (7, message) in found:
        return FileKind.ONNX
    if found <= {(1, message), (2, message), (3, integer), (4, message)} and (1, message) in found:
        return FileKind.TF_GRAPH
    if found == {(1, integer), (2, message)}:
        return FileKind.TF_SAVEDMODEL_PB
    return None
