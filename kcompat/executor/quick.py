"""A call of a program with nothing between Python and the kernels.

The entry is machine code that Python calls as it calls a built-in function; it looks at the arrays itself.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import changes
from .frame import Frame

_METH_FASTCALL = 0x80


class _MethodDefinition(ctypes.Structure):
    """PyMethodDef of Python's stable ABI."""

    _fields_ = [
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    ]


_new_function = ctypes.pythonapi.PyCFunction_NewEx
_new_function.restype = ctypes.py_object
_new_function.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]


class QuickCall:
    """Code as a function of its inputs, in a sequence; gives its outputs, of these shapes and dtypes, in a list.

    Returns None for arrays that are not exactly the program's (dtype, shape, order) or that a kernel finds wrong, and
    once any weight has changed: whoever calls then takes the long way. There are frames for all calls that run at once.
    """

    __slots__ = ("_changes", "_definition", "_free", "_make", "_outputs")

    def __init__(
        self, make_frame: Callable[[], tuple[Frame, np.ndarray]], entry: int, outputs: Sequence[tuple[Any, Any]]
    ) -> None:
        self._changes = changes.count
        self._definition = _MethodDefinition(b"kcompat_program", entry, _METH_FASTCALL, None)
        self._outputs = outputs
        self._free: list[tuple[Any, Frame]] = []
        self._make = make_frame

    def lone(self, x: np.ndarray) -> np.ndarray | None:
        """The only output for the only input: without sequences of one, a microsecond sooner."""
        if changes.count != self._changes:
            return None
        try:
            entry = self._free.pop()
        except IndexError:
            entry = self._new()
        output = np.empty(*self._outputs[0])
        done = entry[0](x, output)
        self._free.append(entry)
        return output if done else None

    def __call__(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray] | None:
        if changes.count != self._changes:
            return None
        try:
            entry = self._free.pop()
        except IndexError:
            entry = self._new()
        outputs = [np.empty(shape, dtype) for shape, dtype in self._outputs]
        done = entry[0](*arrays, *outputs)
        self._free.append(entry)
        return outputs if done else None

    def _new(self) -> tuple[Any, Frame]:
        frame, words = self._make()
        return _new_function(ctypes.addressof(self._definition), words, None), frame
