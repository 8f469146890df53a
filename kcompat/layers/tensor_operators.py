"""Python's operators on symbolic tensors: each puts an operation into the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..config import lookup
from ..errors import ArgumentError


def _apply(name: str, *operands: Any, **arguments: Any) -> Any:
    from . import operations as operations  # says where the classes are

    return lookup("keras.src.ops.numpy", name)(**arguments)(*operands)  # type: ignore[operator]


class TensorOperators:
    """The operators of a KerasTensor, as keras.KerasTensor has them.

    `==` compares identity, as there; `keras.ops.equal` compares elements.
    """

    __array_ufunc__ = None  # lets the tensor's operators come before those of NumPy's arrays

    def __add__(self, other: Any) -> Any:
        return _apply("Add", self, other)

    def __radd__(self, other: Any) -> Any:
        return _apply("Add", other, self)

    def __sub__(self, other: Any) -> Any:
        return _apply("Subtract", self, other)

    def __rsub__(self, other: Any) -> Any:
        return _apply("Subtract", other, self)

    def __mul__(self, other: Any) -> Any:
        return _apply("Multiply", self, other)

    def __rmul__(self, other: Any) -> Any:
        return _apply("Multiply", other, self)

    def __truediv__(self, other: Any) -> Any:
        return _apply("TrueDivide", self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _apply("TrueDivide", other, self)

    def __floordiv__(self, other: Any) -> Any:
        return _apply("FloorDivide", self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _apply("FloorDivide", other, self)

    def __mod__(self, other: Any) -> Any:
        return _apply("Mod", self, other)

    def __rmod__(self, other: Any) -> Any:
        return _apply("Mod", other, self)

    def __pow__(self, other: Any) -> Any:
        return _apply("Power", self, other)

    def __rpow__(self, other: Any) -> Any:
        return _apply("Power", other, self)

    def __matmul__(self, other: Any) -> Any:
        return _apply("Matmul", self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return _apply("Matmul", other, self)

    def __neg__(self) -> Any:
        return _apply("Negative", self)

    def __abs__(self) -> Any:
        return _apply("Absolute", self)

    def __round__(self, ndigits: int | None = None) -> Any:
        return _apply("Round", self, decimals=ndigits or 0)

    def __lt__(self, other: Any) -> Any:
        return _apply("Less", self, other)

    def __le__(self, other: Any) -> Any:
        return _apply("LessEqual", self, other)

    def __gt__(self, other: Any) -> Any:
        return _apply("Greater", self, other)

    def __ge__(self, other: Any) -> Any:
        return _apply("GreaterEqual", self, other)

    def __ne__(self, other: Any) -> Any:
        return _apply("NotEqual", self, other)

    def __and__(self, other: Any) -> Any:
        return _apply("LogicalAnd", self, other)

    def __rand__(self, other: Any) -> Any:
        return _apply("LogicalAnd", other, self)

    def __or__(self, other: Any) -> Any:
        return _apply("LogicalOr", self, other)

    def __ror__(self, other: Any) -> Any:
        return _apply("LogicalOr", other, self)

    def __xor__(self, other: Any) -> Any:
        return _apply("LogicalXor", self, other)

    def __rxor__(self, other: Any) -> Any:
        return _apply("LogicalXor", other, self)

    def __invert__(self) -> Any:
        return _apply("LogicalNot", self)

    def __getitem__(self, key: Any) -> Any:
        return _apply("GetItem", self, key)

    def reshape(self, newshape: Any) -> Any:
        """The same elements in another shape; see keras.ops.reshape."""
        return _apply("Reshape", self, newshape=newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Without axes of size one; see keras.ops.squeeze."""
        return _apply("Squeeze", self, axis=axis)

    def __iter__(self) -> Iterator[Any]:
        raise ArgumentError("iterating over a symbolic tensor is not supported; kcompat.ops.unstack gives its slices")

    def __bool__(self) -> bool:
        raise ArgumentError("a symbolic tensor is neither true nor false: it has no elements before the model runs")

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise ArgumentError("a symbolic tensor has no elements; use kcompat.ops in place of NumPy's functions")
