"""TensorProto -> NumPy, with sizes checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from kcompat.errors import FormatError
from kcompat.ir.types import DTYPES

from .external import ExternalData

_FIELDS = (
    "float_data",
    "int32_data",
    "int64_data",
    "double_data",
    "uint64_data",
    "string_data",
)
SPARSE_BUDGET = 1 << 28
"""Elements that a sparse tensor may have when it is written out."""


def ir_dtype_of(element: int) -> str | None:
    """The IR's name for an ONNX element type, None where the IR has none."""
    if element == TensorProto.STRING:
        return "string"
    name = numpy_type(element).name if element in TensorProto.DataType.values() and element else None
    return name if name in DTYPES and name != "bfloat16" else None


def numpy_type(element: int) -> np.dtype[Any]:
    return onnx.helper.tensor_dtype_to_np_dtype(element)


def element_type(array: np.ndarray) -> int:
    """ONNX's number for an array's dtype."""
    if array.dtype.kind in "OUS":
        return int(TensorProto.STRING)
    return int(onnx.helper.np_dtype_to_tensor_dtype(array.dtype))


def read_tensor(tensor: TensorProto, external: ExternalData, where: str) -> np.ndarray:
    """The elements of a dense tensor.

    Raises FormatError where number of elements, shape and dtype do not agree, UnsafeFileError as ExternalData.read.
    """
    what = f"{where}: tensor '{tensor.name}'"
    if tensor.data_type not in TensorProto.DataType.values() or tensor.data_type == TensorProto.UNDEFINED:
        raise FormatError(f"{what} has element type {tensor.data_type}, which ONNX does not define")
    if tensor.HasField("segment"):
        raise FormatError(f"{what} is a segment of a larger one, which is not supported")
    count = _count(tensor.dims, what)
    if tensor.data_location == TensorProto.EXTERNAL:
        return _external(tensor, external, count, what)
    _check_stored(tensor, count, what)
    try:
        array = numpy_helper.to_array(tensor)
    except (TypeError, ValueError, UnicodeDecodeError) as error:
        raise FormatError(f"{what} cannot be read: {error}") from error
    return array.astype(object) if tensor.data_type == TensorProto.STRING else np.asarray(array)


def _count(dims: Sequence[int], what: str) -> int:
    if any(dim < 0 for dim in dims):
        raise FormatError(f"{what} has shape {list(dims)}")
    return math.prod(dims)


def stored_bytes(element: int, count: int) -> int:
    """Bytes of so many elements in raw form; types of less than a byte are packed."""
    bits = _BITS.get(element) or numpy_type(element).itemsize * 8
    return -(-count * bits // 8)


_BITS = {
    getattr(TensorProto, name): bits
    for name, bits in (("INT4", 4), ("UINT4", 4), ("FLOAT4E2M1", 4), ("INT2", 2), ("UINT2", 2))
    if hasattr(TensorProto, name)
}


def _external(tensor: TensorProto, external: ExternalData, count: int, what: str) -> np.ndarray:
    if tensor.data_type == TensorProto.STRING:
        raise FormatError(f"{what} holds texts, which external data cannot")
    size = stored_bytes(tensor.data_type, count)
    entries = [(entry.key, entry.value) for entry in tensor.external_data]
    inner = TensorProto(data_type=tensor.data_type, dims=tensor.dims)
    inner.raw_data = external.read(entries, size, what)
    return np.asarray(numpy_helper.to_array(inner))


def _check_stored(tensor: TensorProto, count: int, what: str) -> None:
    if tensor.HasField("raw_data"):
        have, want = len(tensor.raw_data), stored_bytes(tensor.data_type, count)
        if tensor.data_type == TensorProto.STRING or have != want:
            raise FormatError(f"{what} of shape {list(tensor.dims)} needs {want} bytes of data, it has {have}")
        return
    present = [name for name in _FIELDS if len(getattr(tensor, name))]
    have = sum(len(getattr(tensor, name)) for name in present)
    per = 2 if tensor.data_type in (TensorProto.COMPLEX64, TensorProto.COMPLEX128) else 1
    packed = tensor.data_type in _BITS
    want = stored_bytes(tensor.data_type, count) if packed else count * per
    if len(present) > 1 or have != want:
        raise FormatError(f"{what} of shape {list(tensor.dims)} needs {want} elements of data, it has {have}")


def read_sparse(sparse: onnx.SparseTensorProto, external: ExternalData, where: str) -> np.ndarray:
    """A sparse tensor, written out. Indices are either flat or one row per element. Raises FormatError."""
    what = f"{where}: sparse tensor '{sparse.values.name}'"
    if _count(sparse.dims, what) > SPARSE_BUDGET:
        raise FormatError(f"{what} of shape {list(sparse.dims)} has more than {SPARSE_BUDGET} elements")
    values = read_tensor(sparse.values, external, what)
    indices = read_tensor(sparse.indices, external, what)
    shape = tuple(sparse.dims)
    if (
        values.ndim != 1
        or indices.dtype != np.int64
        or indices.shape not in ((len(values),), (len(values), len(shape)))
    ):
        raise FormatError(f"{what} has values {values.shape} and indices {indices.dtype}{indices.shape}")
    dense = np.zeros(shape, values.dtype)
    limits = [dense.size] if indices.ndim == 1 else shape
    if len(values) and (indices.min() < 0 or np.any(indices.reshape(len(values), -1) >= np.asarray(limits))):
        raise FormatError(f"{what} has an index outside its shape {list(shape)}")
    if indices.ndim == 1:
        dense.reshape(-1)[indices] = values
    else:
        dense[tuple(indices.T)] = values
    return dense
