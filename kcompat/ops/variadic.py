"""Functions that take any number of tensors one by one."""

from __future__ import annotations

from typing import Any

from ..config import lookup


def einsum(subscripts: str, *operands: Any) -> Any:
    """The sum of products that an equation states, which may have an ellipsis. Source: keras.ops.einsum."""
    return lookup("keras.src.ops.numpy", "Einsum")(subscripts)(*operands)  # type: ignore[operator]
