"""Functions of tensors, as `keras.ops`: on KerasTensors they put nodes into models, on arrays they compute.

The operators that layers emit are in `kcompat.operators`; the classes behind the functions here, in
`kcompat.layers.operations`.
"""

from __future__ import annotations

from typing import Any

from . import image, linalg, nn, numpy
from .creation import (
    arange,
    broadcast_to,
    convert_to_numpy,
    dtype,
    empty,
    eye,
    full,
    identity,
    is_tensor,
    linspace,
    meshgrid,
    ndim,
    ones,
    shape,
    size,
    tile,
    tri,
    zeros,
)
from .function import named, names
from .variadic import einsum

__all__ = [
    "arange",
    "broadcast_to",
    "convert_to_numpy",
    "dtype",
    "einsum",
    "empty",
    "eye",
    "full",
    "identity",
    "image",
    "is_tensor",
    "linalg",
    "linspace",
    "meshgrid",
    "ndim",
    "nn",
    "numpy",
    "ones",
    "shape",
    "size",
    "tile",
    "tri",
    "zeros",
]
__all__ += sorted(names("") - set(__all__))


def __getattr__(name: str) -> Any:
    return named("", name)


def __dir__() -> list[str]:
    return sorted(__all__)
