"""Functions named after NumPy's, as `keras.ops.numpy`."""

from __future__ import annotations

from typing import Any

from .creation import arange, empty, eye, full, identity, linspace, meshgrid, ndim, ones, size, tri, zeros
from .function import named, names
from .variadic import einsum

__all__ = [
    "arange",
    "einsum",
    "empty",
    "eye",
    "full",
    "identity",
    "linspace",
    "meshgrid",
    "ndim",
    "ones",
    "size",
    "tri",
    "zeros",
]
__all__ += sorted(names("numpy") - set(__all__))


def __getattr__(name: str) -> Any:
    return named("numpy", name)


def __dir__() -> list[str]:
    return sorted(__all__)
