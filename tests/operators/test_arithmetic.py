"""Cards of arithmetic where NumPy's own function would not do."""

from __future__ import annotations

import numpy as np
import pytest

import kcompat.operators  # noqa: F401 - enters the cards
from kcompat.errors import DtypeError
from kcompat.ir import OPERATORS, Builder, TensorType


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_integer_division_truncates_toward_zero(dtype: str) -> None:
    low = np.iinfo(dtype).min
    x = np.array([7, -7, 7, -7, 6, -6, 0, low, low], dtype)
    y = np.array([2, 2, -2, -2, 3, 3, 5, 3, 1], dtype)
    result = OPERATORS["div"].meaning(x, y)
    np.testing.assert_array_equal(result, [3, -3, -3, 3, 2, -2, 0, -(-int(low) // 3), low])
    assert result.dtype == dtype


def test_unsigned_division() -> None:
    result = OPERATORS["div"].meaning(np.array([255, 7], np.uint8), np.array([2, 7], np.uint8))
    np.testing.assert_array_equal(result, [127, 1])
    assert result.dtype == np.uint8


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "rsqrt", "reciprocal", "erf", "sigmoid", "softplus"])
def test_functions_of_reals_refuse_integers(name: str) -> None:
    builder = Builder()
    with pytest.raises(DtypeError, match=f"{name}: needs a floating operand, received int64"):
        getattr(builder, name)(builder.input(TensorType("int64", (3,))))
