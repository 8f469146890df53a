"""A kernel run by itself, for steps that no plan can hold."""

from __future__ import annotations

import numpy as np

from ..kernels import addresses
from ..plan.program import bits, kernel
from .frame import Kernel


def run_kernel(name: str, *words: int | float | np.ndarray, **parameters: int | str) -> None:
    """Run a kernel on numbers, floats as the bits of float32, and on the addresses of contiguous arrays."""
    key = kernel(name, **parameters)
    arguments = np.array([_word(word) for word in words], np.int64)
    Kernel(addresses([key])[key])(arguments.ctypes.data, 0, 1)


def _word(word: int | float | np.ndarray) -> int:
    if isinstance(word, np.ndarray):
        return int(word.ctypes.data)
    return bits(word) if isinstance(word, float) else int(word)
