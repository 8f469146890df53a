"""Every Keras layer, each defined once.

A file here holds a layer or a family of layers that differ in rank or in one operator. All files are
imported, and `@registered("keras.layers")` enters a class in the closed table from which models are
read and which this namespace shows: to add a layer, add a file.
"""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from ..config import CLASSES
from .base import Layer
from .dtype_policy import DTypePolicy
from .input import Input
from .merging import add, average, concatenate, dot, maximum, minimum, multiply, subtract
from .symbolic import KerasTensor

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")

__all__ = [
    "DTypePolicy",
    "Input",
    "KerasTensor",
    "Layer",
    "add",
    "average",
    "concatenate",
    "dot",
    "maximum",
    "minimum",
    "multiply",
    "subtract",
]
__all__ += sorted(CLASSES["keras.layers"])


def __getattr__(name: str) -> Any:
    try:
        return CLASSES["keras.layers"][name]
    except KeyError:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}") from None


def __dir__() -> list[str]:
    return sorted(__all__)
