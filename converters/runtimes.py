"""Other people's runtimes as witnesses: onnxruntime and real Keras, where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcompat.errors import ArgumentError, MissingDependencyError
from kcompat.ir import Value
from kcompat.ir.types import TensorType

from .files import FileKind, sniff
from .side import Side

RUNTIMES = ("onnxruntime", "keras")

_READS = {
    "onnxruntime": {FileKind.ONNX},
    "keras": {FileKind.KERAS_ZIP, FileKind.HDF5},
}


WRITTEN_FORMATS = {"onnxruntime": ("onnx",), "keras": ("keras", "h5")}
"""The targets of a conversion that each runtime reads."""


def can_read(runtime: str, path: Any) -> bool:
    """Whether a runtime has a loader for the format of a file."""
    return sniff(path) in _READS[runtime]


def witness(runtime: str, path: Any, ours: Side) -> Side:
    """A model file as a runtime loads it. ours: as kcompat does.

    Raises MissingDependencyError if the runtime is not installed, ArgumentError if it does not load the file.
    """
    module = _imported(runtime)
    label = f"{path} in {runtime} {getattr(module, '__version__', '')}".rstrip()
    try:
        return _onnxruntime(module, path, label) if runtime == "onnxruntime" else _keras(module, path, label, ours)
    except Exception as error:
        raise ArgumentError(f"{label}: is not loaded: {type(error).__name__}: {error}") from error


def _imported(runtime: str) -> Any:
    try:
        return importlib.import_module(runtime)
    except ImportError as error:
        needed = "keras (and tensorflow, jax or torch)" if runtime == "keras" else runtime
        raise MissingDependencyError(
            f"check with {runtime}: needs {needed}, which is not installed: {error}"
        ) from error


def _onnxruntime(module: Any, path: Any, label: str) -> Side:
    options = module.SessionOptions()
    options.log_severity_level = 3
    session = module.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = [_value(item.name, _ORT_DTYPES[item.type], item.shape) for item in session.get_inputs()]
    outputs = [_value(item.name, _ORT_DTYPES[item.type], item.shape) for item in session.get_outputs()]

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        return list(session.run(None, {value.name: array for value, array in zip(inputs, arrays, strict=True)}))

    return Side(label, inputs, outputs, run)


_ORT_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(bfloat16)": "bfloat16",
    "tensor(string)": "string",
    "tensor(bool)": "bool",
    **{f"tensor({kind}{bits})": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
}


def _keras(module: Any, path: Any, label: str, ours: Side) -> Side:
    model = module.models.load_model(str(path), compile=False)

    def run(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        given = [array.astype(str) if array.dtype == object else array for array in arrays]
        outputs = model.predict(ours.packed(given), batch_size=max(len(array) for array in arrays), verbose=0)
        return [np.asarray(array) for array in module.tree.flatten(outputs)]

    return Side(label, ours.inputs, ours.outputs, run)


def _value(name: str, dtype: str, shape: Sequence[Any]) -> Value:
    return Value(TensorType(dtype, tuple(dim if isinstance(dim, int) else None for dim in shape)), name)
