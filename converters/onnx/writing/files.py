"""ModelProto and weights -> a checked file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from kcompat.errors import SaveError

from ...files.atomic import replacing_file
from ..tensors import element_type

LARGEST_FILE = 2**31 - 1
"""Bytes of a protocol buffer; the weights of a larger model lie beside it."""
_ROOM = 1 << 26
"""Bytes that are left for everything but the weights."""
_INLINE = 1024
"""Bytes up to which a tensor stays in the model's file, as shape inference reads such."""
_ALIGNED = 4096
"""Weights in a file of their own begin at multiples of a page, so that they can be mapped."""


def with_shapes(proto: onnx.ModelProto, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The model, still without weights, with the types of all its values. Raises SaveError."""
    described = onnx.ModelProto()
    described.CopyFrom(proto)
    described.graph.initializer.extend(_stub(name, array) for name, array in weights.items())
    try:
        inferred = onnx.shape_inference.infer_shapes(described, check_type=True, strict_mode=True, data_prop=True)
    except Exception as error:
        raise SaveError(f"the ONNX model would not be valid: {error}") from error
    del inferred.graph.initializer[:]
    return inferred


def checked(proto: onnx.ModelProto, weights: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The model with its weights, found valid by onnx.checker. Raises SaveError."""
    proto.graph.initializer.extend(tensor(name, array) for name, array in weights.items())
    _check(proto)
    return proto


def write_model(proto: onnx.ModelProto, weights: Mapping[str, np.ndarray], path: Any) -> None:
    """Write a model and its weights into one file, or into two where one cannot hold them. Raises SaveError."""
    if sum(array.nbytes for array in weights.values()) + _ROOM <= LARGEST_FILE:
        data = checked(proto, weights).SerializeToString(deterministic=True)
        with replacing_file(path) as temporary:
            temporary.write_bytes(data)
        return
    beside = Path(f"{os.fspath(path)}.data")
    with replacing_file(beside) as temporary:
        proto.graph.initializer.extend(_stored(weights, temporary, beside.name))
    with replacing_file(path) as temporary:
        temporary.write_bytes(proto.SerializeToString(deterministic=True))
        _check(os.fspath(temporary))


def _check(model: onnx.ModelProto | str) -> None:
    try:
        onnx.checker.check_model(model, full_check=True)
    except Exception as error:
        raise SaveError(f"the ONNX model would not be valid: {error}") from error


def tensor(name: str, array: np.ndarray) -> TensorProto:
    """An initializer."""
    if array.dtype == object:
        texts: Any = [_as_bytes(item) for item in array.flat]
        return helper.make_tensor(name, element_type(array), array.shape, texts)
    return numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name)


def _as_bytes(item: Any) -> bytes:
    return item if isinstance(item, bytes) else str(item).encode("utf-8", "surrogateescape")


def _stub(name: str, array: np.ndarray) -> TensorProto:
    """A tensor without the elements of a large one."""
    if array.nbytes <= _INLINE or array.dtype == object:
        return tensor(name, array)
    return _external(name, array, "weights", 0)


def _external(name: str, array: np.ndarray, location: str, offset: int) -> TensorProto:
    stub = TensorProto(name=name, data_type=element_type(array), dims=array.shape)
    stub.data_location = TensorProto.EXTERNAL
    for key, value in (("location", location), ("offset", offset), ("length", array.nbytes)):
        stub.external_data.add(key=key, value=str(value))
    return stub


def _stored(weights: Mapping[str, np.ndarray], path: Path, location: str) -> list[TensorProto]:
    """Write the large weights to a file; all of them as tensors of the model."""
    tensors = []
    with path.open("wb") as file:
        for name, array in weights.items():
            if array.nbytes <= _INLINE or array.dtype == object:
                tensors.append(tensor(name, array))
                continue
            file.write(b"\0" * (-file.tell() % _ALIGNED))
            tensors.append(_external(name, array, location, file.tell()))
            file.write(np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes())
    return tensors
