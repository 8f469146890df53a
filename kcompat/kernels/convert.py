"""Numbers of one type as another."""

from __future__ import annotations

from typing import Any

import numpy as np

from .intrinsics import f32, f64, i8, i32, i64, u8, u32
from .shares import share_start

POINTERS = {
    "float32": f32, "float64": f64, "int8": i8, "int32": i32, "int64": i64, "uint8": u8, "uint32": u32, "bool": u8,
}  # fmt: skip

COMPARE = {
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
}


def cast(source: str, target: str, by_int64: int = 0) -> Any:
    """`y[i] = x[i]` in another type, as NumPy's astype, perhaps by way of int64; arguments: y, x, count."""
    read, write = POINTERS[source], POINTERS[target]
    to_bool, zero = target == "bool", np.dtype(source).type(0)
    as_type = np.dtype("uint8" if to_bool else target).type

    def kernel(a, thread, threads):
        y, x = write(a[0]), read(a[1])
        for i in range(share_start(a[2], thread, threads), share_start(a[2], thread + 1, threads)):
            if to_bool:
                y[i] = x[i] != zero
            elif by_int64:
                y[i] = as_type(np.int64(x[i]))
            else:
                y[i] = as_type(x[i])

    return kernel
