"""Tensor types: a dtype name and a shape whose dimensions may be open."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..errors import DtypeError, ResourceError, ShapeError

Dim = int | str | None
"""A known size, a named open size ("batch"; equal names are equal sizes), or an unnamed open one."""

Shape = tuple[Dim, ...]

DTYPES = {
    "float32": "f32",
    "float64": "f64",
    "float16": "f16",
    "bfloat16": "bf16",
    "int8": "i8",
    "int16": "i16",
    "int32": "i32",
    "int64": "i64",
    "uint8": "u8",
    "uint16": "u16",
    "uint32": "u32",
    "uint64": "u64",
    "bool": "bool",
    "complex64": "c64",
    "complex128": "c128",
    "string": "str",
}
"""Every dtype of the IR and its short form in text."""


MEMORY_BUDGET = 8 * 2**30
"""Bytes that one tensor may take: a file can ask for any size."""


@dataclass(frozen=True, slots=True)
class TensorType:
    """What is known about a tensor before it exists."""

    dtype: str
    shape: Shape

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise DtypeError(f"unknown dtype {self.dtype!r}; known: {', '.join(DTYPES)}")

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_static(self) -> bool:
        return all(isinstance(dim, int) for dim in self.shape)

    @property
    def nbytes(self) -> int | None:
        """Bytes of the tensor, or None while a dimension is open."""
        total = 1 if self.dtype == "string" else np.dtype(numpy_name(self.dtype)).itemsize
        for dim in self.shape:
            if not isinstance(dim, int):
                return None
            total *= dim
        return total

    def check_budget(self, where: str) -> None:
        """Raises ResourceError if a tensor of this type is larger than the memory budget."""
        if self.nbytes is not None and self.nbytes > MEMORY_BUDGET:
            raise ResourceError(
                f"{where}: a tensor of {self} takes {self.nbytes} bytes, over the budget of {MEMORY_BUDGET}"
            )

    def with_shape(self, shape: Iterable[Dim]) -> TensorType:
        return TensorType(self.dtype, tuple(shape))

    def with_dtype(self, dtype: str) -> TensorType:
        return TensorType(dtype, self.shape)

    def __str__(self) -> str:
        return f"{DTYPES[self.dtype]}{shape_text(self.shape)}"


def numpy_name(dtype: str) -> str:
    """NumPy's name for an IR dtype: strings are Python objects, bfloat16 is computed in float32."""
    return {"string": "object", "bfloat16": "float32"}.get(dtype, dtype)


def ir_dtype(array: np.ndarray) -> str:
    """The IR's name for an array's dtype."""
    if array.dtype.kind in "OUS":
        return "string"
    return array.dtype.name


def type_of(array: np.ndarray) -> TensorType:
    """The exact type of an array."""
    return TensorType(ir_dtype(array), array.shape)


def is_float(dtype: str) -> bool:
    return dtype in ("float32", "float64", "float16", "bfloat16")


def shape_text(shape: Iterable[Dim]) -> str:
    return "[" + ",".join("?" if dim is None else str(dim) for dim in shape) + "]"


def same_dim(a: Dim, b: Dim, what: str = "dimensions") -> Dim:
    """The more precise of two sizes that must be equal.

    Raises ShapeError if both are known and differ.
    """
    if isinstance(a, int) and isinstance(b, int) and a != b:
        raise ShapeError(f"{what} must be equal, received {a} and {b}")
    if isinstance(a, int):
        return a
    if isinstance(b, int):
        return b
    return a if a is not None else b


def fits(actual: Shape, expected: Shape) -> bool:
    """Whether a shape is an instance of a possibly open one."""
    return len(actual) == len(expected) and all(
        not isinstance(want, int) or not isinstance(have, int) or have == want
        for have, want in zip(actual, expected, strict=True)
    )


def broadcast(*shapes: Shape) -> Shape:
    """The shape to which all broadcast under NumPy's rule. Raises ShapeError if they do not."""
    rank = max(map(len, shapes), default=0)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_dims(dims, shapes) for dims in zip(*padded, strict=True))


def _broadcast_dims(dims: tuple[Dim, ...], shapes: tuple[Shape, ...]) -> Dim:
    known = {dim for dim in dims if isinstance(dim, int) and dim != 1}
    if len(known) > 1:
        raise ShapeError("shapes do not broadcast: " + " with ".join(map(shape_text, shapes)))
    if known:
        return known.pop()
    open_dims = [dim for dim in dims if not isinstance(dim, int)]
    if not open_dims:
        return 1
    return open_dims[0] if len(set(open_dims)) == 1 else None


def product(dims: Iterable[Dim]) -> Dim:
    """The product of sizes: open if any is open, but a lone open size among ones keeps its name."""
    total, open_dims = 1, []
    for dim in dims:
        if isinstance(dim, int):
            total *= dim
        else:
            open_dims.append(dim)
    if not open_dims:
        return total
    return open_dims[0] if total == 1 and len(open_dims) == 1 else None


def normalize_axis(axis: int, rank: int, what: str = "axis") -> int:
    """A non-negative axis. Raises ShapeError if it is outside the rank."""
    if not -rank <= axis < rank:
        raise ShapeError(f"{what}={axis} is out of range for a tensor of rank {rank}")
    return axis % rank


def normalize_axes(axes: Iterable[int], rank: int, what: str = "axes") -> tuple[int, ...]:
    """Non-negative, distinct axes in the order given."""
    result = tuple(normalize_axis(axis, rank, what) for axis in axes)
    if len(set(result)) != len(result):
        raise ShapeError(f"{what}={tuple(axes)} names an axis twice")
    return result
