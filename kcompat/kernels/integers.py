"""Arithmetic of whole numbers, which wraps around as NumPy's."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .convert import POINTERS
from .shares import share_start

_COMBINE = {"add": lambda x, y: x + y, "sub": lambda x, y: x - y, "mul": lambda x, y: x * y}


def combine(op: str, dtype: str) -> Any:
    """`y[i] = op(x[i * xstep], z[i * zstep])`; arguments: y, x, z, count, xstep, zstep (0 for one number, else 1)."""
    pointer, apply, as_type = POINTERS[dtype], njit(inline="always")(_COMBINE[op]), np.dtype(dtype).type

    def kernel(a, thread, threads):
        y, x, z, xstep, zstep = pointer(a[0]), pointer(a[1]), pointer(a[2]), a[4], a[5]
        for i in range(share_start(a[3], thread, threads), share_start(a[3], thread + 1, threads)):
            y[i] = as_type(apply(x[i * xstep], z[i * zstep]))

    return kernel
