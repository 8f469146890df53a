"""Every Keras layer, each defined once.

A file here holds a layer or a family of layers that differ in rank or in one operator. It is imported
when one of its layers is asked for, and `@registered("keras.layers")` enters a class in the closed table
from which models are read and which this namespace shows: to add a layer, add a file and run
`python tests/indexes.py`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from ..config import CLASSES, announce
from .index import INDEX

if TYPE_CHECKING:
    from .base import Layer as Layer
    from .dtype_policy import DTypePolicy as DTypePolicy
    from .input import Input as Input
    from .symbolic import KerasTensor as KerasTensor

announce(__name__, INDEX)

_NAMES = {
    "DTypePolicy": "dtype_policy",
    "Input": "input",
    "InputSpec": "input_spec",
    "KerasTensor": "symbolic",
    "Lambda": "lambda_layer",
    "Layer": "base",
    "Wrapper": "wrapper",
    "add": "merging",
    "average": "merging",
    "concatenate": "merging",
    "deserialize": "serialization",
    "dot": "merging",
    "maximum": "merging",
    "minimum": "merging",
    "multiply": "merging",
    "serialize": "serialization",
    "subtract": "merging",
}
"""Public name of what is no class of the table -> the file that defines it."""

_FOREIGN = {"FlaxLayer": "Flax", "JaxLayer": "JAX", "TFSMLayer": "TensorFlow", "TorchModuleWrapper": "torch"}
"""Layers that run code of another library -> its name."""


def __getattr__(name: str) -> Any:
    if name == "__all__":
        return sorted({*_NAMES, *CLASSES["keras.layers"]})
    if name in _NAMES:
        value = getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
    elif name[:1].isupper() and name in CLASSES["keras.layers"]:
        value = CLASSES["keras.layers"][name]
    elif name in _FOREIGN:
        raise AttributeError(
            f"{name} runs code of {_FOREIGN[name]}, which kcompat does not have; export that code to ONNX and load it"
        )
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__getattr__("__all__"))
