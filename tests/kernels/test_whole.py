"""Reductions of whole numbers."""

from __future__ import annotations

import numpy as np
import pytest
from kernel_checks import check


@pytest.mark.parametrize("dtype", ["int32", "int64"])
@pytest.mark.parametrize("op", ["sum", "prod", "max", "min"])
@pytest.mark.parametrize(("shape", "axes"), [((5, 7), (1,)), ((4, 3, 6), (0,)), ((2, 3, 4, 5), (1, 2)), ((9,), (0,))])
def test_reductions(shape: tuple[int, ...], axes: tuple[int, ...], op: str, dtype: str) -> None:
    x = np.random.default_rng(0).integers(-(2**30), 2**30, shape).astype(dtype)
    check(lambda b, x: getattr(b, f"reduce_{op}")(x, axes=axes, keepdims=False), x, lanes=16)
