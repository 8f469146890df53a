"""The dtype in which operands of several dtypes meet, as keras.backend.result_type has it.

Python numbers are weak: "int" and "float" give way to any tensor's integer or floating dtype.
Source: keras/src/backend/common/dtypes.py 3.15, after JAX's lattice.
"""

from __future__ import annotations

from functools import cache

from ...errors import DtypeError

_NEXT = {
    "bool": ("int",),
    "int": ("uint8", "int8"),
    "uint8": ("int16", "uint16"),
    "uint16": ("int32", "uint32"),
    "uint32": ("int64", "uint64"),
    "uint64": ("float",),
    "int8": ("int16",),
    "int16": ("int32",),
    "int32": ("int64",),
    "int64": ("float",),
    "float": ("bfloat16", "float16"),
    "bfloat16": ("float32",),
    "float16": ("float32",),
    "float32": ("float64",),
    "float64": (),
}
"""Each dtype and those directly above it."""

_STRONG = {"int": "int32", "float": "float32", "uint64": "uint32"}
"""What remains of weak dtypes when no tensor decides; and Keras has no results in uint64."""


@cache
def _above(dtype: str) -> frozenset[str]:
    """The dtype and everything above it. Raises DtypeError."""
    if dtype not in _NEXT:
        raise DtypeError(f"{dtype} cannot meet other dtypes in an operation; cast it first")
    return frozenset({dtype}).union(*map(_above, _NEXT[dtype]))


@cache
def result_type(*dtypes: str) -> str:
    """The lowest dtype above all of the given ones, "int" and "float" being weak.

    Raises DtypeError for strings and complex numbers beside others.
    """
    distinct = set(dtypes)
    if len(distinct) == 1:
        lowest = distinct.pop()
    else:
        common = frozenset.intersection(*map(_above, distinct))
        lowest = next(dtype for dtype in common if common <= _above(dtype))
    return _STRONG.get(lowest, lowest)
